import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { PayloadFile } from '../engine/payload-file.ts';

/** Memory for pieces of files. */
export interface PiecePool {
  takePiece(): Buffer;
  /** Nobody looks at it any more. */
  givePieceBack(piece: Buffer): void;
}

/** How much of a file is read at a time; twice as much is in memory. */
export const FILE_PIECE_BYTES = 128 * 1024;

/**
 * A file on its way to a peer, in pieces: while the peer takes one, the next one is read.
 *
 * It is opened at once, so that it does not matter what becomes of its name.
 */
export class FileOutput {
  /** What has not been taken yet. */
  leftBytes: number;
  readonly #file: PayloadFile;
  readonly #pool: PiecePool;
  readonly #failed: (error: Error) => void;
  #whenReady: (() => void) | undefined;
  #handle: FileHandle | undefined;
  #position = 0;
  #crc32 = 0;
  /** What the peer is taking, and what comes next. */
  #given: Buffer | undefined;
  #next: Buffer | undefined;
  #nextBytes = 0;
  #isBusy = true;
  #isDropped = false;

  /**
   * @param pool where pieces come from and go to
   * @param failed told when the file cannot be read, or is not what was written
   */
  constructor(file: PayloadFile, pool: PiecePool, failed: (error: Error) => void) {
    this.#file = file.retain();
    this.leftBytes = file.sizeBytes;
    this.#pool = pool;
    this.#failed = failed;
    this.#do(async () => {
      this.#handle = await open(file.path, 'r');
    });
  }

  /** Begins to read. @param whenReady called whenever {@link take} has something again */
  begin(whenReady: () => void): void {
    this.#whenReady = whenReady;
    if (!this.#isBusy) this.#readNext();
  }

  /** The next piece, if it is there. The one before has been taken by the peer. */
  take(): Uint8Array | undefined {
    if (this.#given !== undefined) this.#pool.givePieceBack(this.#given);
    this.#given = undefined;
    const next = this.#next;
    if (next === undefined) return undefined;
    const bytes = this.#nextBytes;
    this.#given = next;
    this.#next = undefined;
    this.leftBytes -= bytes;
    if (this.leftBytes > 0) this.#readNext();
    else this.drop();
    return next.subarray(0, bytes);
  }

  /** Nothing more of it is wanted. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#next = undefined;
    if (!this.#isBusy) this.#close();
  }

  #readNext(): void {
    const handle = this.#handle;
    if (this.#isBusy || handle === undefined || this.#isDropped) return;
    const piece = this.#pool.takePiece();
    const wanted = Math.min(piece.length, this.leftBytes);
    this.#do(async () => {
      const { bytesRead } = await handle.read(piece, 0, wanted, this.#position);
      if (bytesRead === 0)
        throw new Error(`${this.#file.path} is ${this.leftBytes} bytes shorter than it was`);
      this.#position += bytesRead;
      this.#check(piece.subarray(0, bytesRead));
      this.#next = piece;
      this.#nextBytes = bytesRead;
    });
  }

  /** The last piece of a file that has changed is not given: nobody takes what came before for the whole. */
  #check(bytes: Uint8Array): void {
    const { path, sizeBytes, crc32: expected } = this.#file;
    if (expected === undefined) return;
    this.#crc32 = crc32(bytes, this.#crc32);
    if (this.#position === sizeBytes && this.#crc32 !== expected)
      throw new Error(`${path} has changed since it was written: its checksum is wrong`);
  }

  #do(work: () => Promise<void>): void {
    this.#isBusy = true;
    work().then(
      () => this.#done(undefined),
      (error: Error) => this.#done(error),
    );
  }

  #done(error: Error | undefined): void {
    this.#isBusy = false;
    if (this.#isDropped) {
      this.#close();
    } else if (error !== undefined) {
      this.drop();
      this.#failed(error);
    } else if (this.#next !== undefined) {
      this.#whenReady?.();
    } else if (this.#whenReady !== undefined) {
      this.#readNext();
    }
  }

  #close(): void {
    this.#file.release();
    void this.#handle?.close().catch(() => {});
    this.#handle = undefined;
  }
}
