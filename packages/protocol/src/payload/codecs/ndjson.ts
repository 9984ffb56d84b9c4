import { Buffer } from 'node:buffer';
import { InvalidArgumentError } from '../../errors.ts';
import type { Codec } from '../codec.ts';
import { CodecError } from '../errors.ts';
import { asBuffer, kindOf, NO_BYTES } from './bytes.ts';
import { type JsonOptions, parse, stringify } from './json.ts';

/** Options of `codecs.ndjson()`. */
export interface NdjsonOptions extends JsonOptions {
  /** Longest line that is read, in bytes; a longer one is an error before it is collected. @defaultValue 16 MiB */
  readonly maxLineBytes?: number;
}

const contentType = 'application/x-ndjson';
const NEWLINE = 0x0a;

/**
 * One JSON value on each line: a list as a whole, its items as chunks, each as soon as its line is complete. Empty
 * lines are skipped.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a limit that is not a positive whole number
 */
export function ndjson<T = unknown>(options: NdjsonOptions = {}): Codec<T[], T> {
  const { maxLineBytes = 16 * 1024 * 1024 } = options;
  if (!Number.isSafeInteger(maxLineBytes) || maxLineBytes < 1) {
    throw new InvalidArgumentError('maxLineBytes must be a whole number from 1 up');
  }
  const encodeChunk = (item: T): Uint8Array => Buffer.from(`${stringify(item, options, contentType)}\n`);
  const decodeChunks = (): ((bytes: Uint8Array, last: boolean) => T[]) => {
    const lines = new Lines(maxLineBytes);
    return (bytes, last) => {
      const complete = lines.push(bytes, last);
      // What the line holds is the sender's word; T is what the caller believes.
      return complete.map((line) => parse(line, options, contentType) as T);
    };
  };
  return Object.freeze({
    contentType,
    encode: (items: T[] | undefined) => {
      if (items === undefined) return NO_BYTES;
      if (!Array.isArray(items)) throw new CodecError(contentType, `takes an array, not ${kindOf(items)}`);
      return Buffer.concat(items.map(encodeChunk));
    },
    decode: (bytes: Uint8Array) => decodeChunks()(bytes, true),
    encodeChunk,
    decodeChunks,
  });
}

/** Cuts bytes into lines that are not blank. */
class Lines {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come. */
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(bytes: Uint8Array, last: boolean): Uint8Array[] {
    const lines: Uint8Array[] = [];
    const buffer = asBuffer(bytes);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
      this.#add(buffer.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    this.#add(buffer.subarray(start));
    if (last) lines.push(this.#take());
    return lines.filter((line) => !isBlank(line));
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > this.#maxBytes) {
      throw new CodecError(contentType, `a line is longer than maxLineBytes, ${this.#maxBytes} bytes`);
    }
    this.#pieces.push(piece);
  }

  #take(): Uint8Array {
    const line = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pendingBytes = 0;
    return line ?? NO_BYTES;
  }
}

/** Nothing but what JSON calls whitespace. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
