import { hash, randomBytes } from 'node:crypto';

/** In 32-bit words: three of the hash, the function, two of the number. An empty slot has the number 0. */
const SLOT = 6;
const FUNCTION_AT = 3;
const NUMBER_AT = 4;
const SHARDS = 256;
const FIRST_SLOTS = 8;
const UINT32 = 2 ** 32;

/**
 * From unique ids to the numbers of parked jobs. Of an id only 96 bits of a hash are there, with a key of this process, so
 * that nobody can make two ids meet; that two meet by chance takes longer than any server runs.
 */
export class ParkedUniques {
  readonly #key = randomBytes(16).toString('latin1');
  readonly #shards: readonly Shard[] = Array.from({ length: SHARDS }, () => new Shard());

  /** The key that was looked for last is often added next. */
  #lastKey = '';
  #lastWords: Words = [0, 0, 0];

  /** The job of a function with this key, or 0. */
  get(fn: number, key: string): number {
    const words = this.#hash(key);
    return this.#shardOf(words).get(words, fn);
  }

  /** The newest job with this key, of whatever function, or 0. */
  newest(key: string): number {
    const words = this.#hash(key);
    return this.#shardOf(words).newest(words);
  }

  /** Adds a key that is not there. */
  add(fn: number, key: string, number: number): void {
    const words = this.#hash(key);
    this.#shardOf(words).add(words, fn, number);
  }

  /** Removes a key if it belongs to this job. @returns whether it did */
  delete(fn: number, key: string, number: number): boolean {
    const words = this.#hash(key);
    return this.#shardOf(words).delete(words, fn, number);
  }

  /** Removes whatever key belongs to a job of which nothing else is known. That is rare, so it is searched for. */
  deleteNumber(number: number): boolean {
    return this.#shards.some((shard) => shard.deleteNumber(number));
  }

  #hash(key: string): Words {
    if (key === this.#lastKey) return this.#lastWords;
    const bytes = hash('sha256', this.#key + key, 'buffer');
    this.#lastKey = key;
    this.#lastWords = [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
    return this.#lastWords;
  }

  #shardOf([first]: Words): Shard {
    return this.#shards[first % SHARDS] as Shard;
  }
}

type Words = readonly [number, number, number];

/** One table with open addressing, at least half and at most three quarters full; deleting leaves no graves. */
class Shard {
  #slots = FIRST_SLOTS;
  #used = 0;
  #words = new Uint32Array(FIRST_SLOTS * SLOT);

  get(words: Words, fn: number): number {
    for (let slot = this.#home(words[1]); ; slot = this.#after(slot)) {
      const number = this.#number(slot);
      if (number === 0 || (this.#is(slot, words) && this.#word(slot, FUNCTION_AT) === fn)) return number;
    }
  }

  newest(words: Words): number {
    let newest = 0;
    for (let slot = this.#home(words[1]); ; slot = this.#after(slot)) {
      const number = this.#number(slot);
      if (number === 0) return newest;
      if (number > newest && this.#is(slot, words)) newest = number;
    }
  }

  add(words: Words, fn: number, number: number): void {
    if ((this.#used + 1) * 4 > this.#slots * 3) this.#resize(Math.ceil(this.#slots * 1.4));
    this.#used++;
    this.#insert(...words, fn, number);
  }

  delete(words: Words, fn: number, number: number): boolean {
    for (let slot = this.#home(words[1]); ; slot = this.#after(slot)) {
      const there = this.#number(slot);
      if (there === 0) return false;
      if (there !== number || !this.#is(slot, words) || this.#word(slot, FUNCTION_AT) !== fn) continue;
      this.#remove(slot);
      return true;
    }
  }

  deleteNumber(number: number): boolean {
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.#number(slot) !== number) continue;
      this.#remove(slot);
      return true;
    }
    return false;
  }

  #insert(first: number, second: number, third: number, fn: number, number: number): void {
    let slot = this.#home(second);
    while (this.#number(slot) !== 0) slot = this.#after(slot);
    const at = slot * SLOT;
    const words = this.#words;
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    words[at + FUNCTION_AT] = fn;
    words[at + NUMBER_AT] = number % UINT32;
    words[at + NUMBER_AT + 1] = Math.floor(number / UINT32);
  }

  #remove(slot: number): void {
    this.#closeGap(slot);
    this.#used--;
    if (this.#slots > FIRST_SLOTS && this.#used * 3 < this.#slots) {
      this.#resize(Math.max(FIRST_SLOTS, Math.ceil(this.#used * 1.6)));
    }
  }

  #closeGap(gap: number): void {
    let hole = gap;
    for (let slot = this.#after(gap); this.#number(slot) !== 0; slot = this.#after(slot)) {
      const home = this.#home(this.#word(slot, 1));
      // Only what does not stand between its home and the hole may move into it.
      if (this.#distance(home, slot) < this.#distance(hole, slot)) continue;
      this.#words.copyWithin(hole * SLOT, slot * SLOT, (slot + 1) * SLOT);
      hole = slot;
    }
    this.#words.fill(0, hole * SLOT, (hole + 1) * SLOT);
  }

  #resize(slots: number): void {
    const before = this.#words;
    this.#slots = slots;
    this.#words = new Uint32Array(slots * SLOT);
    for (let at = 0; at < before.length; at += SLOT) {
      const number = numberAt(before, at);
      if (number === 0) continue;
      this.#insert(
        before[at] ?? 0,
        before[at + 1] ?? 0,
        before[at + 2] ?? 0,
        before[at + FUNCTION_AT] ?? 0,
        number,
      );
    }
  }

  #home(word: number): number {
    return Math.floor((word * this.#slots) / UINT32);
  }

  #after(slot: number): number {
    return slot + 1 === this.#slots ? 0 : slot + 1;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#slots;
  }

  #number(slot: number): number {
    return numberAt(this.#words, slot * SLOT);
  }

  #word(slot: number, index: number): number {
    return this.#words[slot * SLOT + index] ?? 0;
  }

  #is(slot: number, [first, second, third]: Words): boolean {
    const at = slot * SLOT;
    const words = this.#words;
    return words[at] === first && words[at + 1] === second && words[at + 2] === third;
  }
}

function numberAt(words: Uint32Array, at: number): number {
  return (words[at + NUMBER_AT] ?? 0) + (words[at + NUMBER_AT + 1] ?? 0) * UINT32;
}
