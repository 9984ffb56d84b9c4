/** What the C library keeps back before it writes to a file or a pipe, in bytes. */
const BUFFER_BYTES = 4096;

/**
 * Standard output as a C program sees it that writes bytes past the buffer of its library: results go out at once, lines
 * of text are kept until the buffer is full, is flushed, or the program ends. On a terminal lines go out at their end.
 */
export class StandardOutput {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #isTerminal: boolean;
  #kept = Buffer.alloc(0);

  constructor(write: (bytes: Uint8Array) => void, isTerminal: boolean) {
    this.#write = write;
    this.#isTerminal = isTerminal;
  }

  /** Writes past the buffer. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#write(bytes);
  }

  /** Writes into the buffer. */
  text(text: string): void {
    this.#kept = Buffer.concat([this.#kept, Buffer.from(text)]);
    if (this.#isTerminal && text.endsWith('\n')) this.flush();
    while (this.#kept.length >= BUFFER_BYTES) {
      this.#write(this.#kept.subarray(0, BUFFER_BYTES));
      this.#kept = this.#kept.subarray(BUFFER_BYTES);
    }
  }

  flush(): void {
    const kept = this.#kept;
    this.#kept = Buffer.alloc(0);
    this.bytes(kept);
  }
}
