import { place } from './live-index.ts';
import { RECORD_HEADER_BYTES, recordSize, sealRecord } from './record-format.ts';
import type { Segment } from './segment.ts';

const FIRST_BUFFER_BYTES = 0x1_0000;

/** Gathers records for one segment, and writes them with one write and one sync. */
export class Appender {
  readonly segment: Segment;
  #buffer: Buffer;
  #used = 0;

  constructor(segment: Segment, buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES)) {
    this.segment = segment;
    this.#buffer = buffer;
  }

  /** Lent to the appender of the next segment. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Bytes that still fit behind what was gathered. */
  get roomBytes(): number {
    return this.segment.sizeBytes - this.segment.end - this.#used;
  }

  /** Where the body of the next record goes in {@link buffer}. */
  get bodyAt(): number {
    return this.#used + RECORD_HEADER_BYTES;
  }

  /** Makes {@link buffer} large enough for one more record. */
  reserve(bodyBytes: number): void {
    const needed = this.#used + recordSize(bodyBytes);
    if (needed <= this.#buffer.length) return;
    const size = Math.min(Math.max(needed, 2 * this.#buffer.length), this.segment.sizeBytes);
    const larger = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  /** Ends the record whose body was written, and returns its location. */
  seal(type: number, sequence: number, bodyBytes: number): number {
    const location = place(this.segment.number, this.segment.end + this.#used);
    sealRecord(this.#buffer, this.#used, this.segment.key, type, sequence, bodyBytes);
    this.#used += recordSize(bodyBytes);
    return location;
  }

  /** Resolves when all that was gathered is on the disk. */
  async flush(): Promise<void> {
    if (this.#used === 0) return;
    const { segment } = this;
    const bytes = this.#buffer.subarray(0, this.#used);
    const at = segment.end;
    // Moved before the write: what failed in the middle is never written over, as the disk may hold any part of it.
    segment.end += this.#used;
    this.#used = 0;
    await segment.file.write(bytes, at);
    await segment.file.sync();
  }
}
