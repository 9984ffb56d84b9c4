import type { Clock, Timer } from '@gearman/events';

/** How long jobs may go on. */
export interface JobLimits {
  readonly abortAfterMs: number;
  readonly timeoutMs: number;
}

/** Things to do later, all of which can be called off. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does it now for 0, never for Infinity. */
  after(delayMs: number, action: () => void): void {
    if (delayMs === 0) action();
    else if (delayMs !== Number.POSITIVE_INFINITY) {
      const timer = this.#clock.setTimer(delayMs, () => {
        this.#timers.delete(timer);
        action();
      });
      this.#timers.add(timer);
    }
  }

  /** Asks jobs to come to an end, and later gives them up. */
  limit({ abortAfterMs, timeoutMs }: JobLimits, abort: () => void, giveUp: () => void): void {
    if (abortAfterMs < timeoutMs) this.after(abortAfterMs, abort);
    this.after(timeoutMs, giveUp);
  }

  cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
