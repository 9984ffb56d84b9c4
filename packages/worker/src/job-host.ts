import type { Clock, Logger } from '@gearman/events';
import type { GearmanError } from '@gearman/protocol';
import type { JobTimeoutError } from './errors.ts';
import type { ExceptionFormat } from './exception.ts';
import type { ExceptionRule } from './exception-rule.ts';
import type { GrabLoop } from './grab-loop.ts';
import type { RunningJob } from './job.ts';
import type { JobClient } from './job-client.ts';

/** Whom a job tells, and what it needs to know of its worker. */
export interface JobHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly client: JobClient | undefined;
  readonly exceptionFormat: ExceptionFormat;
  readonly progressIntervalMs: number;
  /** Whether servers were asked to understand more about failures. */
  readonly attempts: boolean;
  readonly noRetryCodes: readonly (string | number)[];
  /** Largest packet body, in bytes. */
  readonly maxPacketBytes: number;
  /** What this server is to be sent for an exception. */
  exceptionRule(loop: GrabLoop): ExceptionRule;
  /** WORK_EXCEPTION was sent; whether this server wants a WORK_FAIL behind it has to be found out. */
  onUncertainException(loop: GrabLoop, handle: string): void;
  /** True when this server cannot enforce time limits. */
  limitsAreOurs(loop: GrabLoop): boolean;
  onProgress(job: RunningJob, numerator: number, denominator: number): void;
  /** The job is over for the server, in one of five ways. */
  onComplete(job: RunningJob, resultBytes: number): void;
  onFail(job: RunningJob, reason: string | undefined): void;
  onException(job: RunningJob, error: unknown): void;
  /** It gave the job back. */
  onRelease(job: RunningJob, delayMs: number): void;
  onLost(job: RunningJob, error: GearmanError): void;
  onTimeout(job: RunningJob, error: JobTimeoutError): void;
  onLateError(job: RunningJob, error: unknown): void;
  /** The job has ended after its handler did, or before one was called. */
  onEndAlone(job: RunningJob): void;
}
