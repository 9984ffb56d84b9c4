import type { Clock } from '@gearman/events';

/** How many more jobs may be asked for. One is taken before a request and given back when there was no job. */
export interface Allowance {
  readonly left: number;
  take(): void;
  /** There was no job. */
  refund(): void;
  /** There was one. */
  spend(): void;
}

/** As many jobs as somebody grants: any number, until a worker is stepped. */
export class Steps implements Allowance {
  #granted = Number.POSITIVE_INFINITY;
  #open = true;

  get left(): number {
    return this.#open ? this.#granted : 0;
  }

  /** True when nothing is bounded. */
  get unlimited(): boolean {
    return this.#granted === Number.POSITIVE_INFINITY;
  }

  /** True when one that was granted is out: a request waits for its answer, or a job came. */
  get taken(): boolean {
    return this.#granted === 0;
  }

  /** From now on so many. */
  grant(count: number): void {
    this.#granted = count;
    this.#open = true;
  }

  /** Hands out no more; what is out may still bring a job. */
  close(): void {
    this.#open = false;
  }

  take(): void {
    this.#granted--;
  }

  refund(): void {
    this.#granted++;
  }

  spend(): void {}
}

/** At most `limit` jobs in any span of `perMs` milliseconds, counted from their arrival. */
export class RateLimit implements Allowance {
  left: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  readonly #onRefill: () => void;
  // When each spent one comes back, oldest first; never more than the limit.
  readonly #returns: number[] = [];
  #waiting = false;

  constructor(limit: number, perMs: number, clock: Clock, onRefill: () => void) {
    this.left = limit;
    this.#perMs = perMs;
    this.#clock = clock;
    this.#onRefill = onRefill;
  }

  take(): void {
    this.left--;
  }

  refund(): void {
    this.left++;
  }

  spend(): void {
    this.#returns.push(this.#clock.monotonicMs() + this.#perMs);
    if (!this.#waiting) this.#wait();
  }

  #wait(): void {
    const [first] = this.#returns;
    this.#waiting = first !== undefined;
    if (first === undefined) return;
    this.#clock.setTimer(first - this.#clock.monotonicMs(), () => this.#refill(), { unref: true });
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    let due = this.#returns.findIndex((returnMs) => returnMs > nowMs);
    if (due < 0) due = this.#returns.length;
    this.#returns.splice(0, due);
    this.left += due;
    this.#wait();
    if (due > 0) this.#onRefill();
  }
}
