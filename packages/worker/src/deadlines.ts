import type { Clock, Timer } from '@gearman/events';

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

  cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
