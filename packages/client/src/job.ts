import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Observable } from '@gearman/events';
import type { GearmanError, JobRef } from '@gearman/protocol';
import { ChunkReader } from './chunk-reader.ts';
import { ResponseTimeoutError } from './errors.ts';
import type { JobProgress } from './job-events.ts';
import type { CancelOutcome } from './job-host.ts';
import { jobProgress$, settled$ } from './observables.ts';
import type { PartReader } from './result-parts.ts';
import { JobReadable, toWebStream } from './streams/job-readable.ts';
import type { ResultStreamOptions } from './streams/stream-options.ts';
import { TrackedJob } from './tracked-job.ts';
import { abortable, inTime } from './wait-for.ts';

/**
 * A job that was submitted and whose result is waited for.
 *
 * - **A promise of its result**: `await job` gives the result, or throws one of the errors below. The promise is made
 *   when somebody asks for it, so a job that fails and that nobody awaits disturbs nobody. Mind that an `async`
 *   function that returns a job returns its result: hand out `job.ref` or the job inside an object instead.
 * - **An iterable of the parts of its result**: each WORK_DATA, then what came with WORK_COMPLETE. Parts wait in memory
 *   for a slow loop. A loop that starts late begins with what has come, in one piece once the job is complete.
 * - **An emitter** of {@link JobEvent}s: `on('status', …)`, `events$`, `events()`. The last two begin with what has
 *   happened (of `status`, `data`, `warning` and `retry` the last 128) and end with the job. `events$` never errors.
 *
 * It rejects with `ERR_GEARMAN_JOB_FAILED`, `ERR_GEARMAN_JOB_EXCEPTION`, `ERR_GEARMAN_SUBMIT_TIMEOUT` (never sent),
 * `ERR_GEARMAN_SUBMIT_UNKNOWN` (sent, never acknowledged), `ERR_GEARMAN_RESPONSE_TIMEOUT` (still alive),
 * `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_JOB_CANCELLED`, `ERR_GEARMAN_QUEUE_FULL`, `ERR_GEARMAN_SERVER`,
 * `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_OVERFLOW` (`maxPending`) or `ERR_GEARMAN_CLOSED`.
 *
 * A lost connection ends it, unless its options say that it is tried again: a job server drops the foreground jobs of a
 * client that is gone. A job that is tried again stays the same object; it gets a new handle, and nothing of the result
 * of the attempt before. A loop over its parts that has got some throws then, as they cannot be taken back.
 */
