/** Where a live job stands. */
export interface Place {
  /** The segment and the position in it, see {@link place}. */
  readonly location: number;
  readonly sizeBytes: number;
}

const POSITION_UNITS = 0x20_0000;
const UNIT_BYTES = 8;

/** One number for a segment and a position in it, which is a multiple of 8 below 16 MiB. */
export function place(segment: number, at: number): number {
  return segment * POSITION_UNITS + at / UNIT_BYTES;
}

export function segmentOf(location: number): number {
  return Math.floor(location / POSITION_UNITS);
}

export function positionOf(location: number): number {
  return (location % POSITION_UNITS) * UNIT_BYTES;
}

const SHARDS = 256;
const FIRST_SLOTS = 16;
const EMPTY = 0;

/**
 * From job numbers to places, for millions of them: 20 bytes a slot in typed arrays, at most two thirds full, in many small
 * tables, so that none takes long to grow.
 */
export class LiveIndex {
  readonly #shards: readonly Shard[] = Array.from({ length: SHARDS }, () => new Shard());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): Place | undefined {
    return this.#shard(number).get(number);
  }

  /** Returns the place it had before. */
  set(number: number, location: number, sizeBytes: number): Place | undefined {
    const before = this.#shard(number).set(number, location, sizeBytes);
    if (before === undefined) this.#size++;
    return before;
  }

  delete(number: number): Place | undefined {
    const before = this.#shard(number).delete(number);
    if (before !== undefined) this.#size--;
    return before;
  }

  /** All numbers, rising. */
  numbers(): Float64Array {
    const numbers = new Float64Array(this.#size);
    let at = 0;
    for (const shard of this.#shards) at = shard.copyNumbers(numbers, at);
    return numbers.sort();
  }

  #shard(number: number): Shard {
    // Neighbours go to different shards, so that all of them grow alike.
    return this.#shards[number % SHARDS] as Shard;
  }
}

/** One table with open addressing; deleting moves the followers up, so there are no graves. */
class Shard {
  #numbers = new Float64Array(FIRST_SLOTS);
  #locations = new Float64Array(FIRST_SLOTS);
  #sizes = new Uint32Array(FIRST_SLOTS);
  #used = 0;

  get(number: number): Place | undefined {
    return this.#placeAt(this.#slotOf(number));
  }

  set(number: number, location: number, sizeBytes: number): Place | undefined {
    let slot = this.#slotOf(number);
    const before = this.#placeAt(slot);
    if (before === undefined) {
      if ((this.#used + 1) * 3 > this.#numbers.length * 2) {
        this.#resize(this.#numbers.length * 2);
        slot = this.#slotOf(number);
      }
      this.#used++;
    }
    this.#fill(slot, number, location, sizeBytes);
    return before;
  }

  delete(number: number): Place | undefined {
    const slot = this.#slotOf(number);
    const before = this.#placeAt(slot);
    if (before === undefined) return undefined;
    this.#used--;
    this.#closeGap(slot);
    const slots = this.#numbers.length;
    if (slots > FIRST_SLOTS && this.#used * 6 < slots) this.#resize(slots / 2);
    return before;
  }

  copyNumbers(into: Float64Array, from: number): number {
    let at = from;
    for (const number of this.#numbers) if (number !== EMPTY) into[at++] = number;
    return at;
  }

  /** Where `number` is, or the empty slot where it would go. */
  #slotOf(number: number): number {
    const mask = this.#numbers.length - 1;
    let slot = home(number, mask);
    for (;;) {
      const there = this.#numbers[slot];
      if (there === number || there === EMPTY) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #placeAt(slot: number): Place | undefined {
    if (this.#numbers[slot] === EMPTY) return undefined;
    return { location: this.#locations[slot] ?? 0, sizeBytes: this.#sizes[slot] ?? 0 };
  }

  #fill(slot: number, number: number, location: number, sizeBytes: number): void {
    this.#numbers[slot] = number;
    this.#locations[slot] = location;
    this.#sizes[slot] = sizeBytes;
  }

  #closeGap(gap: number): void {
    const mask = this.#numbers.length - 1;
    let hole = gap;
    let slot = gap;
    for (;;) {
      slot = (slot + 1) & mask;
      const number = this.#numbers[slot] ?? EMPTY;
      if (number === EMPTY) break;
      // Only what does not stand between its home and the hole may move into it.
      if (((slot - home(number, mask)) & mask) < ((slot - hole) & mask)) continue;
      this.#fill(hole, number, this.#locations[slot] ?? 0, this.#sizes[slot] ?? 0);
      hole = slot;
    }
    this.#numbers[hole] = EMPTY;
  }

  #resize(slots: number): void {
    const [numbers, locations, sizes] = [this.#numbers, this.#locations, this.#sizes];
    this.#numbers = new Float64Array(slots);
    this.#locations = new Float64Array(slots);
    this.#sizes = new Uint32Array(slots);
    numbers.forEach((number, slot) => {
      if (number === EMPTY) return;
      this.#fill(this.#slotOf(number), number, locations[slot] ?? 0, sizes[slot] ?? 0);
    });
  }
}

/**
 * Where a number would stand. Neighbours are thrown apart: side by side they would make one long run, all of which deleting the
 * first of them would have to look at.
 */
function home(number: number, mask: number): number {
  const mixed = Math.imul(Math.floor(number / SHARDS), 0x9e37_79b1);
  return (mixed ^ (mixed >>> 15)) & mask;
}
