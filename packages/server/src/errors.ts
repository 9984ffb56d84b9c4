import { GearmanError } from '@gearman/protocol';

/** The store has not answered for so long that the server waits no longer; it may still. */
export class StoreSilentError extends GearmanError {
  override readonly name = 'StoreSilentError';
  readonly code = 'ERR_GEARMAN_STORE_SILENT';
  override readonly retryable = true;

  constructor(store: string, timeoutMs: number) {
    super(`${store} has not answered for ${timeoutMs} ms; is the disk, or the database, overloaded or away?`);
  }
}

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
