import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { type Segment, segmentName } from './segment.ts';
import { encodeHeader, FIRST_RECORD_AT } from './segment-header.ts';

interface Spare {
  readonly path: string;
  readonly file: DiskFile;
}

/** One for the next segment, and one that no new job gets: with it a full disk can still record what is over. */
const KEPT = 2;
const FILL_BYTES = 0x10_0000;

/**
 * Files of full size that wait to become segments. Their blocks are on the disk already, so that writing a record into one
 * can neither fail for lack of space nor change anything but its data.
 */
export class SpareFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #spares: Spare[] = [];
  #making: Promise<void> | undefined;
  #owesNames = false;
  #isClosed = false;

  constructor(disk: Disk, directory: string, segmentBytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  get count(): number {
    return this.#spares.length;
  }

  /** May be called after {@link close}. */
  open(): void {
    this.#isClosed = false;
  }

  /** Uses a spare file that an earlier process left, unless it was never finished. */
  async adopt(name: string): Promise<void> {
    const path = join(this.#directory, name);
    const file = await this.#disk.open(path, 'change');
    let isKept = false;
    try {
      isKept = this.#spares.length < KEPT && (await file.size()) === this.#segmentBytes;
    } finally {
      if (!isKept) await file.close();
    }
    if (isKept) this.#spares.push({ path, file });
    else await this.#disk.remove(path);
  }

  /** Makes files until there are `count` beside the one that is kept back. Rejects when there is no space. */
  async ensure(count: number): Promise<void> {
    while (this.#spares.length < count + 1 && !this.#isClosed) {
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
  }

  /** Makes the next one meanwhile. When that fails, {@link ensure} says so to who needs it. */
  prepare(): void {
    this.ensure(1).catch(() => {});
  }

  /** How many segments can begin now without taking the file that is kept back. */
  get available(): number {
    return Math.max(0, this.#spares.length - 1);
  }

  /** Turns a file into a segment; undefined when there is none. */
  async begin(number: number, lastNumber: number, firstSequence: number): Promise<Segment | undefined> {
    const spare = this.#spares.shift();
    if (spare === undefined) return undefined;
    const random = randomBytes(8);
    // A zero tag would be found in every byte that was never written.
    const key = { tag: (random.readUInt32LE() | 1) >>> 0, seed: random.readUInt32LE(4) };
    const path = join(this.#directory, segmentName(number));
    try {
      await spare.file.write(encodeHeader({ ...key, segment: number, lastNumber, firstSequence }), 0);
      await spare.file.sync();
      await this.#disk.rename(spare.path, path);
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      await this.#giveUp(spare, path);
      throw error;
    }
    return {
      number,
      key,
      path,
      file: spare.file,
      sizeBytes: this.#segmentBytes,
      end: FIRST_RECORD_AT,
      liveBytes: 0,
      settings: 0,
      isDamaged: false,
    };
  }

  /**
   * Takes back a segment that is not needed any more; call {@link syncNames} then. Rejects when it is still there: then no
   * later one may go, as what ends its jobs may stand there.
   */
  async recycle(segment: Segment): Promise<void> {
    await this.syncNames();
    if (this.#spares.length < KEPT && segment.sizeBytes === this.#segmentBytes && !segment.isDamaged) {
      const path = this.#newPath();
      await this.#disk.rename(segment.path, path);
      this.#spares.push({ path, file: segment.file });
      this.#owesNames = true;
    } else {
      await this.#disk.remove(segment.path);
      this.#owesNames = true;
      // The file has no name any more: nothing that its closing could report matters.
      await segment.file.close().catch(() => {});
    }
  }

  /** Resolves when it is durable that recycled segments are none any more. */
  async syncNames(): Promise<void> {
    if (!this.#owesNames) return;
    await this.#disk.syncDirectory(this.#directory);
    this.#owesNames = false;
  }

  async close(): Promise<void> {
    // Whoever waits for the next file would otherwise make one more.
    this.#isClosed = true;
    await this.#making?.catch(() => {});
    for (const { file } of this.#spares.splice(0)) await file.close();
  }

  async #make(): Promise<void> {
    const path = this.#newPath();
    const file = await this.#disk.open(path, 'create');
    try {
      const zeros = Buffer.alloc(Math.min(FILL_BYTES, this.#segmentBytes));
      for (let at = 0; at < this.#segmentBytes; at += zeros.length) {
        await file.write(zeros.subarray(0, this.#segmentBytes - at), at);
      }
      await file.sync();
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      await file.close().catch(() => {});
      await this.#disk.remove(path).catch(() => {});
      throw error;
    }
    this.#spares.push({ path, file });
  }

  /** A file that the disk failed at is never used again; what is left of it goes at the next start, at the latest. */
  async #giveUp({ path, file }: Spare, newPath: string): Promise<void> {
    await file.close().catch(() => {});
    for (const name of [path, newPath]) await this.#disk.remove(name).catch(() => {});
  }

  #newPath(): string {
    return join(this.#directory, `spare-${randomBytes(8).toString('hex')}`);
  }
}
