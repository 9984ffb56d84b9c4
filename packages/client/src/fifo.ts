// Below this it costs less to leave taken entries where they are.
const COMPACT_AFTER = 1024;

/** First in, first out, however long: `shift()` of a large array moves all the others. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest; only while {@link size} is not 0. */
  take(): T {
    const item = this.#items[this.#head++] as T;
    if (this.#head >= COMPACT_AFTER && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
