import { latin1Slice } from './byte-string.ts';

/** Longest text argument, in bytes: with its NUL it fills gearmand's receive buffer. */
export const MAX_TEXT_BYTES = 8191;

const NO_BYTES = new Uint8Array(0);

/**
 * Reads the arguments of packet bodies, one after the other, out of one block of memory.
 *
 * It never looks past the body it was told of, and a problem is remembered, not thrown: whoever reads asks for
 * {@link problemAt} when done. Made once per chunk, because asking a typed array for its buffer is slow.
 */
export class BodyReader {
  readonly bytes: Uint8Array;
  /** Where the argument that could not be read starts; -1 while all is well. */
  problemAt = -1;
  #buffer: ArrayBufferLike | undefined;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Goes to the body between these two offsets. */
  open(start: number, end: number): void {
    this.#at = start;
    this.#end = end;
    this.problemAt = -1;
  }

  /** An argument with a NUL behind it. */
  text(): string {
    const { bytes } = this;
    const start = this.#at;
    const stop = Math.min(this.#end, start + MAX_TEXT_BYTES + 1);
    let nul = start;
    while (nul < stop && bytes[nul] !== 0) nul++;
    if (nul === stop) return this.#fail(start);
    this.#at = nul + 1;
    return latin1Slice(bytes, start, nul);
  }

  /** The rest of the body as text. */
  lastText(): string {
    const start = this.#at;
    if (this.#end - start > MAX_TEXT_BYTES) return this.#fail(start);
    return latin1Slice(this.bytes, start, this.#end);
  }

  /** The rest of the body as a view into the block. */
  rest(): Uint8Array {
    const size = this.#end - this.#at;
    if (size === 0) return NO_BYTES;
    this.#buffer ??= this.bytes.buffer;
    // Not subarray(): it takes twice as long, and of a Buffer it would make a Buffer.
    return new Uint8Array(this.#buffer, this.bytes.byteOffset + this.#at, size);
  }

  #fail(at: number): '' {
    if (this.problemAt < 0) this.problemAt = at;
    this.#at = this.#end;
    return '';
  }
}
