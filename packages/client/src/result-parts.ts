import type { JobSettings } from './job-settings.ts';
import { joinBytes } from './payload.ts';

/** Who reads the parts of a result. */
export interface PartReader<T = Buffer> {
  push(part: T): void;
  /** No more parts; with an error there will be no whole. */
  end(error?: Error): void;
}

/** The parts of a result on their way, for those who iterate and for the whole. */
export class ResultParts {
  readonly #keeps: boolean;
  readonly #parts: Buffer[] = [];
  readonly #separate: boolean;
  #begun = false;
  #over: { readonly error: Error | undefined } | undefined;
  #readers: readonly PartReader[] = [];

  /**
   * @param mode whether the parts are kept, for the whole and for loops that start late, or only shown
   * @param separate whether they are values of their own, so that the last one is the whole
   */
  constructor(mode: JobSettings['dataMode'], separate: boolean) {
    this.#keeps = mode === 'join';
    this.#separate = separate;
  }

  push(part: Buffer): void {
    if (this.#keeps) this.#parts.push(part);
    for (const reader of this.#readers) reader.push(part);
    this.#begun = true;
  }

  /** Gives a reader the parts so far and those to come; the result makes that stop. */
  add(reader: PartReader): () => void {
    this.#readers = [...this.#readers, reader];
    for (const part of [...this.#parts]) reader.push(part);
    if (this.#over !== undefined) reader.end(this.#over.error);
    return () => {
      this.#readers = this.#readers.filter((other) => other !== reader);
    };
  }

  /** The result starts from the beginning. Readers that have got a part end with `error`: it cannot be taken back. */
  restart(error: Error): ResultParts {
    if (!this.#begun) return this;
    this.fail(error);
    return new ResultParts(this.#keeps ? 'join' : 'events', this.#separate);
  }

  /** The whole, with its last part. Loops end behind it. */
  complete(last: Buffer): Buffer {
    this.#over = { error: undefined };
    for (const reader of this.#readers) {
      if (last.length > 0 && !this.#separate) reader.push(last);
      reader.end();
    }
    return this.#separate || this.#parts.length === 0 ? last : joinBytes([...this.#parts, last]);
  }

  /** There will be no whole: loops throw behind what they got. */
  fail(error: Error): void {
    this.#over = { error };
    for (const reader of this.#readers) reader.end(error);
  }
}
