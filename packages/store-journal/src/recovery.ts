import { join } from 'node:path';
import type { Logger } from '@gearman/events';
import type { Catalogue } from './catalogue.ts';
import type { Disk, DiskFile } from './disk.ts';
import { StoreUnusableError } from './errors.ts';
import { damagedName, listJournal } from './journal-files.ts';
import { place } from './live-index.ts';
import type { LostPayload } from './payload-files.ts';
import { CHANGE, DONE, PUT, readChange, readPutHead, readSetting, SETTING } from './record-bodies.ts';
import {
  BLANK,
  blankRecord,
  RECORD_HEADER_BYTES,
  type ReadRecord,
  RecordScanner,
  type SegmentKey,
} from './record-format.ts';
import type { Segment } from './segment.ts';
import { decodeHeader, FIRST_RECORD_AT } from './segment-header.ts';

/** One place of a journal that is not as it should be. */
export interface JournalDamage {
  /**
   * `header`: nothing says what the file is, so nothing in it can be read. `damaged`: bytes that are no record. `gap`: records
   * are gone without a trace. `cut-off`: the end of the last write is not there. `payload`: the file of a large payload is
   * gone, and its job with it. `altered-payload`: that file is not what was written, and its job is gone, too.
   */
  readonly kind: 'header' | 'damaged' | 'gap' | 'cut-off' | 'payload' | 'altered-payload';
  readonly path: string;
  /** Where in the file, and how much of it. */
  readonly atBytes: number;
  readonly sizeBytes: number;
  /** How many records are gone: those of a file without a header are counted where the next file begins. */
  readonly missingRecords: number;
}

/** What recovery found besides good records. */
export interface RecoveryReport {
  /** Good records. */
  readonly records: number;
  /** Records that the numbering shows to be gone, and bytes between good records that are none. */
  readonly missingRecords: number;
  readonly damagedBytes: number;
  /** Segments that have damage, or cannot be read at all; copies of the first 16 are kept. */
  readonly damagedSegments: number;
  /** True when the last write was cut off: what it held was never acknowledged. */
  readonly wasCutOff: boolean;
  /**
   * Jobs that are gone because the files of their payloads are, or are not what was written. Their sizes are known when a
   * journal is opened; their bytes when they are read, and by `checkJournal()`.
   */
  readonly missingPayloads: number;
  /** The first hundred places, in order. */
  readonly damage: readonly JournalDamage[];
}

/** A disk that is broken all over must not fill the memory with what is wrong. */
const MOST_DAMAGE = 100;
/** Nor itself with copies. Somebody looks at the first ones, if anybody does. */
const MOST_COPIES = 16;

/** What {@link Recovery} works with. */
export interface RecoveryParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly catalogue: Catalogue;
  readonly logger: Logger;
  /** Whether to refuse damage. */
  readonly strict: boolean;
  /** Whether the process that used it last did not close it. */
  readonly afterCrash: boolean;
}

/** Reads every segment of a directory into a catalogue. */
export class Recovery {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #catalogue: Catalogue;
  readonly #logger: Logger;
  readonly #strict: boolean;
  readonly #afterCrash: boolean;
  #buffer = Buffer.alloc(0);
  #records = 0;
  #missing = 0;
  #damagedBytes = 0;
  #damagedSegments = 0;
  #wasCutOff = false;
  #missingPayloads = 0;
  readonly #damage: JournalDamage[] = [];
  #sequence = 0;

  constructor({ disk, directory, catalogue, logger, strict, afterCrash }: RecoveryParts) {
    this.#disk = disk;
    this.#directory = directory;
    this.#catalogue = catalogue;
    this.#logger = logger;
    this.#strict = strict;
    this.#afterCrash = afterCrash;
  }

  /** The sequence number of the last good record. */
  get sequence(): number {
    return this.#sequence;
  }

  get report(): RecoveryReport {
    return {
      records: this.#records,
      missingRecords: this.#missing,
      damagedBytes: this.#damagedBytes,
      damagedSegments: this.#damagedSegments,
      wasCutOff: this.#wasCutOff,
      missingPayloads: this.#missingPayloads,
      damage: this.#damage,
    };
  }

