/** Something that keeps a part of a message until the rest has come. */
export interface InputHolder {
  /** There is room again. */
  goOnReading(): void;
}

/** Whoever holds less may go on in any case: the beginnings of small messages must not wait for large ones. */
const SMALL_BYTES = 4096;

/**
 * Memory for messages that have not come whole yet, shared by all connections.
 *
 * When it is used up, whoever needs more is not read on, with one exception at a time, so that somebody gets done.
 */
export class InputBudget {
  readonly #maxBytes: number;
  readonly #waiting = new Set<InputHolder>();
  #exception: InputHolder | undefined;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** True while somebody waits for memory. */
  get short(): boolean {
    return this.#waiting.size > 0;
  }

  /** A holder holds more than before. @returns false when it has to wait for {@link InputHolder.goOnReading} */
  grow(holder: InputHolder, byBytes: number, toBytes: number): boolean {
    this.#usedBytes += byBytes;
    if (this.#usedBytes <= this.#maxBytes || toBytes <= SMALL_BYTES) return true;
    this.#exception ??= holder;
    if (this.#exception === holder) return true;
    this.#waiting.add(holder);
    return false;
  }

  /** A holder holds less than before: its message is complete, or it is gone. */
  shrink(holder: InputHolder, byBytes: number): void {
    this.#usedBytes -= byBytes;
    this.#waiting.delete(holder);
    if (this.#exception === holder) this.#exception = undefined;
    for (const next of this.#waiting) {
      if (this.#usedBytes > this.#maxBytes) {
        if (this.#exception !== undefined) return;
        this.#exception = next;
      }
      this.#waiting.delete(next);
      next.goOnReading();
    }
  }
}
