import type { Clock, Timer } from '@gearman/events';
import type { Engine } from './engine/engine.ts';

/** Calls the engine when something in it is due. */
export class EngineTimer {
  readonly #engine: Engine;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Call after anything that may have made something due earlier. */
  set(): void {
    const delayMs = this.#engine.nextDelayMs();
    if (delayMs === undefined || this.#stopped) return;
    const at = this.#clock.monotonicMs() + delayMs;
    // A timer that comes too early looks again; that is cheaper than setting it anew for every job.
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(Math.ceil(delayMs), () => this.#advance(), { unref: true });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #advance(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#engine.advance();
    this.set();
  }
}
