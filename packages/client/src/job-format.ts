import {
  type Awaitable,
  type ChunkReading,
  decodeOutput,
  type FunctionContract,
  readChunks,
} from '@gearman/protocol/payload';
import type { PartReader } from './result-parts.ts';

/** What a job makes of the bytes that come for it. */
export interface JobFormat<O, C> {
  /** The value of a result. Throws, or rejects with, a ValidationError and nothing else. */
  decode(bytes: Buffer): Awaitable<O>;
  /** Who takes the parts of a result and gives what they stand for to `reader`. */
  reading(reader: PartReader<C>): PartReader;
  /** True when parts are values of their own and do not belong to the result. */
  readonly separateParts: boolean;
}

/** Bytes as they come: for jobs without contract and codec. */
export const BYTES: JobFormat<Buffer, Buffer> = {
  decode: (bytes) => bytes,
  reading: (reader) => reader,
  separateParts: false,
};

/** As a contract says. */
export class ContractFormat implements JobFormat<unknown, unknown> {
  readonly separateParts: boolean;
  readonly #contract: FunctionContract;

  constructor(contract: FunctionContract) {
    this.#contract = contract;
    this.separateParts = contract.chunk !== undefined;
  }

  decode(bytes: Uint8Array): Awaitable<unknown> {
    return decodeOutput(this.#contract, bytes);
  }

  reading(reader: PartReader<unknown>): PartReader {
    const reading = readChunks(this.#contract);
    return reading === undefined ? reader : new ChunkDecoding(reading, reader);
  }
}

const NO_BYTES = new Uint8Array(0);

/** Decodes parts for a reader, in their order, also when some have to be waited for. */
class ChunkDecoding implements PartReader {
  readonly #reading: ChunkReading;
  readonly #reader: PartReader<unknown>;
  /** What has to be waited for before the next chunk; undefined for nothing. Never rejects. */
  #tail: Promise<void> | undefined;
  #ended = false;

  constructor(reading: ChunkReading, reader: PartReader<unknown>) {
    this.#reading = reading;
    this.#reader = reader;
  }

  push(part: Uint8Array): void {
    this.#read(part, false);
  }

  end(error?: Error): void {
    // A character or a line whose end never came.
    if (error === undefined) this.#read(NO_BYTES, true);
    if (this.#tail === undefined) this.#end(error);
    else void this.#tail.then(() => this.#end(error));
  }

  #read(part: Uint8Array, last: boolean): void {
    if (this.#ended) return;
    try {
      for (const chunk of this.#reading(part, last)) this.#deliver(chunk);
    } catch (error) {
      // Reading throws nothing else; chunks before it come first.
      const failure = error as Error;
      if (this.#tail === undefined) this.#end(failure);
      else this.#tail = this.#tail.then(() => this.#end(failure));
    }
  }

  #deliver(chunk: Awaitable<unknown>): void {
    if (this.#tail === undefined && !(chunk instanceof Promise)) {
      this.#reader.push(chunk);
      return;
    }
    const before = this.#tail ?? Promise.resolve();
    // It may reject before its turn comes.
    if (chunk instanceof Promise) chunk.catch(() => {});
    this.#tail = before.then(async () => {
      try {
        const value = await chunk;
        if (!this.#ended) this.#reader.push(value);
      } catch (error) {
        this.#end(error as Error);
      }
    });
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reader.end(error);
  }
}
