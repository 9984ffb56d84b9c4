import type { Fate } from './afterlife.ts';
import type { Job } from './job.ts';
import type { Peer } from './peer.ts';

/**
 * How a job ended: by its worker, by an administrator, by losing too many workers, by losing a worker that streamed its
 * output, by losing all clients, by waiting for too long.
 */
export type JobEnd =
  | 'complete'
  | 'fail'
  | 'exception'
  | 'cancelled'
  | 'retries-used-up'
  | 'stream-broken'
  | 'abandoned'
  | 'expired';

/** Why a job went back to its queue. */
export type RequeueReason =
  | 'worker-lost'
  | 'timeout'
  | 'function-withdrawn'
  | 'fail'
  | 'exception'
  | 'released';

/** Told what happens to jobs and functions; must not call back into the engine. */
export interface EngineObserver {
  jobQueued(job: Job): void;
  jobAssigned(job: Job, worker: Peer): void;
  /** @param delayMs how long it waits before it may run again */
  jobRequeued(job: Job, reason: RequeueReason, delayMs: number): void;
  /** @param fate where it is now, if it is kept or goes on */
  jobEnded(job: Job, how: JobEnd, fate: Fate | undefined): void;
  functionCreated(name: string): void;
  functionDropped(name: string): void;
}
