import type { Clock, Timer } from '@gearman/events';

interface Waiting {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly unref: boolean;
}

/**
 * A clock that stands still until a test moves it.
 *
 * Timers run inside {@link advance} or {@link advanceAsync}, in the order in which they are due and, when due together,
 * in which they were set; while one runs, the clock shows the moment it was due.
 */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  #wallMs: number;
  // In the order they will run.
  readonly #timers: Waiting[] = [];

  /** @param startMs what {@link now} shows at first, in milliseconds since 1970; the first of January 2020 by default */
  constructor(startMs: number = Date.UTC(2020, 0, 1)) {
    this.#wallMs = startMs;
  }

  now(): number {
    return this.#wallMs + this.#elapsedMs;
  }

  /** Milliseconds this clock was advanced so far. */
  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): Timer {
    // Node takes a delay that is no number as the shortest.
    const dueMs = this.#elapsedMs + (delayMs > 0 ? delayMs : 0);
    const timer = { dueMs, callback, unref: options?.unref === true };
    const later = this.#timers.findIndex((other) => other.dueMs > dueMs);
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return {
      cancel: () => {
        const at = this.#timers.indexOf(timer);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  /** Timers that are set, without those that do not hold a process. A test may want none at its end. */
  get pendingTimers(): number {
    return this.#timers.filter(({ unref }) => !unref).length;
  }

  /** Timers that were set and have not run yet, with those that would not keep a process alive. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next timer is due; undefined without timers. */
  get nextTimerInMs(): number | undefined {
    const next = this.#timers[0];
    return next === undefined ? undefined : Math.max(0, next.dueMs - this.#elapsedMs);
  }

  /** Sets the wall clock back or forward, as an administrator would; timers and {@link monotonicMs} do not notice. */
  jump(byMs: number): void {
    this.#wallMs += byMs;
  }

  /**
   * Lets this much time pass and runs what is due, timers set on the way included.
   *
   * What a callback throws is thrown at once; the clock then stands where that timer was due.
   */
  advance(ms: number): void {
    const untilMs = this.#target(ms);
    while (this.#runNext(untilMs));
    this.#elapsedMs = untilMs;
  }

  /** The same, but promises, sockets and the like get their turn before the first timer and after each. */
  async advanceAsync(ms: number): Promise<void> {
    const untilMs = this.#target(ms);
    do await turn();
    while (this.#runNext(untilMs));
    this.#elapsedMs = untilMs;
    await turn();
  }

  #target(ms: number): number {
    if (!(ms >= 0)) throw new RangeError(`a clock cannot be advanced by ${ms} ms`);
    return this.#elapsedMs + ms;
  }

  #runNext(untilMs: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.dueMs > untilMs) return false;
    this.#timers.shift();
    this.#elapsedMs = next.dueMs;
    next.callback();
    return true;
  }
}

/** One turn of the event loop: all promises that can settle have settled. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
