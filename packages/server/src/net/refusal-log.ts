import type { Clock, Logger } from '@gearman/events';

const LOG_AT_MOST_EVERY_MS = 60_000;

/** Log lines that peers can cause: a flood of requests must not become a flood of lines. */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Logs, unless it did within the last minute. */
  warn(fields: object, message: string): void {
    if (this.#isTime()) this.#logger.warn(fields, message);
  }

  /** The same, for what an administrator has to see to. */
  error(fields: object, message: string): void {
    if (this.#isTime()) this.#logger.error(fields, message);
  }

  #isTime(): boolean {
    const now = this.#clock.monotonicMs();
    if (now - this.#lastMs < LOG_AT_MOST_EVERY_MS) return false;
    this.#lastMs = now;
    return true;
  }
}
