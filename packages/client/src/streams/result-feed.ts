import type { Readable } from 'node:stream';
import type { PartReader } from '../result-parts.ts';

/** What a feed needs of its job. */
export interface FeedSource {
  /** Gives the parts so far and those to come; the result makes that stop. */
  readParts(reader: PartReader): () => void;
  /**
   * Stops reading from the job's server until the result is called; undefined when that cannot be now.
   *
   * @param onYield with it, only while nobody else waits for the server; called when somebody does
   */
  holdServer(onYield?: () => void): (() => void) | undefined;
}

/** How much of a result may wait in a stream. */
export interface FeedLimit {
  readonly maxBufferedBytes: number;
  /** Whether it holds even where others have to wait as well. */
  readonly strict: boolean;
}

/**
 * Brings the parts of a job's result into a Node stream.
 *
 * When more than `maxBufferedBytes` wait in the stream, nothing more is read from the job's server, until the stream's
 * reader has caught up.
 */
export class ResultFeed implements PartReader {
  readonly #readable: Readable;
  readonly #source: FeedSource;
  readonly #limit: FeedLimit;
  #leave: (() => void) | undefined;
  #release: (() => void) | undefined;

  constructor(readable: Readable, source: FeedSource, limit: FeedLimit) {
    this.#readable = readable;
    this.#source = source;
    this.#limit = limit;
  }

  /** To be called at once: what comes before somebody reads may be kept nowhere else. */
  start(): void {
    this.#leave = this.#source.readParts(this);
  }

  /** The stream wants more: to be called by its `_read`. */
  more(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** The stream is destroyed: to be called by its `_destroy`. */
  stop(): void {
    this.#leave?.();
    this.more();
  }

  push(part: Uint8Array): void {
    this.#readable.push(part);
    if (this.#release === undefined && this.#readable.readableLength > this.#limit.maxBufferedBytes)
      this.#hold();
  }

  end(error?: Error): void {
    this.more();
    if (error === undefined) this.#readable.push(null);
    else this.#readable.destroy(error);
  }

  #hold(): void {
    const onYield = (): void => {
      this.#release = undefined;
    };
    this.#release = this.#source.holdServer(this.#limit.strict ? undefined : onYield);
  }
}
