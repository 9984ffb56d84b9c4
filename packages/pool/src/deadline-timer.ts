import type { Clock, Timer } from '@gearman/events';

/**
 * One timer for many deadlines: it goes off at the earliest one it was told of and asks for the next.
 *
 * Deadlines are hardly ever reached, so they are not taken back; looking once in vain costs less.
 */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDeadline: (nowMs: number) => number;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  /** @param onDeadline handles what is due and returns the next deadline, or Infinity */
  constructor(clock: Clock, onDeadline: (nowMs: number) => number) {
    this.#clock = clock;
    this.#onDeadline = onDeadline;
  }

  /** Makes sure it goes off at `deadlineMs` of the monotonic clock, or before. */
  watch(deadlineMs: number): void {
    if (deadlineMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = deadlineMs;
    const delayMs = deadlineMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(delayMs, () => this.#goOff(), { unref: true });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  #goOff(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    this.watch(this.#onDeadline(this.#clock.monotonicMs()));
  }
}
