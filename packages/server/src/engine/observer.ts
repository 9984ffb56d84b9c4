import type { Job } from './job.ts';
import type { Peer } from './peer.ts';

/**
 * How a job ended: by its worker, by an administrator, by losing too many workers, by losing a worker that streamed its
 * output, by losing all clients.
 */
export type JobEnd =
  | 'complete'
  | 'fail'
  | 'exception'
  | 'cancelled'
  | 'retries-used-up'
  | 'stream-broken'
  | 'abandoned';

/** Why a job went back to its queue. */
export type RequeueReason = 'worker-lost' | 'timeout' | 'function-withdrawn';

/** Told what happens to jobs and functions; must not call back into the engine. */
export interface EngineObserver {
  jobQueued(job: Job): void;
  jobAssigned(job: Job, worker: Peer): void;
  jobRequeued(job: Job, reason: RequeueReason): void;
  jobEnded(job: Job, how: JobEnd): void;
  functionCreated(name: string): void;
  functionDropped(name: string): void;
}
