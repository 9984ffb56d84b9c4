/** How much an {@link LruMap} may hold. */
export interface LruLimits {
  readonly maxEntries: number;
  /** Of all keys and values together, one byte per character. */
  readonly maxBytes: number;
}

/** A Map of texts with a limit: what was not read for the longest time goes first. */
export class LruMap extends Map<string, string> {
  readonly #limits: LruLimits;
  #bytes = 0;

  constructor(limits: LruLimits) {
    super();
    this.#limits = limits;
  }

  /** What is in it, one byte per character. */
  get bytes(): number {
    return this.#bytes;
  }

  override get(key: string): string | undefined {
    const value = super.get(key);
    if (value === undefined) return undefined;
    // A Map is in the order of insertion: what was just read goes to the end.
    super.delete(key);
    super.set(key, value);
    return value;
  }

  override set(key: string, value: string): this {
    this.delete(key);
    const bytes = key.length + value.length;
    // It would push out everything else, and then itself.
    if (bytes > this.#limits.maxBytes) return this;
    super.set(key, value);
    this.#bytes += bytes;
    for (const oldest of this.keys()) {
      if (this.size <= this.#limits.maxEntries && this.#bytes <= this.#limits.maxBytes) break;
      this.delete(oldest);
    }
    return this;
  }

  override delete(key: string): boolean {
    const value = super.get(key);
    if (value === undefined) return false;
    this.#bytes -= key.length + value.length;
    return super.delete(key);
  }

  override clear(): void {
    super.clear();
    this.#bytes = 0;
  }
}