export class Job<O = Buffer, C = Buffer>
  extends TrackedJob<O, C>
  implements PromiseLike<O>, AsyncIterable<C>
{
  #outcome: Promise<O> | undefined;

  /** Resolves when it was handed to a connection; rejects with the job's error if that never happens. */
  get submitted(): Promise<void> {
    return this.until(() => this.connection && { value: undefined });
  }

  /** Resolves with its reference when a server has taken it; rejects with the job's error if that never happens. */
  get created(): Promise<JobRef> {
    return this.until(() => this.ref && { value: this.ref });
  }

  /** Its progress: what is known, then what comes. Completes with the job, however that ends. */
  get status$(): Observable<JobProgress> {
    return jobProgress$(this);
  }

  /** The parts of its result, as iterating over it gives them. Errors with what the job rejects with. */
  get data$(): Observable<C> {
    return new Observable((subscriber) =>
      this.#readChunks({
        push: (chunk) => subscriber.next(chunk),
        end: (error) => (error === undefined ? subscriber.complete() : subscriber.error(error)),
      }),
    );
  }

  /** Its result. Errors with what the job rejects with. */
  get result$(): Observable<O> {
    return settled$(this);
  }

  // biome-ignore lint/suspicious/noThenProperty: a job is awaited like the promise of its result.
  then<A = O, B = never>(
    onFulfilled?: ((value: O) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: GearmanError) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#settled().then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: GearmanError) => B | PromiseLike<B>) | null): Promise<O | B> {
    return this.#settled().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<O> {
    return this.#settled().finally(onFinally);
  }

  /**
   * Its result. Waiting may end before: the job lives on.
   *
   * @param options `timeoutMs`: how long to wait, in milliseconds, else `ERR_GEARMAN_RESPONSE_TIMEOUT`; `signal`: stops
   * waiting and rejects with its reason
   */
  result(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<O> {
    const { timeoutMs, signal } = options;
    const outcome = abortable(this.#settled(), signal);
    return inTime(outcome, this.host.clock, timeoutMs, (ms) => {
      return new ResponseTimeoutError(this.functionName, ms, this.ref);
    });
  }

  /** Its result as UTF-8. Rejects as the job does. */
  async text(): Promise<string> {
    await this.#settled();
    // #settled() resolves in this state only.
    return this.state.name === 'complete' ? new TextDecoder().decode(this.state.event.bytes) : '';
  }

  /**
   * Ends it here with `ERR_GEARMAN_JOB_CANCELLED`, at once, and asks its server to end it, too: for whoever else waits
   * for a job with the same unique id, as well. gearmand then fails it for its clients, and removes it if it waits; a
   * worker that has it is not told and goes on.
   *
   * @param reason becomes the `cause` of the error
   * @returns a promise of what the server made of it; see `client.cancel()` for what it rejects with. `removed`, too,
   * for a job that was never sent; `unknown` for one that was over already or between two attempts
   */
  async cancel(reason?: unknown): Promise<CancelOutcome> {
    if (this.done) return 'unknown';
    const outcome = this.cancelOnServer();
    this.giveUp('was cancelled', reason === undefined ? undefined : { cause: reason });
    return outcome;
  }

  /**
   * Stops listening: it ends here with `ERR_GEARMAN_JOB_CANCELLED` and goes on in the server. A job that was not sent
   * yet never is.
   */
  detach(): void {
    this.giveUp('was detached');
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<C> {
    const reader = new ChunkReader<C>(() => stop());
    const stop = this.#readChunks(reader);
    return reader;
  }

  /**
   * Its result as a Node stream of bytes, as the worker sends it. With `dataMode: 'events'`, ask for it at once and nothing
   * is kept; otherwise the whole result is in memory, too, whatever `maxBufferedBytes` says.
   *
   * What the job rejects with is the stream's `error` event; nobody needs to listen to it. Destroying the stream leaves
   * the job alone.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
   */
  stream(options?: ResultStreamOptions): Readable {
    return new JobReadable(this, options);
  }

  /** The same as a web stream. */
  webStream(options?: ResultStreamOptions): ReadableStream<Uint8Array> {
    return toWebStream(new JobReadable(this, options));
  }

  /**
   * Pipes its result into a Node stream, as `job.stream().pipe(destination)` does: a job that fails does not end the
   * destination. To hear of errors on either side, use `pipeline(job.stream(), destination)` of `node:stream/promises`.
   *
   * @returns the destination
   */
  pipe<T extends NodeJS.WritableStream>(destination: T, options?: { readonly end?: boolean }): T {
    return this.stream().pipe(destination, options);
  }

  /** Gives a reader the parts of the result so far and those to come; what it returns makes that stop. @internal */
  readParts(reader: PartReader): () => void {
    const { state } = this;
    const isOver = state.name === 'complete' || state.name === 'failed';
    if (!isOver || this.format.separateParts) return this.parts.add(reader);
    if (state.name === 'failed') reader.end(state.event.error);
    else {
      if (state.event.bytes.length > 0) reader.push(state.event.bytes);
      reader.end();
    }
    return () => {};
  }

  #readChunks(reader: PartReader<C>): () => void {
    return this.readParts(this.format.reading(reader));
  }

  /**
   * Nothing more is read from its server until the result is called.
   *
   * @param onYield with it, only while nobody else waits for the server: undefined is returned when somebody does, and it
   * is called when somebody comes
   * @internal
   */
  holdServer(onYield?: () => void): (() => void) | undefined {
    return onYield === undefined || this.host.isOnly() ? this.connection?.holdReading(onYield) : undefined;
  }

  #settled(): Promise<O> {
    this.#outcome ??= this.until(() => (this.state.name === 'complete' ? this.state.event : undefined));
    return this.#outcome;
  }
}
