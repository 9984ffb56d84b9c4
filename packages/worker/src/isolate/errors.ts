import { GearmanError } from '@gearman/protocol';

/** The thread or process of an isolated handler ended in the middle of a job. Others, and the worker, go on. */
export class SandboxCrashError extends GearmanError {
  override readonly name = 'SandboxCrashError';
  readonly code = 'ERR_GEARMAN_SANDBOX_CRASH';
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;

  constructor(how: string, exitCode: number | undefined, options?: ErrorOptions) {
    super(`the handler's ${how} before the job had ended`, options);
    this.exitCode = exitCode;
  }
}
