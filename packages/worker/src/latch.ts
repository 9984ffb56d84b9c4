/** A promise that somebody else opens. */
export class Latch {
  readonly promise: Promise<void>;
  #open: () => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Resolves the promise; a second call does nothing. */
  open(): void {
    this.#open();
  }
}
