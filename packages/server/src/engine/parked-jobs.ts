import { ParkedUniques } from './parked-uniques.ts';

/** As many as {@link JobPages} has, so that both can be gone through side by side. */
const NUMBERS_PER_PAGE = 512;
const BITS_PER_WORD = 32;
/** What a parked job costs in memory, here and in the index of the store; what its unique id costs besides. */
const PARKED_BYTES = 56;
const UNIQUE_BYTES = 36;

interface Page {
  readonly bits: Uint32Array;
  count: number;
}

/** Which jobs are parked: they are in the store, and here only their numbers and the hashes of their unique ids. */
export class ParkedJobs {
  readonly #pages = new Map<number, Page>();
  readonly #uniques = new ParkedUniques();
  #count = 0;
  #uniqueCount = 0;
  #sizeBytes = 0;

  get count(): number {
    return this.#count;
  }

  /** What they would take if they were whole. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What they take in memory, about. */
  get memoryBytes(): number {
    return this.#count * PARKED_BYTES + this.#uniqueCount * UNIQUE_BYTES;
  }

  has(number: number): boolean {
    const page = this.#pages.get(Math.floor(number / NUMBERS_PER_PAGE));
    if (page === undefined) return false;
    const bit = number % NUMBERS_PER_PAGE;
    return (((page.bits[Math.floor(bit / BITS_PER_WORD)] ?? 0) >>> (bit % BITS_PER_WORD)) & 1) === 1;
  }

  /** The job of a function (by its id) that a submit with this key would merge into, or 0. */
  twin(fn: number, key: string): number {
    return this.#uniqueCount === 0 ? 0 : this.#uniques.get(fn, key);
  }

  /** The newest job with this unique id, of whatever function, or 0. */
  newest(uniqueId: string): number {
    return this.#uniqueCount === 0 || uniqueId === '' ? 0 : this.#uniques.newest(uniqueId);
  }

  /** @param key the key that is its own among the jobs of its function, if it has one */
  add(number: number, sizeBytes: number, fn: number, key: string | undefined): void {
    const index = Math.floor(number / NUMBERS_PER_PAGE);
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = { bits: new Uint32Array(NUMBERS_PER_PAGE / BITS_PER_WORD), count: 0 };
      this.#pages.set(index, page);
    }
    this.#flip(page, number);
    page.count++;
    this.#count++;
    this.#sizeBytes += sizeBytes;
    if (key === undefined) return;
    this.#uniques.add(fn, key, number);
    this.#uniqueCount++;
  }

  /** @returns whether the key was its own */
  delete(number: number, sizeBytes: number, fn: number, key: string | undefined): boolean {
    this.#deleteNumber(number, sizeBytes);
    if (key === undefined || !this.#uniques.delete(fn, key, number)) return false;
    this.#uniqueCount--;
    return true;
  }

  /** Forgets a job whose key nobody knows any more. */
  forget(number: number, sizeBytes: number): void {
    this.#deleteNumber(number, sizeBytes);
    if (this.#uniques.deleteNumber(number)) this.#uniqueCount--;
  }

  /** Every page that has some, in no order. */
  pages(): IterableIterator<number> {
    return this.#pages.keys();
  }

  /** The numbers of one page, rising. */
  numbersOf(index: number): number[] {
    const numbers: number[] = [];
    const first = index * NUMBERS_PER_PAGE;
    for (let number = first; number < first + NUMBERS_PER_PAGE; number++) {
      if (this.has(number)) numbers.push(number);
    }
    return numbers;
  }

  #deleteNumber(number: number, sizeBytes: number): void {
    const index = Math.floor(number / NUMBERS_PER_PAGE);
    const page = this.#pages.get(index);
    if (page === undefined) return;
    this.#flip(page, number);
    page.count--;
    if (page.count === 0) this.#pages.delete(index);
    this.#count--;
    this.#sizeBytes -= sizeBytes;
  }

  #flip({ bits }: Page, number: number): void {
    const bit = number % NUMBERS_PER_PAGE;
    const word = Math.floor(bit / BITS_PER_WORD);
    bits[word] = (bits[word] ?? 0) ^ (1 << (bit % BITS_PER_WORD));
  }
}
