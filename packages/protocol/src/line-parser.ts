import { latin1Slice } from './byte-string.ts';
import type { Invalid, TextLine } from './messages.ts';

/** Options of {@link LineParser}. */
export interface LineParserOptions {
  /**
   * Longest line accepted, in bytes without its line end. A longer one is `INVALID`.
   *
   * @defaultValue 8191, gearmand's limit
   */
  readonly maxLineBytes?: number;
}

/** Takes what a parser completed; an array will do. */
export interface LineSink {
  push(message: TextLine | Invalid): unknown;
}

export const DEFAULT_MAX_LINE_BYTES = 8191;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts a stream of bytes into lines ending in LF; one CR right before it is dropped.
 *
 * @see gearmand `PROTOCOL`, "Administrative Protocol"
 */
export class LineParser {
  readonly #maxLineBytes: number;
  #partial = '';
  #offsetBytes = 0;
  #failed = false;

  constructor(options: LineParserOptions = {}) {
    this.#maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
  }

  /** True after an `INVALID` message. */
  get failed(): boolean {
    return this.#failed;
  }

  /** True between lines. */
  get idle(): boolean {
    return this.#partial === '';
  }

  /** Where in the stream the line that is under way starts. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** Bytes of an unfinished line held in memory. */
  get bufferedBytes(): number {
    return this.#partial.length;
  }

  /** Feeds one chunk and returns what it completed. */
  push(chunk: Uint8Array): (TextLine | Invalid)[] {
    const messages: (TextLine | Invalid)[] = [];
    let at = 0;
    while (at < chunk.length && !this.#failed) at = this.consume(chunk, at, messages);
    return messages;
  }

  /** Reads at most one line from `chunk`, starting at `at`; returns the offset behind the bytes it took. */
  consume(chunk: Uint8Array, at: number, messages: LineSink): number {
    const found = chunk.indexOf(LF, at);
    const end = found < 0 ? chunk.length : found;
    // One byte more than the limit: it may be the CR of the line end.
    if (this.#partial.length + end - at > this.#maxLineBytes + 1) return this.#fail(chunk, messages);
    if (found < 0) {
      this.#partial += latin1Slice(chunk, at, end);
      return end;
    }
    const stop = end > at && chunk[end - 1] === CR ? end - 1 : end;
    let line = this.#partial + latin1Slice(chunk, at, stop);
    if (end === at && line.endsWith('\r')) line = line.slice(0, -1);
    if (line.length > this.#maxLineBytes) return this.#fail(chunk, messages);
    this.#offsetBytes += this.#partial.length + end + 1 - at;
    this.#partial = '';
    messages.push({ type: 'TEXT', line });
    return end + 1;
  }

  #fail(chunk: Uint8Array, messages: LineSink): number {
    this.#failed = true;
    this.#partial = '';
    const reason = `a text line is longer than ${this.#maxLineBytes} bytes`;
    messages.push({ type: 'INVALID', offsetBytes: this.#offsetBytes, reason });
    return chunk.length;
  }
}
