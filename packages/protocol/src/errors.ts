/** Root of every error these packages throw or emit. Match on `code`; messages may change. */
export abstract class GearmanError extends Error {
  abstract readonly code: `ERR_GEARMAN_${string}`;
  /** True when the same call may be repeated and cannot run a job twice. */
  readonly retryable: boolean = false;
}

/** An argument or option cannot be used: wrong type, unknown key, too long, a NUL inside. Nothing was sent. */
export class InvalidArgumentError extends GearmanError {
  override readonly name = 'InvalidArgumentError';
  readonly code = 'ERR_GEARMAN_INVALID_ARGUMENT';
}

/** The bytes of a peer are not Gearman, or not what was asked for. */
export class ProtocolError extends GearmanError {
  override readonly name = 'ProtocolError';
  readonly code = 'ERR_GEARMAN_PROTOCOL';
}
