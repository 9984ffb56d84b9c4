import { MOST_WORKERS_FED } from './backlog.ts';
import type { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import { HIGH, type Job, LOW, NORMAL, type Priority } from './job.ts';
import { sizeOf } from './job-table.ts';

/** What parks jobs, and says which and how many. */
export interface Parker {
  /** What jobs take in memory. */
  readonly memoryBytes: number;
  /** What a queue that somebody works for should have in memory. */
  readonly windowJobs: number;
  readonly windowBytes: number;
  canPark(job: Job): boolean;
  /** Parks a job that is in no queue, and whose place is behind all that are in the queue and before all others. */
  parkNext(job: Job): void;
}

/** Queues that are looked at in one go. */
const MOST_QUEUES = 64;
/** Jobs at the end of a queue that are passed over because they cannot be parked. */
const MOST_PASSED_OVER = 64;
/** How much more than its window a queue keeps: otherwise half of what has just come back would go again. */
const WINDOWS_KEPT = 2;

type Queue = readonly [fn: GearmanFunction, priority: Priority];
const LEAST_URGENT_FIRST: readonly Priority[] = [LOW, NORMAL, HIGH];

/** Takes whole jobs out of memory, from the ends of the queues. */
export class Evictions {
  readonly #parking: Parker;
  readonly #functions: FunctionTable;
  /** Queues have their turns. */
  #queues: Iterator<Queue, void, void>;

  constructor(parking: Parker, functions: FunctionTable) {
    this.#parking = parking;
    this.#functions = functions;
    this.#queues = this.#rotate();
  }

  /** Parks up to so many jobs, until jobs take no more than this in memory. */
  evict(most: number, downToBytes: number): void {
    let left = most;
    let rounds = 0;
    for (let queues = 0; queues < MOST_QUEUES && left > 0; queues++) {
      if (this.#parking.memoryBytes <= downToBytes) return;
      const next = this.#queues.next();
      if (next.done !== true) {
        const [fn, priority] = next.value;
        left -= this.#evictFrom(fn, priority, left, downToBytes);
      } else {
        this.#queues = this.#rotate();
        if (++rounds > 1) return;
      }
    }
  }

  /** Every queue that has jobs, the least urgent first. */
  *#rotate(): Generator<Queue, void, void> {
    for (const priority of LEAST_URGENT_FIRST) {
      for (const fn of this.#functions.ready(priority)) yield [fn, priority];
    }
    for (const fn of this.#functions.paused) {
      for (const priority of LEAST_URGENT_FIRST) yield [fn, priority];
    }
  }

  #evictFrom(fn: GearmanFunction, priority: Priority, most: number, downToBytes: number): number {
    // What is being read belongs before what would be parked now.
    if (fn.backlogs[priority]?.isLoading === true) return 0;
    const keepUpTo = fn.registrationCount > 0 && !fn.paused ? this.#endOfWindow(fn, priority) : undefined;
    let count = 0;
    let passedOver: Job[] = [];
    let job = fn.ends(priority).tail;
    const isOver = (): boolean => this.#parking.memoryBytes > downToBytes;
    while (job !== undefined && job !== keepUpTo && count < most && isOver()) {
      const previous = job.previous;
      if (this.#parking.canPark(job)) {
        this.#functions.unqueue(job);
        this.#parking.parkNext(job);
        for (const each of passedOver) this.#holdBack(each, 'tail');
        passedOver = [];
        count++;
      } else if (passedOver.push(job) > MOST_PASSED_OVER) {
        break;
      }
      job = previous;
    }
    if (count > 0 && priority === NORMAL) this.#holdBackDue(fn);
    return count;
  }

  /** The last job that is to stay; undefined when nothing is to be parked but the rest of it. */
  #endOfWindow(fn: GearmanFunction, priority: Priority): Job | undefined {
    let room = this.#parking.windowBytes * WINDOWS_KEPT;
    const atLeast = Math.min(fn.registrationCount, MOST_WORKERS_FED);
    let last = fn.ends(priority).head;
    for (let count = 1; last?.next !== undefined; count++) {
      room -= sizeOf(last);
      if (count >= this.#parking.windowJobs * WINDOWS_KEPT || (room <= 0 && count >= atLeast)) break;
      last = last.next;
    }
    return last;
  }

  /** Epoch jobs whose turn comes after that of a parked one wait for it. */
  #holdBackDue(fn: GearmanFunction): void {
    const boundary = fn.backlogs[NORMAL]?.run.firstOrder ?? Number.POSITIVE_INFINITY;
    for (const job of fn.dueJobs) if (job.order > boundary) this.#holdBack(job, 'due');
  }

  /** A job in the queue finds that one before it is parked. */
  #holdBack(job: Job, where: 'tail' | 'due'): void {
    this.#functions.leaveQueue(job);
    this.#functions.queue(job, where);
  }
}
