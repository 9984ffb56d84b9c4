import { crc32 } from 'node:zlib';

/**
 * How records stand in a segment, one after the other, each on a multiple of 8 bytes:
 *
 *     0  tag      u32   random, one per use of a segment: finds the next record behind a damaged one
 *     4  crc      u32   CRC-32, seeded per segment, of everything from `length` to the end of the body
 *     8  length   u32   of the body
 *    12  type     u8
 *    13  write    u24   how far before it the write began that brought it, in units of 8 bytes
 *    16  sequence u64   rises by one from record to record over all segments: what is missing can be counted
 *    24  body
 *
 * A record that says a write began before a hole says that the hole is of the same write: a crash may have left parts of it.
 *
 * The tag is not needed to read record after record, so a record whose tag alone is damaged is still good. Whoever writes
 * payloads knows neither tag nor seed, and cannot put a false record into one.
 */
export const RECORD_HEADER_BYTES = 24;

/** The type of a record that stands where a write was cut off in its middle; the others are told apart by their bodies. */
export const BLANK = 5;

const CRC_AT = 4;
const LENGTH_AT = 8;
const TYPE_AT = 12;
const SEQUENCE_AT = 16;
const UNIT_BYTES = 8;

/** What one use of a segment file has of its own. */
export interface SegmentKey {
  readonly tag: number;
  readonly seed: number;
}

/** One record as it was read. */
export class ReadRecord {
  readonly type: number;
  readonly sequence: number;
  /** Where it starts, and how many bytes it takes with its padding. */
  readonly at: number;
  readonly sizeBytes: number;
  /** Where the write began that brought it: what stood before was on the disk by then. */
  readonly writtenFrom: number;
  readonly #bytes: Buffer;
  readonly #end: number;

  constructor(bytes: Buffer, at: number, end: number, type: number) {
    this.type = type;
    this.sequence = readNumber(bytes, at + SEQUENCE_AT);
    this.at = at;
    this.sizeBytes = recordSize(end - at - RECORD_HEADER_BYTES);
    this.writtenFrom = at - (bytes.readUInt32LE(at + TYPE_AT) >>> 8) * UNIT_BYTES;
    this.#bytes = bytes;
    this.#end = end;
  }

  /** A view of the segment's bytes. Most records are only looked at, so it is not made before it is needed. */
  get body(): Buffer {
    return this.#bytes.subarray(this.at + RECORD_HEADER_BYTES, this.#end);
  }

  /** A number that stands in the body. */
  numberAt(offset: number): number {
    return readNumber(this.#bytes, this.at + RECORD_HEADER_BYTES + offset);
  }

  /** Two bytes that stand in the body. */
  shortAt(offset: number): number {
    return this.#bytes.readUInt16LE(this.at + RECORD_HEADER_BYTES + offset);
  }
}

/** How many bytes a record with such a body takes. */
export function recordSize(bodyBytes: number): number {
  return (RECORD_HEADER_BYTES + bodyBytes + 7) & ~7;
}

export function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

/** Writes the header of a record whose body stands behind it already, in the bytes of one write. */
export function sealRecord(
  bytes: Buffer,
  at: number,
  key: SegmentKey,
  type: number,
  sequence: number,
  bodyBytes: number,
): void {
  bytes.writeUInt32LE(key.tag, at);
  bytes.writeUInt32LE(bodyBytes, at + LENGTH_AT);
  bytes.writeUInt32LE(type + (at / UNIT_BYTES) * 0x100, at + TYPE_AT);
  writeNumber(bytes, sequence, at + SEQUENCE_AT);
  const end = at + RECORD_HEADER_BYTES + bodyBytes;
  bytes.writeUInt32LE(crc32(bytes.subarray(at + LENGTH_AT, end), key.seed), at + CRC_AT);
  bytes.fill(0, end, at + recordSize(bodyBytes));
}

/** The record at `at`, or undefined when there is none, or none that is whole. */
export function readRecord(bytes: Buffer, at: number, key: SegmentKey): ReadRecord | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const bodyBytes = bytes.readUInt32LE(at + LENGTH_AT);
  const end = at + RECORD_HEADER_BYTES + bodyBytes;
  if (end > bytes.length) return undefined;
  const type = bytes.readUInt8(at + TYPE_AT);
  if (type === 0) return undefined;
  if (crc32(bytes.subarray(at + LENGTH_AT, end), key.seed) !== bytes.readUInt32LE(at + CRC_AT))
    return undefined;
  return new ReadRecord(bytes, at, end, type);
}

/** A record that says nothing, for `sizeBytes` that would otherwise be none. */
export function blankRecord(sizeBytes: number, key: SegmentKey, sequence: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  sealRecord(bytes, 0, key, BLANK, sequence, sizeBytes - RECORD_HEADER_BYTES);
  return bytes;
}

/**
 * Reads the records of a segment in order, over damaged places: a place that holds no whole record costs what stands
 * there, and the next whole record goes on.
 */
export class RecordScanner {
  readonly #bytes: Buffer;
  readonly #key: SegmentKey;
  readonly #tagBytes = Buffer.alloc(4);
  #at: number;
  #skippedBytes = 0;
  #isOver = false;

  constructor(bytes: Buffer, key: SegmentKey, at: number) {
    this.#bytes = bytes;
    this.#key = key;
    this.#at = at;
    this.#tagBytes.writeUInt32LE(key.tag);
  }

  /** Where the last whole record ends: the next may be written here. */
  get end(): number {
    return this.#at;
  }

  /** Bytes between whole records that are none. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** True when a record was begun behind the last whole one: a write that was cut off, or damage to the last record. */
  get endsTorn(): boolean {
    return this.#isOver && this.#bytes.indexOf(this.#tagBytes, this.#at) !== -1;
  }

  /** The next whole record, or undefined when there is none any more. */
  next(): ReadRecord | undefined {
    if (this.#isOver) return undefined;
    const record = readRecord(this.#bytes, this.#at, this.#key) ?? this.#resynchronise();
    if (record === undefined) this.#isOver = true;
    else this.#at = record.at + record.sizeBytes;
    return record;
  }

  #resynchronise(): ReadRecord | undefined {
    let at = this.#at;
    for (;;) {
      at = this.#bytes.indexOf(this.#tagBytes, at + 1);
      if (at === -1) return undefined;
      const record = at % 8 === 0 ? readRecord(this.#bytes, at, this.#key) : undefined;
      if (record === undefined) continue;
      this.#skippedBytes += at - this.#at;
      return record;
    }
  }
}
