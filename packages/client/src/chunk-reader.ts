/** One `for await` loop over the parts of a result. Parts wait in memory for a slow reader. */
export class ChunkReader<T = Buffer> implements AsyncIterableIterator<T> {
  readonly #ready: T[] = [];
  readonly #waiting: PromiseWithEnds<T>[] = [];
  readonly #onReturn: () => void;
  #end: { readonly error: Error | undefined } | undefined;

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(chunk: T): void {
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

  next(): Promise<IteratorResult<T>> {
    if (this.#ready.length > 0) {
      // There is one, and it may be undefined.
      return Promise.resolve({ done: false, value: this.#ready.shift() as T });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#end === undefined) this.#waiting.push(reader);
      else this.#settle(reader);
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#ready.length = 0;
    this.end();
    this.#onReturn();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settle({ resolve, reject }: PromiseWithEnds<T>): void {
    const error = this.#end?.error;
    // A loop hears of the failure once, as with any iterator.
    this.#end = { error: undefined };
    if (error === undefined) resolve(DONE);
    else reject(error);
  }
}

interface PromiseWithEnds<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: Error) => void;
}

const DONE: IteratorResult<never> = { done: true, value: undefined };
