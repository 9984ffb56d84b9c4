import { crc32 } from 'node:zlib';
import { StoreVersionError } from './errors.ts';
import { readNumber, type SegmentKey, writeNumber } from './record-format.ts';

/** What stands before the records of a segment, twice, each copy in a disk sector of its own. */
export interface SegmentHeader extends SegmentKey {
  /** Segments are read in the order of these. */
  readonly segment: number;
  /** The largest job number when the segment was begun: the one that had it may be long gone. */
  readonly lastNumber: number;
  /** Of its first record: what is missing before it can be counted. */
  readonly firstSequence: number;
}

export const FORMAT_VERSION = 1;
const MAGIC = 'GEARMANJ';
const COPY_BYTES = 512;
const CHECKED_BYTES = 44;

/** Where the first record stands. */
export const FIRST_RECORD_AT = 2 * COPY_BYTES;

export function encodeHeader(header: SegmentHeader): Buffer {
  const copy = Buffer.alloc(COPY_BYTES);
  copy.write(MAGIC, 0, 'latin1');
  copy.writeUInt32LE(FORMAT_VERSION, 8);
  copy.writeUInt32LE(header.tag, 12);
  copy.writeUInt32LE(header.seed, 16);
  writeNumber(copy, header.segment, 20);
  writeNumber(copy, header.lastNumber, 28);
  writeNumber(copy, header.firstSequence, 36);
  copy.writeUInt32LE(crc32(copy.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return Buffer.concat([copy, copy]);
}

/**
 * The header of a segment, from whichever of its copies is whole; undefined when none is.
 *
 * @throws StoreVersionError `ERR_GEARMAN_STORE_VERSION` for a whole header of a later format
 */
export function decodeHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  for (const at of [0, COPY_BYTES]) {
    const copy = bytes.subarray(at, at + COPY_BYTES);
    if (copy.length < COPY_BYTES || copy.toString('latin1', 0, MAGIC.length) !== MAGIC) continue;
    if (crc32(copy.subarray(0, CHECKED_BYTES)) !== copy.readUInt32LE(CHECKED_BYTES)) continue;
    const version = copy.readUInt32LE(8);
    if (version > FORMAT_VERSION) throw new StoreVersionError(path, version, FORMAT_VERSION);
    return {
      tag: copy.readUInt32LE(12),
      seed: copy.readUInt32LE(16),
      segment: readNumber(copy, 20),
      lastNumber: readNumber(copy, 28),
      firstSequence: readNumber(copy, 36),
    };
  }
  return undefined;
}
