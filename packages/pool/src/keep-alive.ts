const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive while somebody waits for something.
 *
 * Sockets and timers of a pool never do; so a program with an idle client ends by itself, and one that awaits a job
 * does not end before the answer.
 */
export class KeepAlive {
  #holds = 0;
  #timer: NodeJS.Timeout | undefined;

  hold(): void {
    this.#holds++;
    if (this.#holds !== 1) return;
    if (this.#timer === undefined) this.#timer = setInterval(() => {}, LONGEST_INTERVAL_MS);
    else this.#timer.ref();
  }

  release(): void {
    this.#holds--;
    if (this.#holds === 0) this.#timer?.unref();
  }

  /** Ends it for good, whoever still holds. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#holds = Number.POSITIVE_INFINITY;
  }
}
