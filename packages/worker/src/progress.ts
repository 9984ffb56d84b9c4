import type { Clock, Timer } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';

/** Lets one report through per interval: the first at once, the last one of the rest when it ends. */
export class ProgressGate {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #send: (numerator: number, denominator: number) => void;
  #timer: Timer | undefined;
  #held: readonly [number, number] | undefined;

  constructor(clock: Clock, intervalMs: number, send: (numerator: number, denominator: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#send = send;
  }

  report(numerator: number, denominator: number): void {
    if (this.#timer !== undefined) {
      this.#held = [numerator, denominator];
      return;
    }
    this.#send(numerator, denominator);
    if (this.#intervalMs > 0) this.#wait();
  }

  /** Sends what is held back, before the end of the job. */
  flush(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#send(...held);
  }

  close(): void {
    this.#timer?.cancel();
    this.#held = undefined;
  }

  #wait(): void {
    const onTimer = (): void => {
      this.#timer = undefined;
      if (this.#held === undefined) return;
      this.flush();
      this.#wait();
    };
    this.#timer = this.#clock.setTimer(this.#intervalMs, onTimer, { unref: true });
  }
}

/** The two numbers that travel for a call of `job.progress()`. */
export function toProgress(
  numerator: number,
  denominator: number | undefined,
): readonly [numerator: number, denominator: number] {
  return denominator === undefined ? perMille(numerator) : [whole(numerator), whole(denominator)];
}

function perMille(fraction: number): readonly [number, number] {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new InvalidArgumentError(
      `progress of ${fraction} is not a fraction from 0 to 1; or pass a denominator`,
    );
  }
  return [Math.round(fraction * 1000), 1000];
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError(`progress takes whole numbers from 0 up, not ${value}`);
}
