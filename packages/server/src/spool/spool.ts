import { join } from 'node:path';
import { type Clock, DirectoryLock, type Logger } from '@gearman/events';
import { PayloadFile } from '../engine/payload-file.ts';
import { SpoolError } from '../errors.ts';
import type { CheckedLimits } from '../limits.ts';
import type { LimitLog } from '../net/limit-log.ts';
import { RefusalLog } from '../net/refusal-log.ts';
import type { PayloadFileName } from '../store/store.ts';
import { type SpoolDisk, systemSpoolDisk } from './spool-disk.ts';
import type { CheckedSpoolOptions } from './spool-options.ts';
import { SpoolWriter, type SpoolWriterOwner } from './spool-writer.ts';

/** Somebody with a payload that is to be written to a file. */
export interface SpoolWaiter {
  /** It may be written now; {@link Spool.leave} when that is over. */
  goOnSpooling(): void;
}

/** What {@link Spool} needs of its server. */
export interface SpoolParts {
  readonly options: CheckedSpoolOptions;
  readonly limits: Pick<CheckedLimits, 'maxSpoolBytes' | 'maxSpoolingFiles'>;
  readonly limitLog: LimitLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly disk?: SpoolDisk;
}

const FILE_NAME = /^payload-\d+$/;

/** Large payloads of jobs, in files that live no longer than their server. */
export class Spool {
  readonly thresholdBytes: number;
  readonly disk: SpoolDisk;
  readonly #parts: SpoolParts;
  readonly #log: RefusalLog;
  readonly #files = new Set<string>();
  readonly #waiting = new Set<SpoolWaiter>();
  /** Files on their way out. */
  readonly #removals = new Set<Promise<void>>();
  #opening: Promise<void> | undefined;
  #lock: DirectoryLock | undefined;
  #writing = 0;
  #usedBytes = 0;
  #lastFile = 0;

  constructor(parts: SpoolParts) {
    this.#parts = parts;
    this.thresholdBytes = parts.options.thresholdBytes;
    this.disk = parts.disk ?? systemSpoolDisk;
    this.#log = new RefusalLog(parts.clock, parts.logger);
  }

  get isOpen(): boolean {
    return this.#lock !== undefined;
  }

  /** What the files have, in bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get fileCount(): number {
    return this.#files.size;
  }

  /** True while somebody waits for others to have written theirs. */
  get short(): boolean {
    return this.#waiting.size > 0;
  }

  /**
   * Makes the directory and removes what an earlier server has left there; further calls wait for the first.
   *
   * @returns a promise that rejects with SpoolError `ERR_GEARMAN_SPOOL` when the directory cannot be used
   */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Removes every file. */
  async close(): Promise<void> {
    await this.#opening?.catch(() => {});
    for (const path of this.#files) this.#remove(path);
    await Promise.all(this.#removals);
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Asks to write a payload. @returns false when that has to wait for {@link SpoolWaiter.goOnSpooling} */
  enter(waiter: SpoolWaiter): boolean {
    const { limits, limitLog } = this.#parts;
    if (this.#writing < limits.maxSpoolingFiles) {
      this.#writing++;
      return true;
    }
    limitLog.note('maxSpoolingFiles');
    this.#waiting.add(waiter);
    return false;
  }

  /** A payload has been written, or will not be. @param entered whether it was allowed to */
  leave(waiter: SpoolWaiter, entered: boolean): void {
    this.#waiting.delete(waiter);
    if (!entered) return;
    this.#writing--;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#writing++;
      next.goOnSpooling();
      return;
    }
  }

  /** Begins a file. */
  write(owner: SpoolWriterOwner): SpoolWriter {
    const path = join(this.#parts.options.directory, `payload-${++this.#lastFile}`);
    this.#files.add(path);
    return new SpoolWriter(this, path, owner);
  }

  /** A file grows. @throws when that is too much */
  grow(bytes: number): void {
    const { limits, limitLog } = this.#parts;
    this.#usedBytes += bytes;
    if (this.#usedBytes <= limits.maxSpoolBytes) return;
    limitLog.note('maxSpoolBytes');
    throw new Error(`large payloads take more than ${limits.maxSpoolBytes} bytes together`);
  }

  /** A file is whole; it is retained. */
  finish(file: PayloadFileName): PayloadFile {
    return new PayloadFile(file, ({ path, sizeBytes }) => this.discard(path, sizeBytes)).retain();
  }

  /** A file is not needed any more, or never will be whole. */
  discard(path: string, sizeBytes: number): void {
    this.#usedBytes -= sizeBytes;
    if (this.#files.has(path)) this.#remove(path);
  }

  failed(error: Error): void {
    const { directory } = this.#parts.options;
    this.#log.error(
      { err: error, directory },
      'a large payload cannot be written to a file; its submit is refused',
    );
  }

  #remove(path: string): void {
    this.#files.delete(path);
    // What stays is removed at the next start.
    const removal = this.disk.remove(path).catch(() => {});
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }

  async #open(): Promise<void> {
    const { options, clock } = this.#parts;
    const { directory } = options;
    const { disk } = this;
    try {
      await disk.makeDirectory(directory);
      const inUse = (holder: string): Error => new SpoolError(`it is in use by ${holder}`);
      this.#lock = await DirectoryLock.take(directory, clock, inUse);
      for (const name of await disk.list(directory)) {
        if (FILE_NAME.test(name)) await disk.remove(join(directory, name));
      }
    } catch (error) {
      await this.#lock?.release();
      this.#lock = undefined;
      const reason = error instanceof Error ? error.message : String(error);
      throw new SpoolError(`the directory ${directory} cannot take large payloads: ${reason}`, {
        cause: error,
      });
    }
  }
}
