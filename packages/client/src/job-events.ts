import type { ListenerErrorEvent } from '@gearman/events';
import type { ClosedError, NoServersError, ServerError, UnsupportedError } from '@gearman/pool';
import type { JobRef } from '@gearman/protocol';
import type { ValidationError } from '@gearman/protocol/payload';
import type { OverflowError } from './collection-errors.ts';
import type {
  JobCancelledError,
  JobExceptionError,
  JobFailedError,
  JobLostError,
  QueueFullError,
  ResponseTimeoutError,
  SubmitTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
import type { PayloadError } from './streams/payload-error.ts';

/** How far a job says it is. */
export interface JobProgress {
  readonly numerator: number;
  readonly denominator: number;
  /** `numerator / denominator`; 0 when the denominator is 0. */
  readonly fraction: number;
}

/** The job is over without a result. Each of these is a job's last event, and its error is what the promise rejects with. */
export type JobFailure =
  /** The worker gave up, or the server refused the job, or every server had been given up, `maxPending` was reached, its
   * payload could not be read, or input or result break the contract. */
  | {
      readonly type: 'fail';
      readonly error:
        | JobFailedError
        | QueueFullError
        | UnsupportedError
        | ServerError
        | NoServersError
        | OverflowError
        | PayloadError
        | ValidationError;
    }
  /** The worker threw. */
  | { readonly type: 'exception'; readonly error: JobExceptionError }
  /** One of the three time-outs ran out. */
  | {
      readonly type: 'timeout';
      readonly error: SubmitTimeoutError | SubmitUnknownError | ResponseTimeoutError;
    }
  /** The connection is gone, or the client or its pool was closed. */
  | { readonly type: 'lost'; readonly error: JobLostError | SubmitUnknownError | ClosedError }
  /** The caller gave it up: its signal, or `detach()`. */
  | { readonly type: 'cancelled'; readonly error: JobCancelledError };

/** The job is over, with its result. */
export interface JobCompletion<O = Buffer> {
  readonly type: 'complete';
  readonly value: O;
  /** The result as it came. */
  readonly bytes: Buffer;
}

/** Everything a job tells, discriminated on `type`. Exactly one {@link JobCompletion} or {@link JobFailure} comes last. */
export type JobEvent<O = Buffer> =
  /** The job was handed to the connection to `server` (`host:port`). */
  | { readonly type: 'submitted'; readonly server: string }
  /** The server took it. */
  | { readonly type: 'created'; readonly ref: JobRef }
  /** The worker reported progress. */
  | ({ readonly type: 'status' } & JobProgress)
  /** The worker sent a part of the result. */
  | { readonly type: 'data'; readonly bytes: Buffer }
  /** The worker sent a warning; the job goes on. `text` is the same as UTF-8. */
  | { readonly type: 'warning'; readonly bytes: Buffer; readonly text: string }
  /** An attempt failed with `error`; attempt number `attempt` (2 is the first repetition) follows after `delayMs`. */
  | {
      readonly type: 'retry';
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: JobFailure['error'];
    }
  | JobCompletion<O>
  | JobFailure
  | ListenerErrorEvent;

/** What a job is doing, as far as its client knows. */
export type JobState<O = Buffer> =
  /** It waits for a connection. Nothing was sent. */
  | { readonly name: 'waiting' }
  /** It was sent to `server` and not answered yet. */
  | { readonly name: 'submitted'; readonly server: string }
  /** The server has it: queued or running, only a status query can tell. */
  | { readonly name: 'created'; readonly ref: JobRef }
  /** An attempt failed with `error`; number `attempt` follows within `delayMs`. */
  | {
      readonly name: 'retrying';
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: JobFailure['error'];
    }
  | { readonly name: 'complete'; readonly event: JobCompletion<O> }
  | { readonly name: 'failed'; readonly event: JobFailure };

/** True for the event after which a job says nothing more. */
export function isLastEvent<O>(event: JobEvent<O>): event is JobCompletion<O> | JobFailure {
  switch (event.type) {
    case 'complete':
    case 'fail':
    case 'exception':
    case 'timeout':
    case 'lost':
    case 'cancelled':
      return true;
    default:
      return false;
  }
}
