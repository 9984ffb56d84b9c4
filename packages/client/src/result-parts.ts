import { ChunkReader } from './chunk-reader.ts';
import type { JobSettings } from './options.ts';
import { joinBytes } from './payload.ts';

/** The parts of a result on their way, for those who iterate and for the whole. */
export class ResultParts {
  readonly #keeps: boolean;
  readonly #parts: Uint8Array[] = [];
  #readers: readonly ChunkReader[] = [];

  /** @param mode whether the parts belong to the whole, and to loops that start late, or are only shown */
  constructor(mode: JobSettings['dataMode']) {
    this.#keeps = mode === 'join';
  }

  push(part: Uint8Array): void {
    if (this.#keeps) this.#parts.push(part);
    for (const reader of this.#readers) reader.push(part);
  }

  /** A loop over the parts so far and those to come. */
  read(): ChunkReader {
    const reader = new ChunkReader(this.#parts, () => {
      this.#readers = this.#readers.filter((other) => other !== reader);
    });
    this.#readers = [...this.#readers, reader];
    return reader;
  }

  /** The whole, with its last part. Loops end behind it. */
  complete(last: Uint8Array): Uint8Array {
    for (const reader of this.#readers) {
      if (last.length > 0) reader.push(last);
      reader.end();
    }
    return this.#parts.length === 0 ? last : joinBytes([...this.#parts, last]);
  }

  /** There will be no whole: loops throw behind what they got. */
  fail(error: Error): void {
    for (const reader of this.#readers) reader.end(error);
  }
}
