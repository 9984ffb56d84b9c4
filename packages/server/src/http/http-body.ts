import type { IncomingMessage } from 'node:http';
import type { PayloadFile } from '../engine/payload-file.ts';
import type { InputHolder } from '../net/input-budget.ts';
import type { ServerContext } from '../net/server-context.ts';
import type { Spool, SpoolWaiter } from '../spool/spool.ts';
import { MOST_HELD_BYTES, type SpoolWriter, type SpoolWriterOwner } from '../spool/spool-writer.ts';

/** Whom a body is for. */
export interface HttpBodyOwner {
  /** Whether the body is the key of its job, and whether the job is acknowledged when it is on the disk. */
  readonly bodyUse: { readonly isKey: boolean; readonly isDurable: boolean };
  bodyComplete(body: Uint8Array | PayloadFile): void;
  bodyTooLarge(): void;
  /** It was too large for memory, and could not be written to a file. */
  bodyFailed(error: Error): void;
}

/** The body of a request, collected within the limits of the server: in memory, or in a file if it is large. */
export class HttpBody implements InputHolder, SpoolWaiter, SpoolWriterOwner {
  readonly #context: ServerContext;
  readonly #request: IncomingMessage;
  readonly #owner: HttpBodyOwner;
  readonly #begunAt: number;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  /** What of it is accounted for as memory. */
  #heldBytes = 0;
  /** Where it goes, if it is large; before its turn there is no writer. */
  #spool: Spool | undefined;
  #hasEntered = false;
  #writer: SpoolWriter | undefined;
  #hasAll = false;
  #done = false;

  constructor(context: ServerContext, request: IncomingMessage, owner: HttpBodyOwner) {
    this.#context = context;
    this.#request = request;
    this.#owner = owner;
    this.#begunAt = context.clock.monotonicMs();
    request.on('data', (chunk: Uint8Array) => this.#read(chunk));
    request.on('end', () => this.#ended());
  }

  /** For how long it has been coming, in milliseconds, while memory is short or others wait for it. */
  lateMs(now: number): number {
    if (this.#done || this.#sizeBytes === 0) return 0;
    const holdsUpOthers =
      this.#spool === undefined
        ? this.#context.input.short
        : this.#hasEntered && !this.#hasAll && this.#spool.short;
    return holdsUpOthers ? now - this.#begunAt : 0;
  }

  goOnReading(): void {
    this.#request.resume();
  }

  goOnSpooling(): void {
    this.#hasEntered = true;
    this.#write();
    if (!this.#done) this.#request.resume();
  }

  progressed(): void {
    const writer = this.#writer;
    if (this.#done || writer === undefined) return;
    if (writer.heldBytes < MOST_HELD_BYTES) this.#request.resume();
    if (this.#hasAll) this.#finish(writer);
  }

  /** Forgets it. */
  drop(): void {
    if (this.#done) return;
    this.#done = true;
    this.#chunks = [];
    this.#context.input.shrink(this, this.#heldBytes);
    this.#writer?.drop();
    this.#spool?.leave(this, this.#hasEntered);
    // What is left of it goes by unread.
    this.#request.resume();
  }

  #read(chunk: Uint8Array): void {
    if (this.#done) return;
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#context.limits.maxPacketBytes) {
      this.drop();
      this.#owner.bodyTooLarge();
      return;
    }
    if (this.#writer !== undefined) {
      this.#write();
      return;
    }
    this.#heldBytes += chunk.length;
    const fits = this.#context.input.grow(this, chunk.length, this.#heldBytes);
    const { spool } = this.#context;
    if (spool !== undefined && this.#sizeBytes >= spool.thresholdBytes) {
      this.#enter(spool);
    } else if (!fits) {
      this.#context.limitLog.note('maxInputBytes');
      this.#request.pause();
    }
  }

  #enter(spool: Spool): void {
    if (this.#spool === undefined) {
      this.#spool = spool;
      this.#hasEntered = spool.enter(this);
    }
    if (this.#hasEntered) this.#write();
    else this.#request.pause();
  }

  /** Passes on what is in memory. */
  #write(): void {
    if (this.#writer === undefined) {
      this.#writer = this.#spool?.write(this);
      if (this.#owner.bodyUse.isKey) this.#writer?.wantHash();
      this.#context.input.shrink(this, this.#heldBytes);
      this.#heldBytes = 0;
    }
    for (const chunk of this.#chunks) this.#writer?.write(chunk);
    this.#chunks = [];
    if ((this.#writer?.heldBytes ?? 0) >= MOST_HELD_BYTES) this.#request.pause();
    if (this.#hasAll) this.#end();
  }

  #ended(): void {
    if (this.#done) return;
    this.#hasAll = true;
    if (this.#writer !== undefined) {
      this.#end();
    } else if (this.#spool === undefined) {
      const chunks = this.#chunks;
      this.drop();
      this.#owner.bodyComplete(Buffer.concat(chunks));
    }
  }

  #end(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writer.end(this.#owner.bodyUse.isDurable);
    this.#finish(writer);
  }

  #finish({ file, error }: SpoolWriter): void {
    if (file !== undefined) this.#owner.bodyComplete(file);
    else if (error !== undefined) this.#owner.bodyFailed(error);
    else return;
    this.drop();
  }
}
