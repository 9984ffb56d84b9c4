import type { Packet, PacketWriter } from '@gearman/protocol';
import type { Commit } from '../engine/ledger.ts';
import { FILE_PIECE_BYTES, FileOutput } from './file-output.ts';
import type { OutputPool } from './output-pool.ts';
import type { Transport } from './transport.ts';
import { Withheld } from './withheld.ts';

/** What an outbox writes to. */
export type Sink = Pick<Transport, 'write' | 'end' | 'cork' | 'uncork' | 'writableLength'>;

/** Told when more than the soft limit waits for the peer, and when it does no more. */
export interface OutboxOwner {
  congested(): void;
  relieved(): void;
}

/**
 * What the transport is given at a time. Node tells only when all that it was given is gone, so smaller pieces show
 * sooner that the peer reads.
 */
const PIECE_BYTES = 256 * 1024;
const NOTHING: (Uint8Array | FileOutput)[] = [];
const NONE_WITHHELD: Withheld[] = [];
const EMPTY = new Uint8Array(0);

/** What waits to be sent to one peer. Collects during a turn, leaves in one write. */
export class Outbox {
  readonly #sink: Sink;
  readonly #pool: OutputPool;
  readonly #limits: { readonly outboxSoftBytes: number; readonly outboxHardBytes: number };
  readonly #owner: OutboxOwner;
  readonly #whenTaken = (): void => this.#taken();
  /** What was added since the last {@link flush}. */
  #writer: PacketWriter | undefined;
  /** What waits for commits, the next to be decided first; what the last of them has is still in the writer. */
  #withheld = NONE_WITHHELD;
  /** What the others have. */
  #withheldBytes = 0;
  /** What was flushed, but not given to the transport, from `#next` on. */
  #queue = NOTHING;
  #next = 0;
  #queuedBytes = 0;
  /** Files among that and among what is withheld, and what of them is not in memory. */
  #files = 0;
  #fileBytes = 0;
  /** What the transport has and the peer has not. */
  #givenBytes = 0;
  #waitingBytes = 0;
  /** What of that is in memory. */
  #memoryBytes = 0;
  #flushedBytes = 0;
  #congested = false;
  #overflown = false;
  #ended = false;
  #stalledSince: number | undefined;
  #takenThen = 0;

  constructor(
    sink: Sink,
    pool: OutputPool,
    limits: { readonly outboxSoftBytes: number; readonly outboxHardBytes: number },
    owner: OutboxOwner,
  ) {
    this.#sink = sink;
    this.#pool = pool;
    this.#limits = limits;
    this.#owner = owner;
  }

  /** True when the peer had too much waiting already and more came: what came is dropped, disconnect it. */
  get overflown(): boolean {
    return this.#overflown;
  }

  /** True while more than the soft limit waits. */
  get congested(): boolean {
    return this.#congested;
  }

  /** True while something waits for a commit. */
  get withholds(): boolean {
    return this.#withheld.length > 0;
  }

  /** True while a file is on its way. */
  get sendsFile(): boolean {
    return this.#files > 0;
  }

  /** What is in memory of {@link sizeBytes}. */
  get memoryBytes(): number {
    return this.#memoryBytes + (this.#writer?.sizeBytes ?? 0);
  }

  /** Everything the peer has not taken yet. */
  get sizeBytes(): number {
    return this.#waitingBytes + (this.#writer?.sizeBytes ?? 0);
  }

