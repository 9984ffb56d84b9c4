import type { ListenerErrorEvent } from '@gearman/events';
import type { ReplyTimeoutError } from '@gearman/pool';
import type { GearmanError } from '@gearman/protocol';
import type { JobTimeoutError } from './errors.ts';
import type { WorkerJob } from './worker-job.ts';

/** Everything a worker tells, discriminated on `type`. What happens to its connections, `worker.pool` tells. */
export type WorkerEvent =
  /** `start()` was called. */
  | { readonly type: 'start' }
  /** The worker has stopped; the last event. The numbers are those of `stop()`. */
  | { readonly type: 'stop'; readonly finished: number; readonly aborted: number }
  /** No more jobs are asked for: of one server, or of all. */
  | { readonly type: 'pause'; readonly server: string | undefined }
  /** Jobs are asked for again. */
  | { readonly type: 'resume'; readonly server: string | undefined }
  /** A server did not answer a request for a job in time. The connection is dropped and opened again. */
  | { readonly type: 'grab-timeout'; readonly server: string; readonly error: ReplyTimeoutError }
  /** No job runs and no connected server has one. */
  | { readonly type: 'idle' }
  /** A job came and its handler is about to be called. */
  | { readonly type: 'job-start'; readonly job: WorkerJob }
  /** The handler reported progress. */
  | {
      readonly type: 'job-progress';
      readonly job: WorkerJob;
      readonly numerator: number;
      readonly denominator: number;
    }
  /** A job ended with a result. */
  | { readonly type: 'job-complete'; readonly job: WorkerJob; readonly resultBytes: number }
  /** A handler ended its job with `job.fail()`. */
  | { readonly type: 'job-fail'; readonly job: WorkerJob; readonly reason: string | undefined }
  /** A handler threw, or called `job.exception()`. */
  | { readonly type: 'job-exception'; readonly job: WorkerJob; readonly error: unknown }
  /** A handler gave its job back with `job.release()`; the server hands it out again after `delayMs`. */
  | { readonly type: 'job-release'; readonly job: WorkerJob; readonly delayMs: number }
  /** A job outlived the `timeoutMs` of its function. Its handler runs on, its signal has aborted. */
  | { readonly type: 'job-timeout'; readonly job: WorkerJob; readonly error: JobTimeoutError }
  /** A job is no longer this worker's: its connection was lost, the server took it back, or the worker stopped. */
  | { readonly type: 'job-lost'; readonly job: WorkerJob; readonly error: GearmanError }
  /** A handler threw after its job had ended. Nobody else hears of it. */
  | { readonly type: 'late-error'; readonly job: WorkerJob; readonly error: unknown }
  /** A function was registered again: new jobs go to the new handler. */
  | { readonly type: 'function-replaced'; readonly functionName: string }
  /** A server assigned a job of a function that is not registered. The job was refused. */
  | {
      readonly type: 'unknown-function';
      readonly server: string;
      readonly functionName: string;
      readonly handle: string;
    }
  | ListenerErrorEvent;

/** Where the parts of a worker send events: asks first, so that nothing is built for nobody. */
export interface EventSink {
  wants(type: WorkerEvent['type']): boolean;
  emit(event: WorkerEvent): void;
}
