import { AlarmHeap } from './alarm-heap.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { Job, Priority } from './job.ts';
import { ParkedRun } from './parked-run.ts';

/** Beyond that workers wait for those before them. */
export const MOST_WORKERS_FED = 1024;

/**
 * What waits behind the queue of one priority, because the first of it is parked: parked jobs, and between and behind them
 * whole ones that cannot be parked. All of it comes after all that is in the queue.
 */
export class Backlog {
  readonly fn: GearmanFunction;
  readonly priority: Priority;
  readonly run = new ParkedRun();
  /** The whole ones, by their order. */
  readonly #held = new AlarmHeap<Job>();
  /** The first parked jobs are being read, up to this place. */
  loadingUpTo = Number.NEGATIVE_INFINITY;
  /** How many were read the last time. */
  lastLoaded = 0;

  constructor(fn: GearmanFunction, priority: Priority) {
    this.fn = fn;
    this.priority = priority;
  }

  get size(): number {
    return this.run.size + this.#held.size;
  }

  get isLoading(): boolean {
    return this.loadingUpTo > Number.NEGATIVE_INFINITY;
  }

  /** True when the queue gets short: half of what came last is gone, or there is less than one job for each worker. */
  get isHungry(): boolean {
    const { registrationCount, paused } = this.fn;
    if (registrationCount === 0 || paused) return false;
    const ready = this.fn.ready(this.priority);
    return 2 * ready <= this.lastLoaded || ready < Math.min(registrationCount, MOST_WORKERS_FED);
  }

  /** True for a job whose turn comes after that of a parked one. */
  precedes(job: Job): boolean {
    return job.order > this.run.firstOrder;
  }

  hold(job: Job): void {
    job.alarm = this.#held.add(job.order, job);
  }

  /** Takes out a whole job. */
  remove(job: Job): void {
    if (job.alarm !== undefined) this.#held.remove(job.alarm);
    job.alarm = undefined;
  }

  /** The next whole job that has no parked one before it, nor one of this order. */
  takeReleased(before = this.run.firstOrder): Job | undefined {
    const job = this.#held.takeDue(before)?.target;
    if (job !== undefined) job.alarm = undefined;
    return job;
  }
}
