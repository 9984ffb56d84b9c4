import { GearmanError } from '@gearman/protocol';

/** The server cannot listen: the address is in use, unknown, or not allowed; `cause` is Node's own error. Or it does not. */
export class ListenError extends GearmanError {
  override readonly name = 'ListenError';
  readonly code = 'ERR_GEARMAN_LISTEN';
}

/** The directory for large payloads cannot be used: another server has it, or it must not be written. */
export class SpoolError extends GearmanError {
  override readonly name = 'SpoolError';
  readonly code = 'ERR_GEARMAN_SPOOL';
}
