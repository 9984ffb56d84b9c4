import { MAX_FUNCTION_NAME_BYTES } from '@gearman/protocol';
import type { Dedup } from './dedup.ts';
import type { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import { Job, NORMAL } from './job.ts';
import type { JobLife } from './job-life.ts';
import { JobPolicy } from './job-policy.ts';
import { findParkedTwin, findTwin, type JobTable } from './job-table.ts';
import { type Ledger, startOf } from './ledger.ts';
import type { Parking } from './parking.ts';
import { keepPayload, payloadSizeBytes } from './payload.ts';
import { PayloadFile } from './payload-file.ts';
import type { Peer } from './peer.ts';
import type { Submission, SubmitRefusal, Submitted } from './submission.ts';
import type { Watchers } from './watchers.ts';

const MAX_UNIQUE_BYTES = 64;
const WATCHER_BYTES = 100;
/** Everything a worker says is sent to each of them. */
const MAX_WATCHERS_PER_JOB = 10_000;

/** What {@link Submissions} heeds. */
export interface SubmissionOptions {
  readonly noWorker: 'queue' | 'fail';
  readonly maxJobs: number;
  readonly maxQueueBytes: number;
  readonly maxMemoryBytes: number;
  /** What keeps background jobs, if anything does. */
  readonly ledger?: Ledger | undefined;
  readonly dedup: Dedup;
  /** What else takes of the memory for jobs. */
  readonly otherBytes: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What may be submitted, and whether a job comes of it. */
export class Submissions {
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #life: JobLife;
  readonly #watchers: Watchers;
  readonly #parking: Parking | undefined;
  readonly #options: SubmissionOptions;
  /** Nothing is accepted any more. */
  draining = false;
  /** What else counts as queued: schedules. */
  reservedBytes = 0;

  constructor(
    functions: FunctionTable,
    jobs: JobTable,
    life: JobLife,
    watchers: Watchers,
    parking: Parking | undefined,
    options: SubmissionOptions,
  ) {
    this.#functions = functions;
    this.#jobs = jobs;
    this.#life = life;
    this.#watchers = watchers;
    this.#parking = parking;
    this.#options = options;
  }

  /** What all jobs, the clients that wait for them, and schedules take. */
  get sizeBytes(): number {
    return (
      this.#jobs.sizeBytes +
      this.#watchers.count * WATCHER_BYTES +
      this.reservedBytes +
      this.#options.otherBytes()
    );
  }

  /** Whether there is room for one more job with such a payload. */
  hasRoom(payloadBytes: number): boolean {
    return this.#jobs.size < this.#options.maxJobs && this.#findFull(payloadBytes) === undefined;
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.#findFull(sizeBytes) === undefined;
  }

  /** What they do take, when so many of them are parked. */
  get memoryBytes(): number {
    return this.sizeBytes - this.#jobs.sizeBytes + this.#jobs.memoryBytes;
  }

  /**
   * @param heedsDedup false: it stands for itself, whatever its function says
   * @returns a job in the state `ended` when one that is over stands for it
   */
  submit(peer: Peer, submission: Submission, heedsDedup = true): Submitted {
    const { functionName, uniqueId, workload, priority, background, runAtMs, reducer, rules } = submission;
    if (uniqueId.length > MAX_UNIQUE_BYTES) return 'unique-too-large';
    if (reducer !== undefined && reducer.length > MAX_UNIQUE_BYTES) return 'reducer-too-large';
    if (peer.streaming && !background && uniqueId !== '') return 'unique-in-stream';
    if (this.draining) return 'shutting-down';
    const { ledger, dedup } = this.#options;
    if (background && ledger !== undefined && functionName.length > MAX_FUNCTION_NAME_BYTES)
      return 'function-too-large';
    const fn = this.#functions.use(functionName);
    if (fn === undefined) return 'too-many-functions';
    const same = heedsDedup ? (submission.dedup ?? fn.rules?.dedup) : undefined;
    const key = same && dedup.keyOf(fn, uniqueId, workload, same);
    if (key !== undefined) {
      if (peer.streaming && !background) return 'unique-in-stream';
      const first = dedup.holder(key, background);
      if (first !== undefined) return this.#merge(first, fn, peer, background);
    }
    const twin = findTwin(fn, uniqueId, workload);
    if (twin !== undefined) return this.#join(twin, peer, background);
    const parkedTwin = findParkedTwin(this.#jobs, fn, uniqueId, workload);
    if (parkedTwin > 0) return this.#findFull(0) ?? parkedTwin;
    const isOrphan = !background && fn.registrationCount === 0;
    if (isOrphan && this.#options.noWorker === 'fail') return 'no-worker';
    if (this.#jobs.size >= this.#options.maxJobs) return 'too-many-jobs';
    const full = this.#findFull(payloadSizeBytes(workload));
    if (full !== undefined) return full;
    if (key !== undefined && dedup.isFull) return 'too-many-dedup-ids';
    const limit = fn.maxQueue[priority];
    if (limit > 0 && fn.total >= limit) return 'queue-full';
    const number = this.#jobs.takeNumber();
    const payload = workload instanceof PayloadFile ? workload : keepPayload(workload);
    const job = new Job(number, fn, uniqueId, payload, priority, background, reducer);
    if (fn.rules !== undefined || rules !== undefined)
      job.policy = JobPolicy.of(fn.rules, rules, Math.max(runAtMs, this.#options.now()));
    if (!background) this.#watchers.attach(job, peer);
    if (background && ledger !== undefined) this.#life.store(job, runAtMs, ledger);
    else this.#life.begin(job, runAtMs);
    if (key !== undefined && same !== undefined) dedup.claim(key, job, same);
    return job;
  }

  #findFull(moreBytes: number): SubmitRefusal | undefined {
    if (this.sizeBytes + moreBytes > this.#options.maxQueueBytes) return 'memory-full';
    const { maxMemoryBytes } = this.#options;
    if (this.memoryBytes + moreBytes <= maxMemoryBytes) return undefined;
    this.#parking?.makeRoom(moreBytes + this.memoryBytes - this.#jobs.memoryBytes);
    return this.memoryBytes + moreBytes <= maxMemoryBytes ? undefined : 'no-memory';
  }

  /** An earlier job stands for this one. */
  #merge(number: number, fn: GearmanFunction, peer: Peer, background: boolean): Submitted {
    const first = this.#jobs.living(number);
    if (first !== undefined) return this.#join(first, peer, background);
    if (this.#jobs.parked.has(number)) return this.#findFull(0) ?? number;
    const past = new Job(number, fn, '', '', NORMAL, background, undefined);
    // To be told by Results.tell().
    past.state = 'ended';
    return past;
  }

  /** The job is there already: a foreground submit waits for it, too, a background one makes it stay. */
  #join(twin: Job, peer: Peer, background: boolean): Job | SubmitRefusal {
    const full = this.#findFull(0);
    if (full !== undefined) return full;
    if (background) {
      twin.background = true;
      if (twin.commit === undefined) this.#options.ledger?.put(twin, startOf(twin));
    } else {
      if (twin.watcherCount >= MAX_WATCHERS_PER_JOB) return 'memory-full';
      this.#watchers.attach(twin, peer);
    }
    return twin;
  }
}
