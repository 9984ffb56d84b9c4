import { GearmanError } from '@gearman/protocol';

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
