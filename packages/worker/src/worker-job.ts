import type { Duplex, Readable } from 'node:stream';
import type { JobRef } from '@gearman/protocol';
import type { DeadLetter } from './attempt.ts';
import type { JobClient } from './job-client.ts';

/** Options of {@link WorkerJob.release}. */
export interface ReleaseOptions {
  /** How long the job waits, in milliseconds. @defaultValue 0 */
  readonly delayMs?: number;
  /** Whether this run counts as one of the attempts of the job. @defaultValue false */
  readonly countAttempt?: boolean;
}

/**
 * A job in the hands of its handler.
 *
 * The handler's result ends the job; so do {@link complete}, {@link fail}, {@link exception} and {@link release}, the first of
 * them.
 * Once it has ended, or the server has taken it back, every call does nothing: nobody would get what it sends. Wrong
 * arguments throw `ERR_GEARMAN_INVALID_ARGUMENT` in any case.
 */
export interface WorkerJob {
  /** Without the prefix of the worker. */
  readonly functionName: string;
  /** The server's name for the job; unique on one server only. */
  readonly handle: string;
  /** The server it came from, as `host:port`. */
  readonly server: string;
  /** Handle and server together: what a client needs to ask for the job's status. */
  readonly ref: JobRef;
  /** The unique id its client chose, or the empty string. */
  readonly uniqueId: string;
  /** The function that reduces the results, for jobs submitted with one. */
  readonly reducer: string | undefined;
  /** Which run of the job this is, from 1; known with the option `attempts` of the worker, else 1. */
  readonly attempt: number;
  /** How many runs the server gives it; 1 where that is not known, as above, or nothing is said about it. */
  readonly maxAttempts: number;
  /** When the job must have begun, if that was said; known as above. */
  readonly deadline: Date | undefined;
  /** What the job was before it failed for good as a job of another function; known as above. */
  readonly deadLetter: DeadLetter | undefined;
  /** What the client sent. The handler may keep and change it. */
  readonly payload: Uint8Array;
  /**
   * Aborts when the result is no longer wanted: with `ERR_GEARMAN_CONNECTION_LOST` when the connection is lost (the
   * server gives the job to another worker), `ERR_GEARMAN_JOB_TIMEOUT` after the `timeoutMs` of the function,
   * `ERR_GEARMAN_CLOSED` when the worker stops. Built on first use.
   */
  readonly signal: AbortSignal;
  /** True once nothing more can be sent. */
  readonly ended: boolean;
  /**
   * The client given to `createWorker({ client })`, for jobs that submit jobs.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` when none was given
   */
  readonly client: JobClient;
  /** The payload as UTF-8 text. */
  text(): string;
  /**
   * The job as a stream: reading brings the payload, writing sends pieces of the result, ending completes the job and
   * destroying it with an error ends it with an exception. Who takes it ends the job by it, whenever the handler
   * returns. It is destroyed with the signal's reason when the job is lost; an error nobody listens to is not thrown.
   *
   * @returns the same one at each call
   */
  stream(): Duplex;
  /**
   * Tells clients how far the job is: `progress(3, 10)`, or `progress(0.3)`, which travels as 300 of 1000. Within
   * `progressIntervalMs` only the last one is sent, at the end of the interval or of the job.
   *
   * @param numerator a whole number from 0 up; without a denominator, a fraction from 0 to 1
   * @param denominator a whole number from 0 up
   */
  progress(numerator: number, denominator?: number): void;
  /**
   * Sends a piece of the result ahead of its end, at once.
   *
   * A client gets all pieces, then what the handler returns. If this worker is lost the job runs again elsewhere and
   * the client may get pieces twice. Do not change the bytes afterwards.
   *
   * @returns a promise to await before the next piece, resolved when the connection has taken enough of what waits; it
   * rejects with `ERR_GEARMAN_INVALID_ARGUMENT` for a piece over `maxPacketBytes`
   */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Sends a warning to clients. */
  warn(message: Uint8Array | string): void;
  /** Writes a line to the worker's logger, together with function, handle and server. Clients do not see it. */
  log(message: string, fields?: object): void;
  /** Ends the job with a result. */
  complete(result?: Uint8Array | string): void;
  /** Ends the job as failed. Clients get `reason` as a warning before it, because the protocol has no place for it. */
  fail(reason?: string): void;
  /** Ends the job with an exception, as if the handler had thrown `error`. */
  exception(error: unknown): void;
  /**
   * Gives the job back: it waits in the server and is handed out again. Nobody hears of it, and it is no failure. Needs the
   * option `attempts` of the worker and a server that knows the extension.
   *
   * @throws UnsupportedError `ERR_GEARMAN_UNSUPPORTED` when that is not so: the job goes on
   */
  release(options?: ReleaseOptions): void;
}

/** A job whose payload is read as a stream: see the option `payload` of `register()`. */
export interface StreamJob extends Omit<WorkerJob, 'payload' | 'text'> {
  /** What the client sent, read once. */
  readonly payload: Readable;
}
