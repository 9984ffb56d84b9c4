import type { Clock, Timer } from '@gearman/events';

/** Something that is due at some time. */
export interface Due {
  /** On the clock's monotonic scale; Infinity for never. */
  readonly deadlineMs: number;
  onDeadline(): void;
}

// Looking at n jobs takes some n * 10 ns: this keeps it near 1 % of the time, however many there are.
const MS_BETWEEN_SCANS_PER_JOB = 0.001;

/**
 * The time-outs of many jobs with one timer.
 *
 * The timer goes off at the earliest deadline it has heard of, calls everybody who is due, and is set again for the
 * earliest of the others. Jobs that end before cost nothing: nobody takes their deadlines back.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #all: ReadonlySet<Due>;
  #timer: Timer | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, all: ReadonlySet<Due>) {
    this.#clock = clock;
    this.#all = all;
  }

  /** The moment `delayMs` from now, at which the one who carries it will be called. */
  after(delayMs: number): number {
    if (delayMs === Number.POSITIVE_INFINITY) return delayMs;
    const deadlineMs = this.#clock.monotonicMs() + delayMs;
    if (deadlineMs < this.#armedForMs) this.#arm(deadlineMs, delayMs);
    return deadlineMs;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedForMs = Number.POSITIVE_INFINITY;
  }

  #arm(deadlineMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#armedForMs = deadlineMs;
    // What waits holds the process by itself; a timer for something that is over must not.
    this.#timer = this.#clock.setTimer(delayMs, () => this.#scan(), { unref: true });
  }

  #scan(): void {
    this.close();
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const due of this.#all) {
      if (due.deadlineMs <= nowMs) due.onDeadline();
      else nextMs = Math.min(nextMs, due.deadlineMs);
    }
    if (nextMs >= this.#armedForMs) return;
    const delayMs = Math.max(nextMs - nowMs, this.#all.size * MS_BETWEEN_SCANS_PER_JOB);
    this.#arm(nowMs + delayMs, delayMs);
  }
}
