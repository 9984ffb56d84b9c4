import type { Clock, Logger, Timer } from '@gearman/events';
import type { Parking } from '../engine/parking.ts';
import { RefusalLog } from '../net/refusal-log.ts';
import type { JobStore } from './store.ts';

/** What {@link Recaller} needs. */
export interface RecallerParts {
  readonly store: JobStore;
  readonly parking: Parking;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jobs have come, or it is time to look for some again. */
  recalled(): void;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/** Reads parked jobs that are needed: one read at a time, again and again while the store cannot. */
export class Recaller {
  readonly #parts: RecallerParts;
  readonly #log: RefusalLog;
  #running: Promise<void> | undefined;
  #retry: Timer | undefined;
  #retryMs = FIRST_RETRY_MS;
  #isStopped = false;

  constructor(parts: RecallerParts) {
    this.#parts = parts;
    this.#log = new RefusalLog(parts.clock, parts.logger);
  }

  /** Begins to read if something is needed. */
  check(): void {
    if (this.#running !== undefined || this.#retry !== undefined || this.#isStopped) return;
    const numbers = this.#parts.parking.take();
    if (numbers === undefined) return;
    this.#running = this.#read(numbers).finally(() => {
      this.#running = undefined;
      this.#parts.recalled();
    });
  }

  /** Reads no more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    await this.#running;
  }

  async #read(numbers: readonly number[]): Promise<void> {
    const { store, parking, logger } = this.#parts;
    try {
      const jobs = await store.read(numbers);
      this.#retryMs = FIRST_RETRY_MS;
      const lost = parking.deliver(jobs);
      if (lost.length > 0) logger.error({ store: store.name, jobs: lost }, 'the store has lost jobs');
    } catch (error) {
      parking.fail();
      this.#retryLater(error);
    }
  }

  #retryLater(error: unknown): void {
    const { store, clock, recalled } = this.#parts;
    this.#log.error(
      { store: store.name, err: error },
      'jobs that are not in memory cannot be read; it is tried again',
    );
    this.#retry = clock.setTimer(
      this.#retryMs,
      () => {
        this.#retry = undefined;
        recalled();
      },
      { unref: true },
    );
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }
}
