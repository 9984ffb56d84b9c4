import { LineParser, type LineParserOptions } from './line-parser.ts';
import type { StreamMessage } from './messages.ts';
import { type PacketHead, PacketParser, type PacketParserOptions } from './packet-parser.ts';

/** Options of {@link StreamParser}. */
export interface StreamParserOptions extends PacketParserOptions, LineParserOptions {}

/**
 * Reads a connection on which packets and text lines may alternate.
 *
 * The first byte of each message decides: `00` starts a packet, anything else a line. Chunking, ownership of bytes and
 * errors are those of {@link PacketParser} and {@link LineParser}.
 *
 * @example
 * ```ts
 * const parser = new StreamParser();
 * for await (const chunk of socket) {
 *   for (const message of parser.push(chunk)) console.log(message.type);
 * }
 * ```
 */
export class StreamParser {
  readonly #packets: PacketParser;
  readonly #lines: LineParser;

  constructor(options: StreamParserOptions = {}) {
    this.#packets = new PacketParser(options);
    this.#lines = new LineParser(options);
  }

  /** True after an `INVALID` message; all further input is ignored. */
  get failed(): boolean {
    return this.#packets.failed || this.#lines.failed;
  }

  /** True between messages: nothing is buffered, nothing is being skipped. */
  get idle(): boolean {
    return this.#packets.idle && this.#lines.idle;
  }

  /** Bytes of an unfinished message held in memory. */
  get bufferedBytes(): number {
    return this.#packets.bufferedBytes + this.#lines.bufferedBytes;
  }

  /** See {@link PacketParser.takeOver}. */
  takeOver(): PacketHead | undefined {
    return this.#packets.takeOver();
  }

  /** Feeds one chunk and returns what it completed. Not for parsers with the option `handOver`, which may stop within. */
  push(chunk: Uint8Array): StreamMessage[] {
    const messages: StreamMessage[] = [];
    this.pushSome(chunk, 0, messages, Number.POSITIVE_INFINITY);
    return messages;
  }

  /**
   * Reads `chunk` from the offset `start` on until it holds no more or `messages`, to which it appends, are `most`.
   * Returns the offset behind the bytes it took; go on there before you feed the next chunk. With the option `handOver` it
   * also stops behind the header of a packet that is handed over.
   */
  pushSome(chunk: Uint8Array, start: number, messages: StreamMessage[], most: number): number {
    if (this.failed) return chunk.length;
    let at = start;
    while (at < chunk.length && messages.length < most && !this.failed && !this.#packets.handsOver) {
      const inPacket = !this.#packets.idle || (this.#lines.idle && chunk[at] === 0);
      at = inPacket
        ? this.#packets.consume(chunk, at, messages, most - messages.length)
        : this.#lines.consume(chunk, at, messages);
    }
    if (this.failed) this.#placeInvalid(messages);
    return at;
  }

  /** Each of the two parsers counts only its own bytes. */
  #placeInvalid(messages: StreamMessage[]): void {
    const invalid = messages.pop();
    if (invalid?.type !== 'INVALID') return;
    messages.push({ ...invalid, offsetBytes: this.#packets.offsetBytes + this.#lines.offsetBytes });
  }
}
