import type { Clock, Timer } from '@gearman/events';

interface Entry {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test turns it; timers run in order while it is turned. */
export class TurnedClock implements Clock {
  #now: number;
  #monotonicMs = 1000;
  readonly #entries = new Set<Entry>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { at: this.#monotonicMs + delayMs, callback };
    this.#entries.add(entry);
    return { cancel: () => this.#entries.delete(entry) };
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.#entries.size;
  }

  turn(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (;;) {
      const [next] = [...this.#entries].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#entries.delete(next);
      this.#advanceTo(next.at);
      next.callback();
    }
    this.#advanceTo(end);
  }

  #advanceTo(at: number): void {
    this.#now += at - this.#monotonicMs;
    this.#monotonicMs = at;
  }
}
