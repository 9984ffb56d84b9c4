import { GearmanError } from '@gearman/protocol';

/**
 * Thrown by a handler to say that another attempt would not help. With the option `attempts` a server that tries jobs again
 * ends this one; clients with `retries` do not try it again in any case.
 */
export class NonRetryableError extends GearmanError {
  override readonly name = 'NonRetryableError';
  readonly code = 'ERR_GEARMAN_NON_RETRYABLE';
}

/** A job ran longer than the `timeoutMs` of its function. The reason of its signal; the server may have requeued it. */
export class JobTimeoutError extends GearmanError {
  override readonly name = 'JobTimeoutError';
  readonly code = 'ERR_GEARMAN_JOB_TIMEOUT';
  readonly functionName: string;
  readonly timeoutMs: number;

  constructor(functionName: string, timeoutMs: number) {
    super(`the job of "${functionName}" ran longer than ${timeoutMs} ms`);
    this.functionName = functionName;
    this.timeoutMs = timeoutMs;
  }
}
