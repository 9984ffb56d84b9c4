import type { StoredJob } from '../store/store.ts';
import { Backlog } from './backlog.ts';
import { Evictions, type Parker } from './evictions.ts';
import type { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { Job } from './job.ts';
import { type JobTable, sizeOf } from './job-table.ts';
import type { Ledger } from './ledger.ts';
import type { ParkedJob } from './parked-run.ts';
import { PayloadFile } from './payload-file.ts';
import { restoredJob } from './restored-job.ts';
import type { WakeUps } from './wake-ups.ts';

/** What {@link Parking} needs. */
export interface ParkingParts {
  readonly functions: FunctionTable;
  readonly jobs: JobTable;
  readonly wakeUps: WakeUps;
  readonly ledger: Ledger;
  /** What jobs may take in memory, in bytes. */
  readonly maxMemoryBytes: number;
  /** When jobs take more than this, some are parked; the rest is for those that are new or come back. */
  readonly parkAboveBytes: number | undefined;
}

/** Told when a parked job is whole again, or has gone. Must not call back into the engine. */
export interface RecallWaiter {
  goOn(): void;
}

/** Where that is not said: this share of the memory. */
const PARK_ABOVE = 5 / 8;
/** What a queue has in memory of its parked jobs at a time: as many, and so much of the memory. */
const MOST_JOBS_PER_QUEUE = 1024;
const MOST_BYTES_PER_QUEUE = 2 * 1024 * 1024;
const SHARE_OF_QUEUES = 1 / 16;
/** Jobs that are asked for at once, and recalls among them. */
const MOST_JOBS_PER_READ = 4096;
/** Jobs that are parked for one submit. */
const MOST_JOBS_FOR_ROOM = 1000;
const MOST_RECALLS_PER_READ = 256;

/**
 * Which jobs are in memory when not all of them can be.
 *
 * A job is whole, or it is parked: then the store has it, and here are its number, its place and the hash of its unique id.
 * Workers are given whole jobs only. So the first ones of each queue that somebody works for are whole, and when there are
 * few of them left, the next ones are asked for.
 */
export class Parking implements Parker {
  readonly windowJobs = MOST_JOBS_PER_QUEUE;
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #wakeUps: WakeUps;
  readonly #ledger: Ledger;
  readonly #maxMemoryBytes: number;
  readonly #parkAboveBytes: number;
  readonly #evictions: Evictions;
  /** Queues that have parked jobs. */
  #backlogCount = 0;
  /** Parked jobs that somebody waits for, and who. */
  readonly #recalls = new Map<number, RecallWaiter[]>();
  /** What is being read at present. */
  #loading: Backlog[] = [];
  #recalling: number[] = [];
  #isReading = false;
  /** Nothing could be parked to make room; until the next commit, that is not tried for every submit. */
  #isCrammed = false;

  constructor(parts: ParkingParts) {
    this.#functions = parts.functions;
    this.#jobs = parts.jobs;
    this.#wakeUps = parts.wakeUps;
    this.#ledger = parts.ledger;
    this.#maxMemoryBytes = parts.maxMemoryBytes;
    this.#parkAboveBytes = parts.parkAboveBytes ?? parts.maxMemoryBytes * PARK_ABOVE;
    this.#evictions = new Evictions(this, parts.functions);
  }

  /** True while jobs take more memory than they should. */
  get isOver(): boolean {
    return this.memoryBytes > this.#parkAboveBytes;
  }

  get memoryBytes(): number {
    return this.#jobs.memoryBytes;
  }

  get windowBytes(): number {
    const share = (this.#maxMemoryBytes * SHARE_OF_QUEUES) / Math.max(1, this.#backlogCount);
    return Math.min(MOST_BYTES_PER_QUEUE, share);
  }

  /** How many jobs are parked. */
  get count(): number {
    return this.#jobs.parked.count;
  }

  /** The number of the parked job of a handle, or 0. */
  find(handle: string): number {
    return this.#jobs.findParked(handle);
  }

  /** The number of the newest parked job with this unique id, of whatever function, or 0. */
  findUnique(uniqueId: string): number {
    return this.#jobs.parked.newest(uniqueId);
  }

  /** Whether the store has a queued job just as it is, and nobody else holds on to it. */
  canPark(job: Job): boolean {
    return (
      job.state === 'queued' &&
      job.commit === 'stored' &&
      job.background &&
      job.watchers === undefined &&
      // It may expire.
      job.policy === undefined &&
      // There is next to nothing of it in memory.
      !(job.payload instanceof PayloadFile) &&
      !this.#ledger.owes(job)
    );
  }

  /** A job that has just got its place behind all others is parked if some before it are. @returns whether it is */
  takesLast(job: Job): boolean {
    if (job.fn.backlogs[job.priority] === undefined || !this.canPark(job)) return false;
    this.parkLast(job);
    return true;
  }

  /** Parks a job that is in no queue, and whose place is behind all others. */
  parkLast(job: Job): void {
    const backlog = this.#backlogOf(job);
    backlog.run.pushBack(job.number, job.order, sizeOf(job));
    this.#park(job);
    this.#functions.feed(backlog);
  }

  parkNext(job: Job): void {
    this.#backlogOf(job).run.pushFront(job.number, job.order, sizeOf(job));
    this.#park(job);
  }

  /** Parks up to so many jobs if memory is short. */
  relieve(most: number): void {
    this.#isCrammed = false;
    if (this.isOver) this.#evictions.evict(most, this.#parkAboveBytes);
  }

  /** Parks jobs to make room for a new one. */
  makeRoom(bytes: number): void {
    if (this.#isCrammed) return;
    this.#evictions.evict(MOST_JOBS_FOR_ROOM, this.#maxMemoryBytes - bytes);
    this.#isCrammed = this.memoryBytes > this.#maxMemoryBytes - bytes;
  }

  /** Somebody needs a parked job. */
  recall(number: number, waiter: RecallWaiter): void {
    const waiters = this.#recalls.get(number);
    if (waiters === undefined) this.#recalls.set(number, [waiter]);
    else waiters.push(waiter);
  }

  /** Ends a parked job that nobody waits for. */
  drop(number: number): void {
    const backlog = this.#find(number, undefined);
    const entry = backlog?.run.remove(number);
    if (backlog === undefined || entry === undefined) return;
    backlog.fn.heldBack--;
    this.#forget(entry, backlog.fn);
    this.#moveOn(backlog);
  }

  /** The numbers of the jobs that are needed next; {@link deliver} or {@link fail} has to follow. */
  take(): readonly number[] | undefined {
    if (this.#isReading || (this.#recalls.size === 0 && this.#functions.hungry.size === 0)) return undefined;
    const numbers: number[] = [];
    for (const number of this.#recalls.keys()) {
      if (this.#recalling.length >= MOST_RECALLS_PER_READ) break;
      this.#recalling.push(number);
      numbers.push(number);
    }
    for (const backlog of this.#functions.hungry) {
      if (numbers.length >= MOST_JOBS_PER_READ) break;
      this.#functions.hungry.delete(backlog);
      if (!backlog.isHungry) continue;
      backlog.loadingUpTo = backlog.run.listFirst(this.windowJobs, this.windowBytes, numbers);
      this.#loading.push(backlog);
    }
    this.#isReading = numbers.length > 0;
    if (!this.#isReading) return undefined;
    // What somebody waits for may be the next of a queue as well.
    return this.#recalling.length === 0 ? numbers : [...new Set(numbers)];
  }

  /** Nothing could be read: everything is still needed. */
  fail(): void {
    for (const backlog of this.#loading) {
      backlog.loadingUpTo = Number.NEGATIVE_INFINITY;
      this.#functions.hungry.add(backlog);
    }
    this.#endReading();
  }

  /**
   * The store's answer to {@link take}.
   *
   * @returns the numbers of jobs that it has not got
   */
  deliver(found: readonly StoredJob[]): number[] {
    const stored = new Map(found.map((job) => [job.number, job]));
    const lost: number[] = [];
    for (const backlog of this.#loading) this.#load(backlog, stored, lost);
    for (const number of this.#recalling) {
      if (this.#jobs.parked.has(number)) this.#bringBack(number, stored.get(number), lost);
      for (const waiter of this.#recalls.get(number) ?? []) waiter.goOn();
      this.#recalls.delete(number);
    }
    this.#endReading();
    return lost;
  }

  #endReading(): void {
    this.#loading = [];
    this.#recalling = [];
    this.#isReading = false;
  }

  /** The first parked jobs of a queue come back. */
  #load(backlog: Backlog, stored: ReadonlyMap<number, StoredJob>, lost: number[]): void {
    const { fn, run } = backlog;
    backlog.lastLoaded = 0;
    while (run.firstOrder <= backlog.loadingUpTo) {
      const entry = run.takeFirst();
      if (entry === undefined) break;
      backlog.lastLoaded++;
      fn.heldBack--;
      const job = this.#unpark(entry, stored.get(entry.number));
      this.#release(backlog, entry.order);
      if (job !== undefined) {
        this.#queue(job);
      } else {
        this.#forget(entry, fn);
        lost.push(entry.number);
      }
    }
    backlog.loadingUpTo = Number.NEGATIVE_INFINITY;
    this.#moveOn(backlog);
  }

  /** One parked job comes back, wherever its place is. */
  #bringBack(number: number, stored: StoredJob | undefined, lost: number[]): void {
    const backlog = this.#find(number, stored);
    const entry = backlog?.run.remove(number);
    if (backlog === undefined || entry === undefined) return;
    backlog.fn.heldBack--;
    const job = this.#unpark(entry, stored);
    if (job === undefined) {
      this.#forget(entry, backlog.fn);
      lost.push(number);
    } else {
      this.#release(backlog, Math.min(entry.order, backlog.run.firstOrder));
      this.#queue(job);
    }
    this.#moveOn(backlog);
  }

  #find(number: number, stored: StoredJob | undefined): Backlog | undefined {
    if (stored !== undefined) return this.#functions.get(stored.functionName)?.backlogs[stored.priority];
    // Gone from the store: only a search tells where it belonged.
    for (const fn of this.#functions.values()) {
      for (const backlog of fn.backlogs) if (backlog?.run.has(number) === true) return backlog;
    }
    return undefined;
  }

  /** What has no parked job before it any more goes to the queue. */
  #moveOn(backlog: Backlog): void {
    this.#release(backlog, backlog.run.firstOrder);
    if (backlog.run.size > 0) {
      this.#functions.feed(backlog);
      return;
    }
    if (backlog.fn.backlogs[backlog.priority] !== backlog) return;
    backlog.fn.backlogs[backlog.priority] = undefined;
    this.#functions.hungry.delete(backlog);
    this.#backlogCount--;
  }

  #release(backlog: Backlog, before: number): void {
    for (let job = backlog.takeReleased(before); job !== undefined; job = backlog.takeReleased(before)) {
      backlog.fn.heldBack--;
      this.#queue(job);
    }
  }

  #queue(job: Job): void {
    if (this.#functions.queue(job, 'tail')) this.#wakeUps.jobReady(job.fn);
  }

  #unpark(entry: ParkedJob, stored: StoredJob | undefined): Job | undefined {
    if (stored === undefined) return undefined;
    const job = restoredJob(stored, this.#functions);
    job.order = entry.order;
    this.#jobs.unpark(job, entry.sizeBytes);
    return job;
  }

  /** A job that is in no run any more is over. */
  #forget({ number, sizeBytes }: ParkedJob, fn: GearmanFunction): void {
    this.#jobs.parked.forget(number, sizeBytes);
    this.#ledger.giveUp(number);
    this.#functions.noteUse(fn);
  }

  #park(job: Job): void {
    this.#jobs.park(job);
    job.state = 'parked';
    job.fn.heldBack++;
  }

  #backlogOf({ fn, priority }: Job): Backlog {
    const known = fn.backlogs[priority];
    if (known !== undefined) return known;
    const backlog = new Backlog(fn, priority);
    fn.backlogs[priority] = backlog;
    this.#backlogCount++;
    return backlog;
  }
}
