import { GearmanError } from '@gearman/protocol';

/** The server cannot listen: the address is in use, unknown, or not allowed; `cause` is Node's own error. Or it does not. */
export class ListenError extends GearmanError {
  override readonly name = 'ListenError';
  readonly code = 'ERR_GEARMAN_LISTEN';
}