  /** @returns false when the outbox is full */
  write(packet: Packet): boolean {
    const writer = this.#open();
    if (writer === undefined) return false;
    writer.write(packet);
    if (this.#waitingBytes + writer.sizeBytes > this.#limits.outboxSoftBytes) this.#congest();
    return true;
  }

  /** Adds an answer that counts only if `commit` succeeds. It waits for that, with everything that is added later. */
  writeWhenStored(packet: Packet, commit: Commit): boolean {
    let last = this.#withheld.at(-1);
    if (last?.commit !== commit) {
      if (last === undefined) this.flush();
      else this.#seal(last);
      last = new Withheld(commit);
      if (this.#withheld.length === 0) this.#withheld = [last];
      else this.#withheld.push(last);
    }
    const writer = this.#open();
    if (writer === undefined) return false;
    last.write(writer, packet);
    if (this.sizeBytes > this.#limits.outboxSoftBytes) this.#congest();
    return true;
  }

  /** Sends what need not wait any more. */
  release(): void {
    const queuedBefore = this.#queuedBytes;
    for (let first = this.#withheld[0]; first !== undefined; first = this.#withheld[0]) {
      if (first.commit.outcome === 'pending') break;
      if (this.#withheld.length === 1) this.#seal(first);
      this.#withheld.shift();
      this.#withheldBytes -= first.sizeBytes;
      this.#flushedBytes -= first.sizeBytes;
      if (first.file !== undefined) {
        this.#withheldBytes -= first.file.leftBytes;
        this.#queueFile(first.file);
      }
      const chunks = first.decided();
      this.#flushedBytes += first.sizeBytes;
      this.#queuedBytes += first.sizeBytes;
      if (this.#queue.length === 0) this.#queue = chunks;
      else for (const chunk of chunks) this.#queue.push(chunk);
    }
    if (this.#queuedBytes === queuedBefore) return;
    this.#give();
    this.#account();
  }

  /** Adds text, one byte per character. @returns false when the outbox is full */
  writeText(byteString: string): boolean {
    const writer = this.#open();
    if (writer === undefined) return false;
    writer.writeText(byteString);
    if (this.sizeBytes > this.#limits.outboxSoftBytes) this.#congest();
    return true;
  }

  /** Adds bytes as they are; do not change them afterwards. @returns false when the outbox is full */
  writeBytes(bytes: Uint8Array): boolean {
    const writer = this.#open();
    if (writer === undefined) return false;
    writer.writeBytes(bytes);
    if (this.sizeBytes > this.#limits.outboxSoftBytes) this.#congest();
    return true;
  }

  /**
   * Adds a packet whose byte argument is a file, which is read as the peer takes it.
   *
   * @returns false when the outbox is full; the file is dropped then
   */
  writeFile(packet: Packet, file: FileOutput): boolean {
    const writer = this.#open();
    if (writer === undefined) {
      file.drop();
      return false;
    }
    writer.writeHead(packet, file.leftBytes);
    this.#files++;
    this.#fileBytes += file.leftBytes;
    this.#flushedBytes += file.leftBytes;
    const last = this.#withheld.at(-1);
    if (last === undefined) {
      this.flush();
      this.#queueFile(file);
      this.#give();
    } else {
      this.#seal(last);
      this.#withheld.push(new Withheld(last.commit, file));
      this.#withheldBytes += file.leftBytes;
    }
    this.#account();
    return true;
  }

  /** Sends what was added and waits for no commit, as fast as the peer takes it. */
  flush(): void {
    const writer = this.#writer;
    if (writer === undefined || this.withholds) return;
    this.#writer = undefined;
    this.#flushedBytes += writer.sizeBytes;
    const bytes = writer.sizeBytes;
    const chunks = writer.take();
    this.#pool.giveBack(writer);
    const [only] = chunks;
    if (
      chunks.length === 1 &&
      only !== undefined &&
      this.#queuedBytes === 0 &&
      this.#givenBytes + bytes <= PIECE_BYTES
    ) {
      this.#sink.write(only, this.#whenTaken);
      this.#givenBytes = this.#sink.writableLength;
    } else {
      if (this.#queue.length === 0) this.#queue = chunks;
      else for (const chunk of chunks) this.#queue.push(chunk);
      this.#queuedBytes += bytes;
      this.#give();
    }
    this.#account();
  }

  /** Ends the stream when everything has been sent. */
  end(): void {
    this.#ended = true;
    if (this.#queuedBytes === 0 && !this.withholds) this.#sink.end();
  }

  /** Forgets what has not been sent: the peer is gone. */
  drop(): void {
    if (this.#files > 0) this.#dropFiles();
    this.#queue = NOTHING;
    this.#next = 0;
    this.#queuedBytes = 0;
    this.#givenBytes = 0;
    this.#withheld = NONE_WITHHELD;
    this.#withheldBytes = 0;
    this.#pool.waitingBytes -= this.#memoryBytes;
    this.#waitingBytes = 0;
    this.#memoryBytes = 0;
  }

  /** For how long too much has been waiting of which the peer takes nothing, in milliseconds. */
  stalledMs(now: number): number {
    // What the peer is not given, it cannot take.
    if (!(this.#congested || this.sendsFile) || this.withholds) {
      this.#stalledSince = undefined;
      return 0;
    }
    const taken = this.#flushedBytes - this.#waitingBytes;
    if (this.#stalledSince === undefined || taken > this.#takenThen) this.#stalledSince = now;
    this.#takenThen = taken;
    return now - this.#stalledSince;
  }

  #open(): PacketWriter | undefined {
    if (this.memoryBytes > this.#limits.outboxHardBytes) {
      this.#overflown = true;
      return undefined;
    }
    this.#writer ??= this.#pool.take();
    return this.#writer;
  }

  #seal(withheld: Withheld): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    withheld.seal(writer);
    this.#pool.giveBack(writer);
    this.#withheldBytes += withheld.sizeBytes;
    this.#flushedBytes += withheld.sizeBytes;
    this.#account();
  }

  #congest(): void {
    if (this.#congested) return;
    this.#congested = true;
    this.#owner.congested();
  }

  #taken(): void {
    if (this.#waitingBytes === 0) return;
    this.#givenBytes = this.#sink.writableLength;
    this.#give();
    this.#account();
  }

  #give(): void {
    while (this.#queuedBytes > 0 && this.#givenBytes === 0) {
      const first = this.#queue[this.#next];
      if (first instanceof FileOutput) {
        if (this.#giveFile(first)) continue;
        return;
      }
      const pieces = this.#takePieces();
      const last = pieces.pop();
      if (last === undefined) return;
      this.#sink.cork();
      for (const piece of pieces) this.#sink.write(piece);
      this.#sink.write(last, this.#whenTaken);
      this.#sink.uncork();
      this.#givenBytes = this.#sink.writableLength;
    }
    if (this.#ended && this.#queuedBytes === 0 && !this.withholds) this.#sink.end();
  }

  #dropFiles(): void {
    for (const each of this.#queue) if (each instanceof FileOutput) each.drop();
    for (const { file } of this.#withheld) file?.drop();
    this.#files = 0;
    this.#fileBytes = 0;
  }

  #queueFile(file: FileOutput): void {
    if (this.#queue.length === 0) this.#queue = [file];
    else this.#queue.push(file);
    this.#queuedBytes += file.leftBytes;
  }

  /** Gives the transport a piece of a file. @returns false when there is none yet */
  #giveFile(file: FileOutput): boolean {
    const piece = file.take();
    if (piece === undefined) {
      file.begin(this.#whenTaken);
      return false;
    }
    this.#queuedBytes -= piece.length;
    this.#fileBytes -= piece.length;
    if (file.leftBytes === 0) {
      this.#files--;
      this.#queue[this.#next++] = EMPTY;
      this.#shorten();
    }
    this.#sink.write(piece, this.#whenTaken);
    this.#givenBytes = this.#sink.writableLength;
    return true;
  }

  /** Takes up to {@link PIECE_BYTES} off the queue, up to a file. */
  #takePieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let room = PIECE_BYTES;
    while (room > 0) {
      const chunk = this.#queue[this.#next];
      if (chunk === undefined || chunk instanceof FileOutput) break;
      const piece = chunk.length > room ? chunk.subarray(0, room) : chunk;
      pieces.push(piece);
      room -= piece.length;
      this.#queuedBytes -= piece.length;
      // What was taken must not stay in memory.
      this.#queue[this.#next] = piece === chunk ? EMPTY : chunk.subarray(piece.length);
      if (piece === chunk) this.#next++;
    }
    this.#shorten();
    return pieces;
  }

  #shorten(): void {
    // Moving the rest is paid for by what went before.
    if (this.#next * 2 >= this.#queue.length) {
      this.#queue = this.#next === this.#queue.length ? NOTHING : this.#queue.slice(this.#next);
      this.#next = 0;
    }
  }

  #account(): void {
    const waiting = this.#queuedBytes + this.#givenBytes + this.#withheldBytes;
    const files = this.#files > 0 ? 2 * FILE_PIECE_BYTES - this.#fileBytes : 0;
    const memory = waiting + files;
    this.#pool.waitingBytes += memory - this.#memoryBytes;
    this.#waitingBytes = waiting;
    this.#memoryBytes = memory;
    if (this.sizeBytes > this.#limits.outboxSoftBytes) {
      this.#congest();
    } else if (this.#congested) {
      this.#congested = false;
      this.#owner.relieved();
    }
  }
}
