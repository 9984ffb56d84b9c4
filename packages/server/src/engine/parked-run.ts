/** A job that is not in memory: its number, its place among the jobs of its priority, and what it takes when it is whole. */
export interface ParkedJob {
  readonly number: number;
  readonly order: number;
  readonly sizeBytes: number;
}

const FEWEST_ENTRIES = 16;
const MOST_ENTRIES = 1024;
const GONE = 0xffff_ffff;
const INT32 = 2 ** 31;

/** Entries side by side: 12 bytes each, as differences to the first one that came in. */
class Chunk {
  readonly #number: number;
  readonly #order: number;
  readonly #numbers: Int32Array;
  readonly #orders: Int32Array;
  readonly #sizes: Uint32Array;
  from: number;
  to: number;

  constructor(entries: number, number: number, order: number, at: 'front' | 'back') {
    this.#number = number;
    this.#order = order;
    this.#numbers = new Int32Array(entries);
    this.#orders = new Int32Array(entries);
    this.#sizes = new Uint32Array(entries);
    this.from = at === 'front' ? entries : 0;
    this.to = this.from;
  }

  /** Whether an entry has room at an end, and its differences fit. */
  takes(number: number, order: number, at: 'front' | 'back'): boolean {
    const hasRoom = at === 'front' ? this.from > 0 : this.to < this.#numbers.length;
    return hasRoom && Math.abs(number - this.#number) < INT32 && Math.abs(order - this.#order) < INT32;
  }

  set(index: number, number: number, order: number, sizeBytes: number): void {
    this.#numbers[index] = number - this.#number;
    this.#orders[index] = order - this.#order;
    this.#sizes[index] = sizeBytes;
  }

  isGone(index: number): boolean {
    return this.#sizes[index] === GONE;
  }

  number(index: number): number {
    return this.#number + (this.#numbers[index] ?? 0);
  }

  order(index: number): number {
    return this.#order + (this.#orders[index] ?? 0);
  }

  sizeBytes(index: number): number {
    return this.#sizes[index] ?? 0;
  }

  entry(index: number): ParkedJob {
    return { number: this.number(index), order: this.order(index), sizeBytes: this.sizeBytes(index) };
  }

  markGone(index: number): void {
    this.#sizes[index] = GONE;
  }

  find(number: number): number {
    const difference = number - this.#number;
    for (let i = this.from; i < this.to; i++) {
      if (this.#numbers[i] === difference && this.#sizes[i] !== GONE) return i;
    }
    return -1;
  }
}

/** Parked jobs in the order in which they are to run, for millions of them. */
export class ParkedRun {
  #chunks: Chunk[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The place of the first one; infinite when there is none. */
  get firstOrder(): number {
    const first = this.#chunks[0];
    return first === undefined ? Number.POSITIVE_INFINITY : first.order(first.from);
  }

  /** The place of the last one, or of one behind it that was taken out. */
  get lastOrder(): number {
    const last = this.#chunks.at(-1);
    return last === undefined ? Number.NEGATIVE_INFINITY : last.order(last.to - 1);
  }

  /** Adds one behind all others; its order is larger. */
  pushBack(number: number, order: number, sizeBytes: number): void {
    let last = this.#chunks.at(-1);
    if (last === undefined || !last.takes(number, order, 'back')) {
      last = new Chunk(this.#nextEntries(), number, order, 'back');
      this.#chunks.push(last);
    }
    last.set(last.to++, number, order, sizeBytes);
    this.#size++;
  }

  /** Adds one before all others; its order is smaller. */
  pushFront(number: number, order: number, sizeBytes: number): void {
    let first = this.#chunks[0];
    if (first === undefined || !first.takes(number, order, 'front')) {
      first = new Chunk(this.#nextEntries(), number, order, 'front');
      this.#chunks.unshift(first);
    }
    first.set(--first.from, number, order, sizeBytes);
    this.#size++;
  }

  /**
   * Adds the numbers of the first ones to `into`: up to so many, up to so many bytes, but at least one.
   *
   * @returns the place of the last one
   */
  listFirst(mostJobs: number, mostBytes: number, into: number[]): number {
    let count = 0;
    let bytes = 0;
    let lastOrder = Number.NEGATIVE_INFINITY;
    for (const chunk of this.#chunks) {
      for (let i = chunk.from; i < chunk.to; i++) {
        if (chunk.isGone(i)) continue;
        bytes += chunk.sizeBytes(i);
        if (count > 0 && (count >= mostJobs || bytes > mostBytes)) return lastOrder;
        into.push(chunk.number(i));
        lastOrder = chunk.order(i);
        count++;
      }
    }
    return lastOrder;
  }

  takeFirst(): ParkedJob | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    const entry = first.entry(first.from++);
    this.#size--;
    this.#trim();
    return entry;
  }

  has(number: number): boolean {
    return this.#chunks.some((chunk) => chunk.find(number) >= 0);
  }

  /** Takes one out wherever it is. That is rare, so it is searched for. */
  remove(number: number): ParkedJob | undefined {
    for (const chunk of this.#chunks) {
      const index = chunk.find(number);
      if (index < 0) continue;
      const entry = chunk.entry(index);
      chunk.markGone(index);
      this.#size--;
      this.#trim();
      return entry;
    }
    return undefined;
  }

  /** A function with few jobs has small chunks. */
  #nextEntries(): number {
    return Math.min(MOST_ENTRIES, Math.max(FEWEST_ENTRIES, this.#size));
  }

  /** The first entry is always one that is there. */
  #trim(): void {
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      while (first.from < first.to && first.isGone(first.from)) first.from++;
      if (first.from < first.to) return;
      this.#chunks.shift();
    }
  }
}