  /** Reads the segments with these names, in order. */
  async read(names: readonly string[], onProgress?: (read: number) => void): Promise<void> {
    for (const [i, name] of names.entries()) {
      await this.#readSegment(name, i === names.length - 1);
      onProgress?.(i + 1);
    }
  }

  /** Leaves out a job whose payload cannot be had: it must not keep the others from running. */
  dropJob({ number, how }: LostPayload): void {
    const path = join(this.#directory, 'payloads', String(number));
    this.#refuseIfStrict(`${path} is ${how}`);
    this.#logger.error({ path }, `the payload of a job is ${how}; the job is left out`);
    this.#catalogue.done(number);
    this.#missingPayloads++;
    const kind = how === 'missing' ? 'payload' : 'altered-payload';
    this.#note({ kind, path, atBytes: 0, sizeBytes: 0, missingRecords: 0 });
  }

  async #readSegment(name: string, isLast: boolean): Promise<void> {
    const path = join(this.#directory, name);
    const file = await this.#disk.open(path, 'change');
    let segment: Segment | undefined;
    try {
      const bytes = await this.#load(file);
      segment = await this.#toSegment(name, file, bytes);
      if (segment !== undefined) await this.#readRecords(segment, bytes, name, isLast);
    } finally {
      // A segment's file is closed with the journal.
      if (segment === undefined) await file.close();
    }
  }

  /** Takes a file into the catalogue; undefined when nothing says what it is. */
  async #toSegment(name: string, file: DiskFile, bytes: Buffer): Promise<Segment | undefined> {
    const path = join(this.#directory, name);
    const header = decodeHeader(bytes, path);
    if (header === undefined) {
      const what = `${path} has no readable header`;
      this.#refuseIfStrict(what);
      await this.#disk.rename(path, join(this.#directory, damagedName(name)));
      this.#damagedSegments++;
      this.#note({ kind: 'header', path, atBytes: 0, sizeBytes: bytes.length, missingRecords: 0 });
      this.#logger.error({ path }, `${what}; it is renamed, and the others go on`);
      return undefined;
    }
    const { segment: number, tag, seed, lastNumber, firstSequence } = header;
    const segment: Segment = {
      number,
      key: { tag, seed },
      path,
      file,
      sizeBytes: bytes.length,
      end: FIRST_RECORD_AT,
      liveBytes: 0,
      settings: 0,
      isDamaged: false,
    };
    if (this.#catalogue.segments.size === 0) this.#sequence = firstSequence - 1;
    this.#catalogue.noteNumber(lastNumber);
    this.#catalogue.segments.set(number, segment);
    return segment;
  }

  async #readRecords(segment: Segment, bytes: Buffer, name: string, isLast: boolean): Promise<void> {
    if (isLast && this.#afterCrash) await this.#mend(segment, bytes);
    const scanner = new RecordScanner(bytes, segment.key, FIRST_RECORD_AT);
    const missingBefore = this.#missing;
    for (;;) {
      const { end } = scanner;
      const record = scanner.next();
      if (record === undefined) break;
      const missing = this.#count(record);
      if (missing > 0 || record.at > end) this.#noteHole(segment.path, end, record.at, missing);
      this.#apply(record, segment);
    }
    segment.end = scanner.end;
    this.#damagedBytes += scanner.skippedBytes;
    const isCut = scanner.endsTorn;
    if (scanner.skippedBytes > 0 || this.#missing > missingBefore || (isCut && !isLast)) {
      segment.isDamaged = true;
      await this.#setAside(name, bytes, `${segment.path} is damaged`);
    }
    if (isCut && isLast) {
      const sizeBytes = bytes.findLastIndex((byte) => byte !== 0) + 1 - scanner.end;
      this.#noteCut(segment.path, scanner.end, sizeBytes);
    }
    if (isCut) await this.#clear(segment, bytes);
  }

  /**
   * A crash may leave any parts of the last write, which nobody was told to be durable. Its holes are no damage: they are
   * filled, so that what is written behind them later does not make them look like some.
   */
  async #mend(segment: Segment, bytes: Buffer): Promise<void> {
    const { key, path } = segment;
    for (const { from, next } of holesOfLastWrite(bytes, key)) {
      this.#noteCut(path, from, next.at - from);
      const blank = blankRecord(next.at - from, key, next.sequence - 1);
      blank.copy(bytes, from);
      await segment.file.write(blank, from);
      await segment.file.sync();
    }
  }

  #noteCut(path: string, atBytes: number, sizeBytes: number): void {
    this.#wasCutOff = true;
    this.#note({ kind: 'cut-off', path, atBytes, sizeBytes, missingRecords: 0 });
    this.#logger.warn({ path, at: atBytes }, 'the last write was cut off or damaged; it is left out');
  }

