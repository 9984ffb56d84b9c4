/** One `for await` loop over the parts of a result. Parts wait in memory for a slow reader. */
export class ChunkReader implements AsyncIterableIterator<Uint8Array> {
  readonly #ready: Uint8Array[];
  readonly #waiting: PromiseWithEnds[] = [];
  readonly #onReturn: () => void;
  #end: { readonly error: Error | undefined } | undefined;

  constructor(past: readonly Uint8Array[], onReturn: () => void) {
    this.#ready = [...past];
    this.#onReturn = onReturn;
  }

  /** A loop over what is there already. */
  static over(chunks: readonly Uint8Array[], error?: Error): ChunkReader {
    const filled = chunks.filter((chunk) => chunk.length > 0);
    const reader = new ChunkReader(filled, () => {});
    reader.end(error);
    return reader;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#ready.push(chunk);
    else reader.resolve({ done: false, value: chunk });
  }

  /** No more parts; with an error the loop throws it after the parts before. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const [first, ...others] = this.#waiting.splice(0);
    if (first !== undefined) this.#settle(first);
    for (const reader of others) reader.resolve(DONE);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#ready.shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#end === undefined) this.#waiting.push(reader);
      else this.#settle(reader);
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#ready.length = 0;
    this.end();
    this.#onReturn();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settle({ resolve, reject }: PromiseWithEnds): void {
    const error = this.#end?.error;
    // A loop hears of the failure once, as with any iterator.
    this.#end = { error: undefined };
    if (error === undefined) resolve(DONE);
    else reject(error);
  }
}

interface PromiseWithEnds {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void;
  readonly reject: (error: Error) => void;
}

const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined };
