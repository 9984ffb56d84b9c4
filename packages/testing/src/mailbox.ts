/** What has come and nobody has taken, and who waits for what is still to come. */
export class Mailbox<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((message: T | undefined) => void)[] = [];
  #ended = false;

  put(message: T): void {
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#arrived.push(message);
    else reader(message);
  }

  /** The next one in order; undefined when there will be none. */
  take(): Promise<T | undefined> {
    const message = this.#arrived.shift();
    if (message !== undefined || this.#ended) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** All that nobody has taken. */
  takeAll(): T[] {
    return this.#arrived.splice(0);
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }
}
