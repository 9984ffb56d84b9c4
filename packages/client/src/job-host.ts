import type { Clock } from '@gearman/events';
import type { Connection } from '@gearman/pool';
import type { SubmitTimeoutError } from './errors.ts';
import type { WorkListener } from './handle-table.ts';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import type { Submission } from './submission.ts';

/** What a job needs of its client. */
export interface JobHost {
  readonly clock: Clock;
  /** The job is over: nobody looks after it any more. */
  settle(submission: Submission): void;
  /** From now on `listener` hears what comes for the handle. */
  listen(connection: Connection, handle: string, listener: WorkListener): void;
  /** The moment `delayMs` from now. Whoever has it as its `deadlineMs` is called then. */
  deadlineAfter(delayMs: number): number;
  /** The error for a job that no server took in time; knows why each could not be used. */
  submitTimeout(functionName: string, timeoutMs: number): SubmitTimeoutError;
  /** True when the client has a listener for this type of event. */
  wants(type: JobEvent['type']): boolean;
  /** Shows a job's event on the client. */
  publish<O>(event: JobEvent<O>, job: Job<O>): void;
}
