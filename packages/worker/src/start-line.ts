import type { RunningJob } from './job.ts';

/** Jobs that were taken ahead of their time, with the option `prefetch`: each starts when one that runs has ended. */
export class StartLine {
  readonly #limit: number;
  readonly #call: (job: RunningJob) => void;
  readonly #waiting = new Set<RunningJob>();
  #running = 0;

  /** @param limit how many may run */
  constructor(limit: number, call: (job: RunningJob) => void) {
    this.#limit = limit;
    this.#call = call;
  }

  /** The jobs that wait. */
  get waiting(): ReadonlySet<RunningJob> {
    return this.#waiting;
  }

  /** Starts the job now or in its turn. */
  add(job: RunningJob): void {
    if (this.#running < this.#limit) {
      this.#start(job);
      return;
    }
    job.park();
    this.#waiting.add(job);
  }

  /** The job is over, or was lost before it started. */
  remove(job: RunningJob): void {
    if (this.#waiting.delete(job)) return;
    this.#running--;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.unpark();
    this.#start(next);
  }

  #start(job: RunningJob): void {
    this.#running++;
    this.#call(job);
  }
}
