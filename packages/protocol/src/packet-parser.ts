import { BodyReader } from './body-reader.ts';
import { decodeWith } from './decode.ts';
import { type Layout, layoutOfCode } from './layout.ts';
import type { Anomaly } from './messages.ts';
import type { Magic, Packet, PacketType } from './packets.ts';

/** Bytes in front of every packet body: magic, type, size. */
export const HEADER_BYTES = 12;

/** Options of {@link PacketParser}. */
export interface PacketParserOptions {
  /**
   * Largest packet body accepted, in bytes. A larger one is reported as `OVERSIZE` and skipped.
   *
   * Also the bound of what the parser keeps in memory: it grows with the bytes that came, not with the size announced.
   *
   * @defaultValue 64 MiB
   */
  readonly maxPacketBytes?: number;
  /**
   * Packets whose bodies are not collected; see {@link PacketParser.takeOver}.
   *
   * @defaultValue none
   */
  readonly handOver?: HandOver | undefined;
}

/** Which packets a parser hands over at their headers, for bodies that shall not be in memory. */
export interface HandOver {
  /** Types of requests. */
  readonly types: readonly PacketType[];
  /** Bodies from this size on, in bytes. */
  readonly fromBytes: number;
}

/** What the header of a packet says. */
export interface PacketHead {
  readonly type: PacketType;
  readonly magic: Magic;
  /** What follows: the arguments and the NULs between them. */
  readonly sizeBytes: number;
}

/** Takes what a parser completed; an array will do. */
export interface MessageSink {
  push(message: Packet | Anomaly): unknown;
}

export const DEFAULT_MAX_PACKET_BYTES = 64 * 1024 * 1024;
const FIRST_BODY_BYTES = 16 * 1024;
/** By how much a body grows that needs more room. With 2, one of 64 MiB takes half as much processor time again. */
const GROWTH = 4;

/**
 * Cuts a stream of bytes into packets.
 *
 * - Chunks of any size in, whole packets out, in order; the cut points of the stream do not matter.
 * - **Who owns the bytes:** byte arguments of a packet that came whole in one chunk are views into that chunk.
 *   Whoever keeps them past the next reuse of the chunk must copy them. A packet that came in pieces has its own memory.
 * - Nothing is thrown. Unknown types, oversize and malformed packets are values; after `INVALID` the parser is
 *   {@link PacketParser.failed} and ignores all further input.
 *
 * @see gearmand `PROTOCOL`, "Binary Packet"
 */
export class PacketParser {
  readonly #maxPacketBytes: number;
  readonly #handOver: HandOver | undefined;
  /** Larger ones need a closer look. */
  readonly #maxPlainBytes: number;
  #handedOver: PacketHead | undefined;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #body: Uint8Array | undefined;
  #bodyBytes = 0;
  #skipBytes = 0;
  #layout: Layout | undefined;
  #magic: Magic = 'REQ';
  #sizeBytes = 0;
  #offsetBytes = 0;
  #failed = false;

