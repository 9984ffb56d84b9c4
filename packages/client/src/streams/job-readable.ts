import { Readable } from 'node:stream';
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { type FeedSource, ResultFeed } from './result-feed.ts';
import { parseResultStreamOptions, type ResultStreamOptions } from './stream-options.ts';

/** How much a stream asks for beforehand. */
export const READ_AHEAD_BYTES = 64 * 1024;

/** A job's result as a Node stream. The job goes on when the stream is destroyed: others may wait for it. */
export class JobReadable extends Readable {
  readonly #feed: ResultFeed;

  constructor(source: FeedSource, options: ResultStreamOptions = {}) {
    const limit = parseResultStreamOptions(options);
    super({ highWaterMark: Math.min(READ_AHEAD_BYTES, limit.maxBufferedBytes) });
    // A failed job that nobody listens to must not end the process; whoever listens hears of it all the same.
    this.on('error', () => {});
    this.#feed = new ResultFeed(this, source, limit);
    this.#feed.start();
  }

  override _read(): void {
    // Called for the first time only after the constructor.
    this.#feed.more();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#feed.stop();
    callback(error);
  }
}

/** The same as a web stream. Node's own conversion takes one that has failed for one that is empty. */
export function toWebStream(readable: JobReadable): ReadableStream<Uint8Array> {
  const parts: AsyncIterator<Uint8Array> = readable[Symbol.asyncIterator]();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      const next = await parts.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: () => void readable.destroy(),
  };
  // What waits, waits in the Node stream, which knows when it is too much.
  return new ReadableStream(source, { highWaterMark: 0 });
}
