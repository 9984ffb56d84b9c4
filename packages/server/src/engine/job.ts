import type { Alarm } from './alarm-heap.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { JobPolicy } from './job-policy.ts';
import type { Commit } from './ledger.ts';
import type { Payload } from './payload.ts';
import type { Peer } from './peer.ts';
import type { Watcher } from './watchers.ts';

/** 0 high, 1 normal, 2 low: the numbers that stores of gearmand use, too. */
export type Priority = 0 | 1 | 2;
export const HIGH = 0 satisfies Priority;
export const NORMAL = 1 satisfies Priority;
export const LOW = 2 satisfies Priority;

/**
 * Where a job is.
 *
 * - `storing`: new, and not to run before it is durable; see {@link Job.commit}.
 * - `delayed`: an epoch job before its time, or one that waits for its next attempt; its `alarm` says when.
 * - `queued`: in a queue of its function, any worker may take it.
 * - `running`: `worker` holds it; `alarm` is its timeout, if it has one.
 * - `cancelled`: ended for everybody but the worker, whose remaining packets are swallowed.
 * - `parked`: in the store; what is here is nobody's any more.
 * - `ended`: gone.
 */
export type JobState = 'storing' | 'delayed' | 'queued' | 'running' | 'cancelled' | 'parked' | 'ended';

/** What the engine knows of one job. Millions may exist, so there is nothing in it that could be computed. */
export class Job {
  /** Counts jobs of this server; the handle is built from it. */
  readonly number: number;
  readonly fn: GearmanFunction;
  readonly uniqueId: string;
  readonly priority: Priority;
  readonly payload: Payload;
  readonly reducer: string | undefined;
  /** True once it was submitted as a background job, even if that submit merged into a foreground job. */
  background: boolean;
  state: JobState = 'queued';
  /** Whether a restart would find it: no, yes, or when this commit is through. */
  commit: Commit | 'stored' | undefined = undefined;
  /** Its place among the jobs of its priority: smaller is earlier. */
  order = 0;
  /** How many runs of it have come to nothing: lost workers, and failures where its policy has it run again. */
  retries = 0;
  numerator = 0;
  denominator = 0;
  worker: Peer | undefined = undefined;
  alarm: Alarm<Job> | undefined = undefined;
  /** What is said of it beyond the protocol. */
  policy: JobPolicy | undefined = undefined;
  watchers: Watcher | undefined = undefined;
  watcherCount = 0;
  /** Neighbours in its queue, or among the jobs its worker runs. */
  next: Job | undefined = undefined;
  previous: Job | undefined = undefined;

  constructor(
    number: number,
    fn: GearmanFunction,
    uniqueId: string,
    payload: Payload,
    priority: Priority,
    background: boolean,
    reducer: string | undefined,
  ) {
    this.number = number;
    this.fn = fn;
    this.uniqueId = uniqueId;
    this.payload = payload;
    this.priority = priority;
    this.background = background;
    this.reducer = reducer;
  }
}

/** True when nobody waits for the job's result any more: a foreground job left by its last client. */
export function isAbandoned(job: Job): boolean {
  return !job.background && job.watchers === undefined;
}
