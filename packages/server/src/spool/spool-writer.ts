import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { PayloadFile } from '../engine/payload-file.ts';
import type { Spool } from './spool.ts';

/** Told how the writing of one payload goes. */
export interface SpoolWriterOwner {
  /** Some of it has been written, or will never be; look at the writer. */
  progressed(): void;
}

type Handle = Pick<FileHandle, 'writev' | 'datasync' | 'close'>;

/** How much may wait for the disk before whoever sends it has to wait. */
export const MOST_HELD_BYTES = 512 * 1024;
/** What a piece costs beside its bytes: the end of a chunk may keep the whole in memory. */
const PIECE_OVERHEAD_BYTES = 256;

/** One payload on its way into a file. */
export class SpoolWriter {
  readonly #spool: Spool;
  readonly #path: string;
  readonly #owner: SpoolWriterOwner;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #sizeBytes = 0;
  #crc32 = 0;
  #hash: Hash | undefined;
  #handle: Handle | undefined;
  #isBusy = false;
  /** No more bytes come. */
  #ending: { readonly sync: boolean } | undefined;
  #state: 'writing' | 'whole' | 'failed' | 'dropped' = 'writing';
  #error: Error | undefined;
  #file: PayloadFile | undefined;

  /** @internal use `spool.write()` */
  constructor(spool: Spool, path: string, owner: SpoolWriterOwner) {
    this.#spool = spool;
    this.#path = path;
    this.#owner = owner;
  }

  /** What is in memory because it is not written yet, in bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Why there will be no file; known when nothing of it is left. */
  get error(): Error | undefined {
    return this.#isBusy ? undefined : this.#error;
  }

  /** The file, when it is whole; released by {@link drop}. */
  get file(): PayloadFile | undefined {
    return this.#file;
  }

  /** The file will know its hash; before the first {@link write}. */
  wantHash(): void {
    this.#hash = createHash('sha256');
  }

  /** Adds bytes, which must not change any more. */
  write(bytes: Uint8Array): void {
    if (this.#state !== 'writing' || bytes.length === 0) return;
    this.#sizeBytes += bytes.length;
    try {
      this.#spool.grow(bytes.length);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#crc32 = crc32(bytes, this.#crc32);
    this.#hash?.update(bytes);
    this.#pieces.push(bytes);
    this.#heldBytes += bytes.length + PIECE_OVERHEAD_BYTES;
    this.#work();
  }

  /** That was all. @param sync whether it is to be on the disk before it counts as whole */
  end(sync: boolean): void {
    this.#ending = { sync };
    this.#work();
  }

  /** The owner wants it no more. Who has retained the file keeps it. */
  drop(): void {
    const state = this.#state;
    this.#state = 'dropped';
    if (state === 'writing') this.#clear();
    else if (state === 'whole') this.#file?.release();
  }

  #work(): void {
    if (this.#isBusy || this.#state !== 'writing') return;
    this.#isBusy = true;
    this.#writeAll()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isBusy = false;
        // It was dropped, or has failed, while the file was in use.
        if (this.#state === 'dropped' || this.#state === 'failed') this.#discard();
        else if (this.#pieces.length > 0 || this.#ending !== undefined) this.#work();
        if (this.#state !== 'dropped') this.#owner.progressed();
      });
  }

  async #writeAll(): Promise<void> {
    this.#handle ??= await this.#spool.disk.create(this.#path);
    while (this.#pieces.length > 0 && this.#state === 'writing') {
      const pieces = this.#pieces;
      const heldBytes = this.#heldBytes;
      this.#pieces = [];
      await writeWhole(this.#handle, pieces);
      if (this.#state !== 'writing') return;
      this.#heldBytes -= heldBytes;
      if (this.#pieces.length > 0) this.#owner.progressed();
    }
    if (this.#ending === undefined || this.#state !== 'writing') return;
    if (this.#ending.sync) await this.#handle.datasync();
    if (this.#state !== 'writing') return;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle.close();
    if (this.#state !== 'writing') return;
    this.#state = 'whole';
    this.#file = this.#spool.finish({
      path: this.#path,
      sizeBytes: this.#sizeBytes,
      sha256: this.#hash?.digest('hex'),
      crc32: this.#crc32,
    });
  }

  #fail(error: unknown): void {
    if (this.#state !== 'writing') return;
    this.#state = 'failed';
    this.#error = error instanceof Error ? error : new Error(String(error));
    this.#spool.failed(this.#error);
    this.#clear();
  }

  #clear(): void {
    this.#pieces = [];
    this.#heldBytes = 0;
    if (!this.#isBusy) this.#discard();
  }

  #discard(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#spool.discard(this.#path, this.#sizeBytes);
    this.#sizeBytes = 0;
    // Nothing of it is needed.
    void handle?.close().catch(() => {});
  }
}

async function writeWhole(handle: Handle, pieces: Uint8Array[]): Promise<void> {
  let left = pieces;
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left);
    left = behind(left, bytesWritten);
  }
}

/** What is left of some pieces when their first bytes are gone. */
function behind(pieces: Uint8Array[], bytes: number): Uint8Array[] {
  let gone = bytes;
  for (const [i, piece] of pieces.entries()) {
    if (gone < piece.length) return [piece.subarray(gone), ...pieces.slice(i + 1)];
    gone -= piece.length;
  }
  return [];
}
