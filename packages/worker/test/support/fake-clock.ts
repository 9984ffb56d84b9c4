import type { Clock, Timer } from '@gearman/events';

/** A clock that the test turns. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  /** Timers that have not gone off. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Lets time pass; what becomes due is called in its order. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#nowMs = timer.atMs;
      timer.callback();
    }
    this.#nowMs = end;
  }

  #next(untilMs: number): { readonly atMs: number; readonly callback: () => void } | undefined {
    let next: { readonly atMs: number; readonly callback: () => void } | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    return next;
  }
}
