/** How long to wait before a process that ended is started again. */
export interface BackOffSettings {
  readonly minMs: number;
  readonly maxMs: number;
  /** A process that was at work for so long has not crashed in a loop. */
  readonly stableMs: number;
}

/** Delays that double with each process in a row that ended soon, and start again from none with one that did not. */
export class BackOff {
  #crashes = 0;

  /** Processes in a row that ended soon. */
  get crashes(): number {
    return this.#crashes;
  }

  /** The delay after a process that was at work for so long; 0 when it never was. */
  next(livedMs: number, { minMs, maxMs, stableMs }: BackOffSettings): number {
    if (livedMs >= stableMs) {
      this.#crashes = 0;
      return 0;
    }
    const delayMs = Math.min(maxMs, minMs * 2 ** Math.min(this.#crashes, 40));
    this.#crashes++;
    return delayMs;
  }
}