  /** Returns how many records are missing before this one. */
  #count({ sequence, type }: ReadRecord): number {
    if (type === BLANK) {
      this.#sequence = Math.max(this.#sequence, sequence);
      return 0;
    }
    const missing = Math.max(0, sequence - this.#sequence - 1);
    this.#missing += missing;
    this.#sequence = Math.max(this.#sequence, sequence);
    this.#records++;
    return missing;
  }

  #noteHole(path: string, from: number, to: number, missingRecords: number): void {
    const kind = to > from ? 'damaged' : 'gap';
    this.#note({ kind, path, atBytes: from, sizeBytes: to - from, missingRecords });
  }

  #note(damage: JournalDamage): void {
    if (this.#damage.length < MOST_DAMAGE) this.#damage.push(damage);
  }

  #apply(record: ReadRecord, segment: Segment): void {
    const { type, at, sizeBytes } = record;
    const catalogue = this.#catalogue;
    if (type === PUT) {
      const { number, isLarge, sum } = readPutHead(record);
      catalogue.put(number, place(segment.number, at), sizeBytes, segment, isLarge, sum);
    } else if (type === DONE) {
      catalogue.done(record.numberAt(0));
    } else if (type === CHANGE) {
      catalogue.change(readChange(record.body));
    } else if (type === SETTING) {
      const { key, value } = readSetting(record.body);
      catalogue.set(key, value, segment);
    }
  }

  /** Puts zeros over what is left of a write that was cut off: nothing later may be mistaken for a part of it. */
  async #clear(segment: Segment, bytes: Buffer): Promise<void> {
    await segment.file.write(bytes.fill(0, segment.end).subarray(segment.end), segment.end);
    await segment.file.sync();
  }

  /** Keeps a copy of what cannot be read, so that somebody may look at it. */
  async #setAside(name: string, bytes: Buffer, what: string): Promise<void> {
    this.#refuseIfStrict(what);
    this.#damagedSegments++;
    const copy = join(this.#directory, damagedName(name));
    try {
      const { damagedCopies } = await listJournal(this.#disk, this.#directory);
      const isThere = damagedCopies.includes(damagedName(name));
      if (!isThere && damagedCopies.length >= MOST_COPIES) {
        const kept = damagedCopies.length;
        this.#logger.error(
          { kept },
          `${what}; what can be read goes on; there is no copy, as there are many`,
        );
        return;
      }
      if (isThere) await this.#disk.remove(copy);
      await writeFile(this.#disk, copy, bytes);
      this.#logger.error({ copy }, `${what}; what can be read goes on`);
    } catch (error) {
      this.#logger.error(
        { error },
        `${what}; what can be read goes on; there is no copy, as it cannot be written`,
      );
    }
  }

  #refuseIfStrict(what: string): void {
    if (!this.#strict) return;
    throw new StoreUnusableError(`${what}; without the option strict, what can be read goes on`);
  }

  async #load(file: DiskFile): Promise<Buffer> {
    const size = await file.size();
    if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafeSlow(size);
    const bytes = this.#buffer.subarray(0, size);
    return bytes.subarray(0, await file.read(bytes, 0));
  }
}

async function writeFile(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    await file.write(bytes, 0);
  } finally {
    await file.close();
  }
}

/** A place between whole records that holds none, and the one behind it. */
interface Hole {
  readonly from: number;
  readonly next: ReadRecord;
}

function holesOfLastWrite(bytes: Buffer, key: SegmentKey): Hole[] {
  const scanner = new RecordScanner(bytes, key, FIRST_RECORD_AT);
  const holes: Hole[] = [];
  let last: ReadRecord | undefined;
  for (;;) {
    const { end: from } = scanner;
    const next = scanner.next();
    if (next === undefined) break;
    if (next.at >= from + RECORD_HEADER_BYTES) holes.push({ from, next });
    last = next;
  }
  const { writtenFrom = 0 } = last ?? {};
  return holes.filter(({ from }) => from >= writtenFrom);
}
