import type { Job } from '../../src/engine/job.ts';

interface Waiting {
  readonly queue: string;
  readonly place: number;
  /** 0: now. */
  runAtMs: number;
}

/** Which of the jobs that no worker has had must run before which: those of a queue in the order in which they came. */
export class ExpectedOrder {
  readonly #waiting = new Map<number, Waiting>();
  #lastPlace = 0;

  /** A job has come behind all others; with a time it may run from then on, at the place that it has now. */
  add(
    { number, fn, priority }: { fn: { name: string } } & Pick<Job, 'number' | 'priority'>,
    runAtMs: number,
  ): void {
    this.#waiting.set(number, { queue: `${fn.name} ${priority}`, place: ++this.#lastPlace, runAtMs });
  }

  setTime(wallMs: number): void {
    for (const job of this.#waiting.values()) if (job.runAtMs <= wallMs) job.runAtMs = 0;
  }

  /** A worker has got a job. @returns one that should have come before it */
  take(number: number): number | undefined {
    const taken = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (taken === undefined) return undefined;
    for (const [other, { queue, place, runAtMs }] of this.#waiting) {
      if (queue === taken.queue && place < taken.place && runAtMs === 0) return other;
    }
    return undefined;
  }

  delete(number: number): void {
    this.#waiting.delete(number);
  }

  clear(): void {
    this.#waiting.clear();
  }
}
