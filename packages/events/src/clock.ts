/** A timer that a {@link Clock} started. */
export interface Timer {
  /** Stops it; a second call does nothing. */
  cancel(): void;
}

/** Where time comes from, so that tests can turn it by hand. */
export interface Clock {
  /** The wall clock, in milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds since some fixed moment. Never goes back. */
  monotonicMs(): number;
  /** Calls `callback` once, `delayMs` milliseconds from now. `unref` keeps it from holding the process. */
  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): Timer;
}

// Node turns anything longer into 1 ms.
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The system's clock. Delays past 24 days fire early, at that limit: callers look at the time again anyway. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback, options) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), LONGEST_DELAY_MS));
    if (options?.unref === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