  constructor(options: PacketParserOptions = {}) {
    this.#maxPacketBytes = options.maxPacketBytes ?? DEFAULT_MAX_PACKET_BYTES;
    this.#handOver = options.handOver;
    this.#maxPlainBytes = Math.min(
      this.#maxPacketBytes,
      (options.handOver?.fromBytes ?? Number.POSITIVE_INFINITY) - 1,
    );
  }

  /** True after an `INVALID` message. */
  get failed(): boolean {
    return this.#failed;
  }

  /** True between packets: nothing is buffered and nothing is being skipped. */
  get idle(): boolean {
    return this.#headerBytes === 0 && this.#skipBytes === 0;
  }

  /** Where in the stream the packet that is under way starts; behind the last one while {@link idle}. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** Bytes of an unfinished packet held in memory. */
  get bufferedBytes(): number {
    return this.#headerBytes + (this.#body?.length ?? 0);
  }

  /** True when a packet has been met that is handed over: nothing is read before {@link takeOver}. */
  get handsOver(): boolean {
    return this.#handedOver !== undefined;
  }

  /**
   * The header of the packet at which the parser has stopped because of the option `handOver`; undefined when it has not. The
   * bytes of its body, which come next, are the caller's: the first that the parser is given again are those behind it.
   */
  takeOver(): PacketHead | undefined {
    const head = this.#handedOver;
    this.#handedOver = undefined;
    return head;
  }

  /** Feeds one chunk and returns what it completed. Not for parsers with the option `handOver`, which may stop within. */
  push(chunk: Uint8Array): (Packet | Anomaly)[] {
    const messages: (Packet | Anomaly)[] = [];
    let at = 0;
    while (at < chunk.length && !this.#failed && !this.handsOver) at = this.consume(chunk, at, messages);
    return messages;
  }

  /**
   * Reads packets from `chunk`, starting at `at`, and stops early before bytes that are no packet. Appends what it
   * completed, at most `most`, and returns the offset behind the bytes it took, at least one. For those who mix packets
   * with something else on one stream.
   */
  consume(chunk: Uint8Array, at: number, messages: MessageSink, most = Number.POSITIVE_INFINITY): number {
    if (this.#skipBytes > 0) return this.#skip(chunk, at);
    if (this.#headerBytes === HEADER_BYTES) return this.#continueBody(chunk, at, messages);
    if (this.#headerBytes > 0 || chunk.length - at < HEADER_BYTES)
      return this.#continueHeader(chunk, at, messages);
    return this.#readWhole(chunk, at, messages, most);
  }

  /** The packets that are wholly in the chunk, up to the first message that is anything else. */
  #readWhole(chunk: Uint8Array, at: number, messages: MessageSink, most: number): number {
    const reader = new BodyReader(chunk);
    let next = at;
    for (let left = most; left > 0 && chunk.length - next >= HEADER_BYTES; left--) {
      const bodyAt = next + HEADER_BYTES;
      const magic = readMagic(chunk, next);
      const layout = layoutOfCode(readUint32(chunk, next + 4));
      const sizeBytes = readUint32(chunk, next + 8);
      const isWhole = sizeBytes <= chunk.length - bodyAt && sizeBytes <= this.#maxPlainBytes;
      if (magic === undefined || layout === undefined || !isWhole) break;
      next = bodyAt + sizeBytes;
      messages.push(decodeWith(layout, magic, reader, bodyAt, next));
    }
    this.#offsetBytes += next - at;
    return next > at ? next : this.#startPacket(chunk, at, chunk, at + HEADER_BYTES, messages);
  }

  #continueHeader(chunk: Uint8Array, at: number, messages: MessageSink): number {
    const taken = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
    for (let i = 0; i < taken; i++) this.#header[this.#headerBytes + i] = chunk[at + i] ?? 0;
    this.#headerBytes += taken;
    if (this.#headerBytes < HEADER_BYTES) return this.#checkEarly(messages) ? at + taken : chunk.length;
    return this.#startPacket(this.#header, 0, chunk, at + taken, messages);
  }

  /** A wrong magic is reported as soon as its bytes are there, not after a header that may never come. */
  #checkEarly(messages: MessageSink): boolean {
    const seen = Math.min(this.#headerBytes, 4);
    for (let i = 0; i < seen; i++) {
      const byte = this.#header[i];
      const fits = i === 3 ? byte === 0x51 || byte === 0x53 : byte === MAGIC_START[i];
      if (!fits) return this.#fail(messages);
    }
    return true;
  }

  #fail(messages: MessageSink): false {
    this.#failed = true;
    this.#headerBytes = 0;
    messages.push({
      type: 'INVALID',
      offsetBytes: this.#offsetBytes,
      reason: 'expected a packet, which starts with 00 52 45 51 (REQ) or 00 52 45 53 (RES)',
    });
    return false;
  }

  #startPacket(
    header: Uint8Array,
    headerAt: number,
    chunk: Uint8Array,
    bodyAt: number,
    messages: MessageSink,
  ): number {
    const magic = readMagic(header, headerAt);
    if (magic === undefined) {
      this.#fail(messages);
      return chunk.length;
    }
    const packetCode = readUint32(header, headerAt + 4);
    const sizeBytes = readUint32(header, headerAt + 8);
    const layout = layoutOfCode(packetCode);
    this.#headerBytes = 0;
    this.#offsetBytes += HEADER_BYTES + sizeBytes;
    if (layout === undefined) {
      messages.push({ type: 'UNKNOWN', packetCode, magic, sizeBytes });
      return this.#startSkip(sizeBytes, chunk, bodyAt);
    }
    if (sizeBytes > this.#maxPacketBytes) {
      const maxPacketBytes = this.#maxPacketBytes;
      messages.push({ type: 'OVERSIZE', packetType: layout.type, magic, sizeBytes, maxPacketBytes });
      return this.#startSkip(sizeBytes, chunk, bodyAt);
    }
    if (sizeBytes > this.#maxPlainBytes && magic === 'REQ' && this.#handOver?.types.includes(layout.type)) {
      this.#handedOver = { type: layout.type, magic, sizeBytes };
      return bodyAt;
    }
    const end = bodyAt + sizeBytes;
    if (end <= chunk.length) {
      messages.push(decodeWith(layout, magic, new BodyReader(chunk), bodyAt, end));
      return end;
    }
    this.#headerBytes = HEADER_BYTES;
    this.#layout = layout;
    this.#magic = magic;
    this.#sizeBytes = sizeBytes;
    this.#bodyBytes = 0;
    this.#body = new Uint8Array(
      Math.min(sizeBytes, Math.max(FIRST_BODY_BYTES, GROWTH * (chunk.length - bodyAt))),
    );
    return bodyAt === chunk.length ? bodyAt : this.#continueBody(chunk, bodyAt, messages);
  }

  #continueBody(chunk: Uint8Array, at: number, messages: MessageSink): number {
    const taken = Math.min(this.#sizeBytes - this.#bodyBytes, chunk.length - at);
    const body = this.#roomFor(this.#bodyBytes + taken);
    body.set(taken === chunk.length && at === 0 ? chunk : chunk.subarray(at, at + taken), this.#bodyBytes);
    this.#bodyBytes += taken;
    if (this.#bodyBytes === this.#sizeBytes) {
      this.#headerBytes = 0;
      this.#body = undefined;
      // Set by #startPacket, the only way into the body state.
      const layout = this.#layout as Layout;
      messages.push(decodeWith(layout, this.#magic, new BodyReader(body), 0, this.#sizeBytes));
    }
    return at + taken;
  }

  /** Grows in steps up to the announced size, so that announcing much costs its sender the sending. */
  #roomFor(needed: number): Uint8Array {
    const body = this.#body ?? new Uint8Array(0);
    if (needed <= body.length) return body;
    const grown = new Uint8Array(Math.min(this.#sizeBytes, Math.max(needed, body.length * GROWTH)));
    grown.set(body.subarray(0, this.#bodyBytes));
    this.#body = grown;
    return grown;
  }

  #startSkip(sizeBytes: number, chunk: Uint8Array, at: number): number {
    this.#skipBytes = sizeBytes;
    return at < chunk.length && sizeBytes > 0 ? this.#skip(chunk, at) : at;
  }

  #skip(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#skipBytes, chunk.length - at);
    this.#skipBytes -= taken;
    return at + taken;
  }
}

const MAGIC_START: readonly number[] = [0, 0x52, 0x45];

function readMagic(bytes: Uint8Array, at: number): Magic | undefined {
  if (bytes[at] !== 0 || bytes[at + 1] !== 0x52 || bytes[at + 2] !== 0x45) return undefined;
  const last = bytes[at + 3];
  return last === 0x51 ? 'REQ' : last === 0x53 ? 'RES' : undefined;
}

function readUint32(bytes: Uint8Array, at: number): number {
  const b0 = bytes[at] ?? 0;
  const b1 = bytes[at + 1] ?? 0;
  const b2 = bytes[at + 2] ?? 0;
  const b3 = bytes[at + 3] ?? 0;
  return ((b0 << 24) | (b1 << 16) | (b2 << 8) | b3) >>> 0;
}
