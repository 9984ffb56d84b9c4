import type { Clock, Timer } from '@gearman/events';
import type { Session } from './session.ts';

const CHECK_EVERY_MS = 1000;

/** Looks once a second at the sessions that are in the middle of something; rests while there are none. */
export class ProgressWatch {
  readonly #clock: Clock;
  readonly #sessions = new Set<Session>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(session: Session): void {
    this.#sessions.add(session);
    this.#timer ??= this.#clock.setTimer(CHECK_EVERY_MS, () => this.#check(), { unref: true });
  }

  delete(session: Session): void {
    this.#sessions.delete(session);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sessions.clear();
  }

  #check(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonicMs();
    for (const session of this.#sessions) {
      session.checkProgress(now);
      if (!session.watched) this.#sessions.delete(session);
    }
    if (this.#sessions.size > 0) {
      this.#timer ??= this.#clock.setTimer(CHECK_EVERY_MS, () => this.#check(), { unref: true });
    }
  }
}
