import type { Clock } from '@gearman/events';
import type { Connection } from '@gearman/pool';
import type { JobRef } from '@gearman/protocol';
import type { SubmitTimeoutError } from './errors.ts';
import type { WorkListener } from './handle-table.ts';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import type { Submission } from './submission.ts';

/**
 * What asking a server to cancel a job came to: `removed`, it waited and never runs; `signalled`, a worker has it, which
 * may or may not hear of it; `unknown`, there is no such job (any more).
 */
export type CancelOutcome = 'removed' | 'signalled' | 'unknown';

/** What a job needs of its client. */
export interface JobHost {
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  random(): number;
  /** The job is over: nobody looks after it any more. */
  settle(submission: Submission): void;
  /** Sends a job again. */
  resend(submission: Submission): void;
  /** Asks the job's server to end it. Rejects when that could not be asked. */
  cancel(ref: JobRef): Promise<CancelOutcome>;
  /**
   * From now on `listener` hears what comes for the handle.
   *
   * @param shares whether its job may be one with another that has this handle
   * @returns false when it may not, and there is one: then the connection was dropped
   */
  listen(connection: Connection, handle: string, listener: WorkListener, shares: boolean): boolean;
  /** The moment `delayMs` from now. Whoever has it as its `deadlineMs` is called then. */
  deadlineAfter(delayMs: number): number;
  /** The error for a job that no server took in time; knows why each could not be used. */
  submitTimeout(functionName: string, timeoutMs: number): SubmitTimeoutError;
  /** True when no other job is under way. */
  isOnly(): boolean;
  /** True when the client has a listener for this type of event. */
  wants(type: JobEvent['type']): boolean;
  /** Shows a job's event on the client. */
  publish<O>(event: JobEvent<O>, job: Job<O, unknown>): void;
}
