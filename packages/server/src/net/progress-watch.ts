import type { Clock, Timer } from '@gearman/events';

/** Somebody who may be in the middle of something. */
export interface Watched {
  /** True while something has to happen within a time limit. */
  readonly watched: boolean;
  /** Disconnects the peer if it takes too long. */
  checkProgress(now: number): void;
}

const CHECK_EVERY_MS = 1000;

/** Looks once a second at the peers that are in the middle of something; rests while there are none. */
export class ProgressWatch {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= this.#clock.setTimer(CHECK_EVERY_MS, () => this.#check(), { unref: true });
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watched.clear();
  }

  #check(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonicMs();
    for (const watched of this.#watched) {
      watched.checkProgress(now);
      if (!watched.watched) this.#watched.delete(watched);
    }
    if (this.#watched.size > 0) {
      this.#timer ??= this.#clock.setTimer(CHECK_EVERY_MS, () => this.#check(), { unref: true });
    }
  }
}
