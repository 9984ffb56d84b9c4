import { parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { SubmitOptions } from '../options.ts';
import type { FeedLimit } from './result-feed.ts';

/** How much of a result may wait in memory. */
export interface ResultStreamOptions {
  /**
   * How many bytes of the result may wait for a slow reader; a single part that a worker sends may be larger. With more,
   * nothing is read from the job's server until the reader has caught up. Our server then slows down the worker that
   * sends; gearmand keeps what comes in its memory.
   *
   * Everything else on that connection waits, too, and time-outs go on. So, unless you set this, it applies only while no
   * other job of the client is under way, and ends when somebody asks the server something; more than that waits in
   * memory meanwhile. A value that you set always applies: whoever then waits for another job, or a status, before reading
   * on waits for ever. Give such streams a client of their own.
   *
   * @defaultValue 1 MiB, while the job is the only one
   */
  readonly maxBufferedBytes?: number;
}

/** Options of `client.submitStream()`: those of a stream, and whatever `submit()` takes. */
export interface StreamOptions extends Omit<SubmitOptions, 'dataMode'>, ResultStreamOptions {
  /**
   * The size of the payload, in bytes, if it is known: it is then put together in one block of memory, and one that is
   * longer or shorter is an error (`ERR_GEARMAN_PAYLOAD`) before anything is sent.
   *
   * @defaultValue unknown
   */
  readonly sizeBytes?: number;
}

/** What only a stream has, parsed. */
export interface StreamSettings extends FeedLimit {
  readonly sizeBytes: number | undefined;
}

const DEFAULT_BUFFERED_BYTES = 1024 * 1024;

const maxBufferedBytes = z.number().int().positive().optional();
const resultSchema = z.strictObject({ maxBufferedBytes });
const streamSchema = z.strictObject({
  maxBufferedBytes,
  sizeBytes: z.number().int().nonnegative().optional(),
});

const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);

/** Checks the options of `job.stream()`. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseResultStreamOptions(options: ResultStreamOptions): FeedLimit {
  return toLimit(parseOptions(resultSchema, options, 'stream()', fail).maxBufferedBytes);
}

/** Tells a stream's options from those of its job, which are left to check. @throws InvalidArgumentError */
export function splitStreamOptions(options: StreamOptions): {
  readonly own: StreamSettings;
  readonly job: SubmitOptions;
} {
  const { maxBufferedBytes: most, sizeBytes, ...job } = options;
  const own = parseOptions(streamSchema, { maxBufferedBytes: most, sizeBytes }, 'submitStream()', fail);
  // The parts go to the reader; nobody needs the whole as well.
  return { own: { ...toLimit(own.maxBufferedBytes), sizeBytes }, job: { ...job, dataMode: 'events' } };
}

function toLimit(given: number | undefined): FeedLimit {
  return { maxBufferedBytes: given ?? DEFAULT_BUFFERED_BYTES, strict: given !== undefined };
}
