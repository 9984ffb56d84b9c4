import type { GearmanFunction } from './gearman-function.ts';
import type { Job } from './job.ts';
import { JobPages } from './job-pages.ts';
import { ParkedJobs } from './parked-jobs.ts';
import {
  isEmptyPayload,
  type Payload,
  payloadKey,
  payloadSizeBytes,
  releasePayload,
  retainPayload,
} from './payload.ts';

/** What a job costs beside its payload, measured on Node 20, rounded up. */
const JOB_OVERHEAD_BYTES = 320;

/** The jobs whose numbers lie together, each list rising. */
export interface JobPage {
  readonly jobs: readonly Job[];
  readonly parked: readonly number[];
}

/** All jobs by handle, and what they take; by unique id each function has its own. */
export class JobTable {
  /** Those of which only the number is in memory. */
  readonly parked = new ParkedJobs();
  /** What a handle begins with; a number follows. */
  #prefix: string;
  readonly #byNumber = new JobPages();
  #lastNumber = 0;
  #sizeBytes = 0;

  constructor(handlePrefix: string) {
    this.#prefix = handlePrefix;
  }

  get size(): number {
    return this.#byNumber.size + this.parked.count;
  }

  /** What all jobs would take in memory, about. */
  get sizeBytes(): number {
    return this.#sizeBytes + this.parked.sizeBytes;
  }

  /** What they do take, with so many of them parked. */
  get memoryBytes(): number {
    return this.#sizeBytes + this.parked.memoryBytes;
  }

  /** The number of the job made last; numbers are never used twice. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  takeNumber(): number {
    return ++this.#lastNumber;
  }

  get handlePrefix(): string {
    return this.#prefix;
  }

  /** Goes on where an earlier server ended. @param lastNumber the largest number that it may have used */
  adopt(handlePrefix: string, lastNumber: number): void {
    this.#prefix = handlePrefix;
    this.#lastNumber = Math.max(this.#lastNumber, lastNumber);
  }

  handleOf(job: Pick<Job, 'number'>): string {
    return this.#prefix + job.number;
  }

  /** The job of a handle, also a cancelled one that its worker still runs. */
  find(handle: string): Job | undefined {
    const number = this.numberOf(handle);
    return number === undefined ? undefined : this.#byNumber.get(number);
  }

  /** The number of the parked job of a handle, or 0. */
  findParked(handle: string): number {
    if (this.parked.count === 0) return 0;
    const number = this.numberOf(handle) ?? 0;
    return this.parked.has(number) ? number : 0;
  }

  /** The job of a number, unless it is over or parked. */
  living(number: number): Job | undefined {
    const job = this.#byNumber.get(number);
    return job?.state === 'cancelled' ? undefined : job;
  }

  /** The number in a handle of this server; undefined for any other text. */
  numberOf(handle: string): number | undefined {
    const from = this.#prefix.length;
    if (handle.length === from || !handle.startsWith(this.#prefix)) return undefined;
    let number = 0;
    for (let at = from; at < handle.length; at++) {
      const digit = handle.charCodeAt(at) - 0x30;
      // A leading zero would give one job two handles.
      if (digit < 0 || digit > 9 || (digit === 0 && at === from)) return undefined;
      number = number * 10 + digit;
    }
    return number;
  }

  /** Every job, oldest first; jobs may come and go while one looks. */
  values(): IterableIterator<Job> {
    return this.#byNumber.values();
  }

  add(job: Job): void {
    this.#addNumber(job);
    const key = coalescingKey(job.uniqueId, job.payload);
    if (key !== undefined) job.fn.uniques.set(key, job);
  }

  /** Adds a job of an earlier server; the oldest of several with the same unique id keeps it. */
  addRestored(job: Job): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    const isTaken = key !== undefined && (job.fn.uniques.has(key) || this.parked.twin(job.fn.id, key) !== 0);
    if (isTaken) this.#addNumber(job);
    else this.add(job);
  }

  /** Keeps of a job no more than its number. */
  park(job: Job): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    const ownKey = key !== undefined && job.fn.uniques.get(key) === job ? key : undefined;
    this.freeUniqueId(job);
    this.delete(job);
    this.parked.add(job.number, sizeOf(job), job.fn.id, ownKey);
  }

  /** A parked job is whole again. @param sizeBytes what it took when it was parked */
  unpark(job: Job, sizeBytes: number): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    if (this.parked.delete(job.number, sizeBytes, job.fn.id, key)) this.add(job);
    else this.#addNumber(job);
  }

  /** Goes through all jobs, oldest first, as they are when their page comes. */
  *pages(): IterableIterator<JobPage> {
    const indexes = new Set([...this.#byNumber.pages(), ...this.parked.pages()]);
    for (const index of [...indexes].sort((a, b) => a - b)) {
      yield { jobs: this.#byNumber.jobsOf(index), parked: this.parked.numbersOf(index) };
    }
  }

  /** Lets another job take the unique id of this one. */
  freeUniqueId(job: Job): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    if (key === undefined || job.fn.uniques.get(key) !== job) return;
    job.fn.uniques.delete(key);
  }

  /** Forgets a job whose unique id is free already. */
  delete(job: Job): void {
    if (this.#byNumber.delete(job)) {
      this.#sizeBytes -= sizeOf(job);
      releasePayload(job.payload);
    }
  }

  #addNumber(job: Job): void {
    this.#byNumber.add(job);
    this.#sizeBytes += sizeOf(job);
    retainPayload(job.payload);
  }
}

/** What a job takes in memory. */
export function sizeOf(job: Job): number {
  return JOB_OVERHEAD_BYTES + payloadSizeBytes(job.payload);
}

/** The job that a submit with this unique id and payload would merge into. */
export function findTwin(fn: GearmanFunction, uniqueId: string, payload: Payload): Job | undefined {
  if (uniqueId === '' || fn.uniques.size === 0) return undefined;
  const key = coalescingKey(uniqueId, payload);
  return key === undefined ? undefined : fn.uniques.get(key);
}

/** The number of a parked job that a submit with this unique id and payload would merge into, or 0. */
export function findParkedTwin(
  { parked }: JobTable,
  fn: GearmanFunction,
  uniqueId: string,
  payload: Payload,
): number {
  if (uniqueId === '' || parked.count === 0) return 0;
  const key = coalescingKey(uniqueId, payload);
  return key === undefined ? 0 : parked.twin(fn.id, key);
}

/** An empty id never merges; `-` stands for the payload, and an empty payload never merges either. */
export function coalescingKey(uniqueId: string, payload: Payload): string | undefined {
  if (uniqueId === '') return undefined;
  if (uniqueId !== '-') return uniqueId;
  return isEmptyPayload(payload) ? undefined : payloadKey(payload);
}
