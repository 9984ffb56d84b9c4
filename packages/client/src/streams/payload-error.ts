import { GearmanError } from '@gearman/protocol';

/** The payload of a job could not be read to its end, or is longer or shorter than it may be. Nothing was sent. */
export class PayloadError extends GearmanError {
  override readonly name = 'PayloadError';
  readonly code = 'ERR_GEARMAN_PAYLOAD';
}
