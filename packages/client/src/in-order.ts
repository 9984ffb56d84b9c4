/** Puts what comes in any order back into that of its indexes. */
export class InOrder<T> {
  readonly #early = new Map<number, T>();
  #next = 0;

  /** @returns what may go on now: nothing while something before `index` is missing */
  accept(index: number, value: T): T[] {
    if (index !== this.#next) {
      this.#early.set(index, value);
      return [];
    }
    const ready = [value];
    for (this.#next++; this.#early.has(this.#next); this.#next++) {
      // has() has just found it.
      ready.push(this.#early.get(this.#next) as T);
      this.#early.delete(this.#next);
    }
    return ready;
  }
}
