import { latin1Bytes } from './byte-string.ts';
import { headBytes, payloadOf, writeHead } from './encode.ts';
import { layoutOf } from './layout.ts';
import type { Packet } from './packets.ts';

/** Options of {@link PacketWriter}. */
export interface PacketWriterOptions {
  /**
   * Payloads up to this size are copied beside their header, larger ones are passed on as they are. In bytes.
   *
   * One contiguous block costs less than one more piece in the system call, up to about this size.
   *
   * @defaultValue 4096
   */
  readonly copyUpToBytes?: number;
  /**
   * Where blocks of memory come from. They need not be zeroed.
   *
   * @defaultValue `Buffer.allocUnsafe(size)`, outside Node `new Uint8Array(size)`
   */
  readonly allocate?: (sizeBytes: number) => Uint8Array;
}

const SMALLEST_BLOCK_BYTES = 512;
const LARGEST_BLOCK_BYTES = 64 * 1024;
/** A connection that falls idle keeps no larger block. */
const LARGEST_KEPT_BYTES = 4096;

// A block from Node's pool costs a tenth of a typed array with memory of its own.
const native = (globalThis as { Buffer?: { allocUnsafe(sizeBytes: number): Uint8Array } }).Buffer
  ?.allocUnsafe;
const allocateBlock = native ?? ((sizeBytes: number) => new Uint8Array(sizeBytes));

/**
 * Collects packets and lines, so that everything one turn of the event loop produces leaves in one write.
 *
 * Large payloads are passed through, not copied: do not change them before the bytes have been written.
 */
export class PacketWriter {
  readonly #copyUpToBytes: number;
  readonly #allocate: (sizeBytes: number) => Uint8Array;
  #done: Uint8Array[] = [];
  #block: Uint8Array | undefined;
  #start = 0;
  #end = 0;
  #sizeBytes = 0;
  #passedBytes = 0;
  #nextBlockBytes = SMALLEST_BLOCK_BYTES;

  constructor(options: PacketWriterOptions = {}) {
    this.#copyUpToBytes = options.copyUpToBytes ?? 4096;
    this.#allocate = options.allocate ?? allocateBlock;
  }

  /** Bytes collected since the last {@link take}. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Adds a packet; if it throws, nothing was added.
   *
   * @throws InvalidArgumentError as {@link encodePacket}
   */
  write(packet: Packet): void {
    const layout = layoutOf(packet.type);
    const payload = payloadOf(layout, packet);
    const size = payload === undefined ? 0 : payload.length;
    const copied = size <= this.#copyUpToBytes ? size : 0;
    let block = this.#block;
    let end = block === undefined ? -1 : writeHead(layout, packet, size, block, this.#end);
    if (block === undefined || end < 0 || end + copied > block.length) {
      block = this.#roomFor(headBytes(layout, packet) + copied);
      end = writeHead(layout, packet, size, block, this.#end);
    }
    this.#sizeBytes += end - this.#end + size;
    this.#end = end;
    if (payload === undefined || size === 0) return;
    if (copied > 0) {
      copyInto(block, this.#end, payload);
      this.#end += size;
    } else {
      this.#pass(payload);
    }
  }

  /** Adds all of a packet but its byte argument, which has `payloadBytes` and is to follow by other ways. */
  writeHead(packet: Packet, payloadBytes: number): void {
    const layout = layoutOf(packet.type);
    const block = this.#roomFor(headBytes(layout, packet));
    const end = writeHead(layout, packet, payloadBytes, block, this.#end);
    this.#sizeBytes += end - this.#end;
    this.#end = end;
  }

  /** Adds bytes that are already encoded. They are passed through like a large payload. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sizeBytes += bytes.length;
    if (bytes.length <= this.#copyUpToBytes) {
      const block = this.#roomFor(bytes.length);
      copyInto(block, this.#end, bytes);
      this.#end += bytes.length;
      return;
    }
    this.#pass(bytes);
  }

  /** Adds text, one byte per character; its line ends are the caller's. */
  writeText(byteString: string): void {
    this.writeBytes(latin1Bytes(byteString));
  }

  /** Hands over all that was collected, in order, and starts anew. */
  take(): Uint8Array[] {
    this.#closeBlock();
    const done = this.#done;
    // The next turn will probably need as much as this one.
    const expected = this.#sizeBytes - this.#passedBytes;
    const block = this.#block;
    if (block !== undefined && (block.length > LARGEST_KEPT_BYTES || block.length - this.#end < expected)) {
      this.#block = undefined;
    }
    this.#nextBlockBytes = Math.min(Math.max(expected, SMALLEST_BLOCK_BYTES), LARGEST_BLOCK_BYTES);
    this.#done = [];
    this.#sizeBytes = 0;
    this.#passedBytes = 0;
    return done;
  }

  #pass(bytes: Uint8Array): void {
    this.#closeBlock();
    this.#done.push(bytes);
    this.#passedBytes += bytes.length;
  }

  #closeBlock(): void {
    if (this.#block === undefined || this.#end === this.#start) return;
    this.#done.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #roomFor(needed: number): Uint8Array {
    const block = this.#block;
    if (block !== undefined && block.length - this.#end >= needed) return block;
    this.#closeBlock();
    const fresh = this.#allocate(Math.max(this.#nextBlockBytes, needed));
    this.#nextBlockBytes = Math.min(this.#nextBlockBytes * 2, LARGEST_BLOCK_BYTES);
    this.#block = fresh;
    this.#start = 0;
    this.#end = 0;
    return fresh;
  }
}

function copyInto(target: Uint8Array, offset: number, source: Uint8Array): void {
  // A call to set() costs more than a few bytes by hand.
  if (source.length > 32) target.set(source, offset);
  else for (let i = 0; i < source.length; i++) target[offset + i] = source[i] ?? 0;
}
