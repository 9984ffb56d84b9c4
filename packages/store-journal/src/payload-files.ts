import { join } from 'node:path';
import type { PayloadFileName, StoredJob } from '@gearman/server';
import type { Disk } from './disk.ts';

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

  /** Those of these jobs that have no file. */
  async missing(numbers: Iterable<number>): Promise<number[]> {
    const names = new Set(await this.#disk.list(this.#directory));
    return [...numbers].filter((number) => !names.has(String(number)));
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

  async read(number: number): Promise<Uint8Array> {
    const file = await this.#disk.open(this.#path(number), 'read');
    try {
      const bytes = Buffer.allocUnsafeSlow(await file.size());
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  }

  /** The file of a job, which is not read. */
  async find(number: number, sha256: string | undefined): Promise<PayloadFileName> {
    const path = this.#path(number);
    const file = await this.#disk.open(path, 'read');
    try {
      return { path, sizeBytes: await file.size(), sha256 };
    } finally {
      await file.close();
    }
  }

  /** A file that is left behind is removed at the next start. */
  async remove(number: number): Promise<void> {
    await this.#disk.remove(this.#path(number)).catch(() => {});
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
