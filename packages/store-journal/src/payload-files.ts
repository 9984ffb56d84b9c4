import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { PayloadFileName, StoredJob } from '@gearman/server';
import type { Disk, DiskFile } from './disk.ts';
import type { PayloadSum } from './record-bodies.ts';

/** A live job whose payload cannot be had. */
export interface LostPayload {
  readonly number: number;
  readonly how: 'missing' | 'altered';
}

type LargeJobs = Iterable<readonly [number: number, sum: PayloadSum | undefined]>;

const PIECE_BYTES = 256 * 1024;

/** Payloads too large for the journal: one file each, named by the number of the job. */
export class PayloadFiles {
  readonly #disk: Disk;
  readonly #directory: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = join(directory, 'payloads');
  }

  /** Makes the directory, and removes files whose jobs are gone. */
  async open(isLive: (number: number) => boolean): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
    for (const name of await this.#disk.list(this.#directory)) {
      if (!isLive(Number(name))) await this.#disk.remove(join(this.#directory, name));
    }
  }

  /** Those of these jobs that have no file, or none of the right size; with `reads` none of the right bytes either. */
  async lost(jobs: LargeJobs, reads: boolean): Promise<LostPayload[]> {
    const names = new Set(await this.#disk.list(this.#directory));
    const lost: LostPayload[] = [];
    for (const [number, sum] of jobs) {
      if (!names.has(String(number))) lost.push({ number, how: 'missing' });
      else if (sum !== undefined && !(await this.#isWhole(number, sum, reads)))
        lost.push({ number, how: 'altered' });
    }
    return lost;
  }

  /** Resolves when all of them are on the disk; when one fails, none is left. */
  async write(jobs: readonly StoredJob[]): Promise<void> {
    try {
      for (const job of jobs) {
        if (job.payloadFile === undefined) await this.#create(job);
        else await this.#adopt(job.number, job.payloadFile);
      }
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      for (const { number } of jobs) await this.remove(number);
      throw error;
    }
  }

  /** Undefined when it is not what was written. */
  read(number: number, sum: PayloadSum | undefined): Promise<Uint8Array | undefined> {
    return this.#with(number, async (file) => {
      const bytes = Buffer.allocUnsafeSlow(await file.size());
      const there = bytes.subarray(0, await file.read(bytes, 0));
      const isWhole = sum === undefined || (there.length === sum.sizeBytes && crc32(there) === sum.crc32);
      return isWhole ? there : undefined;
    });
  }

  /** The file of a job, which is not read. */
  async find(
    number: number,
    sum: PayloadSum | undefined,
    sha256: string | undefined,
  ): Promise<PayloadFileName> {
    const sizeBytes = sum?.sizeBytes ?? (await this.#with(number, (file) => file.size()));
    return { path: this.#path(number), sizeBytes, sha256, crc32: sum?.crc32 };
  }

  /** A file that is left behind is removed at the next start. */
  async remove(number: number): Promise<void> {
    await this.#disk.remove(this.#path(number)).catch(() => {});
  }

  #isWhole(number: number, sum: PayloadSum, reads: boolean): Promise<boolean> {
    return this.#with(number, async (file) => {
      if ((await file.size()) !== sum.sizeBytes) return false;
      return !reads || (await checksumOf(file)) === sum.crc32;
    });
  }

  async #with<T>(number: number, use: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = await this.#disk.open(this.#path(number), 'read');
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }

  async #create({ number, payload }: StoredJob): Promise<void> {
    const file = await this.#disk.open(this.#path(number), 'create');
    try {
      await file.write(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #adopt(number: number, { path, sizeBytes }: PayloadFileName): Promise<void> {
    await this.#disk.adopt(path, this.#path(number));
    const file = await this.#disk.open(this.#path(number), 'change');
    try {
      const size = await file.size();
      if (size !== sizeBytes) throw new Error(`${path} has ${size} bytes, not ${sizeBytes}`);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #path(number: number): string {
    return join(this.#directory, String(number));
  }
}

async function checksumOf(file: DiskFile): Promise<number> {
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let sum = 0;
  for (let at = 0; ; ) {
    const bytes = await file.read(piece, at);
    if (bytes === 0) return sum;
    sum = crc32(piece.subarray(0, bytes), sum);
    at += bytes;
  }
}
