import type { GearmanFunction } from './gearman-function.ts';
import type { Job } from './job.ts';
import { JobPages } from './job-pages.ts';
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

/** All jobs by handle and by unique id, and what they take. */
export class JobTable {
  /** What a handle begins with; a number follows. */
  #prefix: string;
  readonly #byNumber = new JobPages();
  // The newest job of each unique id, whatever its function; older ones hang behind it.
  readonly #byUniqueId = new Map<string, Job>();
  #lastNumber = 0;
  #sizeBytes = 0;

  constructor(handlePrefix: string) {
    this.#prefix = handlePrefix;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Memory of all jobs, about. */
  get sizeBytes(): number {
    return this.#sizeBytes;
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

  handleOf(job: Job): string {
    return this.#prefix + job.number;
  }

  /** The job of a handle, also a cancelled one that its worker still runs. */
  find(handle: string): Job | undefined {
    const number = this.numberOf(handle);
    return number === undefined ? undefined : this.#byNumber.get(number);
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

  /** The newest job with this unique id, of whatever function. */
  findUnique(uniqueId: string): Job | undefined {
    return this.#byUniqueId.get(uniqueId);
  }

  /** Every job, oldest first; jobs may come and go while one looks. */
  values(): IterableIterator<Job> {
    return this.#byNumber.values();
  }

  add(job: Job): void {
    this.#addNumber(job);
    const key = coalescingKey(job.uniqueId, job.payload);
    if (key === undefined) return;
    job.fn.uniques.set(key, job);
    if (isFindable(job.uniqueId)) this.#addTwin(job);
  }

  /** Adds a job of an earlier server; the oldest of several with the same unique id keeps it. */
  addRestored(job: Job): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    if (key === undefined || !job.fn.uniques.has(key)) this.add(job);
    else this.#addNumber(job);
  }

  /** Lets another job take the unique id of this one. */
  freeUniqueId(job: Job): void {
    const key = coalescingKey(job.uniqueId, job.payload);
    if (key === undefined || job.fn.uniques.get(key) !== job) return;
    job.fn.uniques.delete(key);
    if (isFindable(job.uniqueId)) this.#removeTwin(job);
  }

  /** Forgets a job whose unique id is free already. */
  delete(job: Job): void {
    if (this.#byNumber.delete(job)) {
      this.#sizeBytes -= JOB_OVERHEAD_BYTES + payloadSizeBytes(job.payload);
      releasePayload(job.payload);
    }
  }

  #addNumber(job: Job): void {
    this.#byNumber.add(job);
    this.#sizeBytes += JOB_OVERHEAD_BYTES + payloadSizeBytes(job.payload);
    retainPayload(job.payload);
  }

  #addTwin(job: Job): void {
    const older = this.#byUniqueId.get(job.uniqueId);
    if (older !== undefined) older.newerTwin = job;
    job.olderTwin = older;
    this.#byUniqueId.set(job.uniqueId, job);
  }

  #removeTwin(job: Job): void {
    const { olderTwin, newerTwin } = job;
    if (olderTwin !== undefined) olderTwin.newerTwin = newerTwin;
    if (newerTwin !== undefined) newerTwin.olderTwin = olderTwin;
    else if (olderTwin !== undefined) this.#byUniqueId.set(job.uniqueId, olderTwin);
    else this.#byUniqueId.delete(job.uniqueId);
    job.olderTwin = undefined;
    job.newerTwin = undefined;
  }
}

/** The job that a submit with this unique id and payload would merge into. */
export function findTwin(fn: GearmanFunction, uniqueId: string, payload: Payload): Job | undefined {
  if (uniqueId === '' || fn.uniques.size === 0) return undefined;
  const key = coalescingKey(uniqueId, payload);
  return key === undefined ? undefined : fn.uniques.get(key);
}

/** An empty id never merges; `-` stands for the payload, and an empty payload never merges either. */
export function coalescingKey(uniqueId: string, payload: Payload): string | undefined {
  if (uniqueId === '') return undefined;
  if (uniqueId !== '-') return uniqueId;
  return isEmptyPayload(payload) ? undefined : payloadKey(payload);
}

/** GET_STATUS_UNIQUE never finds a job whose payload is its key. */
function isFindable(uniqueId: string): boolean {
  return uniqueId !== '-';
}
