import type { Clock, Timer } from '@gearman/events';
import type { Connection } from '@gearman/pool';
import { decodeText, type GearmanError, InvalidArgumentError, JobRef, type Packet } from '@gearman/protocol';
import { JobTimeoutError } from './errors.ts';
import { type ExceptionFormat, encodeException } from './exception.ts';
import type { AssignPacket, GrabLoop } from './grab-loop.ts';
import type { FunctionEntry } from './registry.ts';
import { toBytes } from './result.ts';

/**
 * A job in the hands of its handler.
 *
 * The handler's result ends the job; so do {@link complete}, {@link fail} and {@link exception}, the first of them.
 * Once it has ended, or the server has taken it back, every call does nothing: nobody would get what it sends. Wrong
 * arguments throw `ERR_GEARMAN_INVALID_ARGUMENT` in any case.
 */
export interface WorkerJob {
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
  /** The payload as UTF-8 text. */
  text(): string;
  /**
   * Tells clients how far the job is: `progress(3, 10)`, or `progress(0.3)`, which travels as 300 of 1000.
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
  /** Ends the job with a result. */
  complete(result?: Uint8Array | string): void;
  /** Ends the job as failed. Clients get `reason` as a warning before it, because the protocol has no place for it. */
  fail(reason?: string): void;
  /** Ends the job with an exception, as if the handler had thrown `error`. */
  exception(error: unknown): void;
}

/** Whom a job tells. */
export interface JobHost {
  readonly clock: Clock;
  readonly exceptionFormat: ExceptionFormat;
  /** Largest packet body, in bytes. */
  readonly maxPacketBytes: number;
  onProgress(job: RunningJob, numerator: number, denominator: number): void;
  /** The job is over for the server, in one of four ways. */
  onComplete(job: RunningJob, resultBytes: number): void;
  onFail(job: RunningJob, reason: string | undefined): void;
  onException(job: RunningJob, error: unknown): void;
  onLost(job: RunningJob, error: GearmanError): void;
  onTimeout(job: RunningJob, error: JobTimeoutError): void;
  onLateError(job: RunningJob, error: unknown): void;
}

/**
 * `running`: what is sent reaches the server. `told`: it has been told the end. `lost`: the server has taken the job
 * back, or will.
 */
type JobState = 'running' | 'told' | 'lost';

/** See {@link WorkerJob}. */
export class RunningJob implements WorkerJob {
  readonly entry: FunctionEntry;
  /** Where it came from. */
  readonly loop: GrabLoop;
  readonly handle: string;
  readonly payload: Uint8Array;
  readonly #host: JobHost;
  readonly #connection: Connection;
  readonly #epoch: number;
  readonly #uniqueId: string;
  readonly #reducer: string | undefined;
  #state: JobState = 'running';
  #deadline: Timer | undefined;
  #controller: AbortController | undefined;
  #abortReason: GearmanError | undefined;
  #givesBack = false;

  constructor(entry: FunctionEntry, packet: AssignPacket, loop: GrabLoop, host: JobHost) {
    const { connection } = loop;
    this.entry = entry;
    this.loop = loop;
    this.handle = packet.handle;
    this.payload = connection.own(packet.workload);
    this.#host = host;
    this.#connection = connection;
    this.#epoch = connection.epoch;
    this.#uniqueId = packet.type === 'JOB_ASSIGN' ? '' : packet.uniqueId;
    this.#reducer = packet.type === 'JOB_ASSIGN_ALL' ? packet.reducer : undefined;
    const { timeoutMs } = entry;
    if (timeoutMs !== undefined) {
      this.#deadline = host.clock.setTimer(timeoutMs, () => this.#onDeadline(timeoutMs), { unref: true });
    }
  }

  get functionName(): string {
    return this.entry.functionName;
  }

  get server(): string {
    return this.#connection.server;
  }

  get ref(): JobRef {
    return new JobRef(this.server, this.handle);
  }

  get uniqueId(): string {
    return decodeText(this.#uniqueId);
  }

  get reducer(): string | undefined {
    return this.#reducer === undefined ? undefined : decodeText(this.#reducer);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get ended(): boolean {
    return this.#state !== 'running';
  }

  /** True when the server has been told how the job ended. */
  get told(): boolean {
    return this.#state === 'told';
  }

  text(): string {
    const { buffer, byteOffset, length } = this.payload;
    return Buffer.from(buffer, byteOffset, length).toString('utf8');
  }

  progress(numerator: number, denominator?: number): void {
    const [done, all] =
      denominator === undefined ? perMille(numerator) : [whole(numerator), whole(denominator)];
    const { handle } = this;
    const sent = this.#send({
      type: 'WORK_STATUS',
      magic: 'REQ',
      handle,
      numerator: String(done),
      denominator: String(all),
    });
    if (sent) this.#host.onProgress(this, done, all);
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const { handle } = this;
    const sent = this.#send({ type: 'WORK_DATA', magic: 'REQ', handle, data: this.#toBytes(chunk) });
    if (sent) await this.#connection.drained();
  }

  warn(message: Uint8Array | string): void {
    this.#send({ type: 'WORK_WARNING', magic: 'REQ', handle: this.handle, data: this.#toBytes(message) });
  }

  complete(result?: Uint8Array | string): void {
    const data = this.#toBytes(result);
    if (this.#end({ type: 'WORK_COMPLETE', magic: 'REQ', handle: this.handle, data })) {
      this.#host.onComplete(this, data.length);
    }
  }

  fail(reason?: string): void {
    if (reason !== undefined) this.warn(reason);
    if (this.#end({ type: 'WORK_FAIL', magic: 'REQ', handle: this.handle })) this.#host.onFail(this, reason);
  }

  exception(error: unknown): void {
    // No WORK_FAIL behind it: gearmand ends a job with its exception and would answer that with JOB_NOT_FOUND.
    const data = encodeException(error, this.#host.exceptionFormat);
    if (this.#end({ type: 'WORK_EXCEPTION', magic: 'REQ', handle: this.handle, data })) {
      this.#host.onException(this, error);
    }
  }

  /** The handler returned `value`. */
  onReturn(value: unknown): void {
    if (this.#state !== 'running') return;
    if (value instanceof Error) {
      this.onThrow(value);
      return;
    }
    try {
      // Whatever it is: toBytes() refuses what is not allowed.
      this.complete(value as Uint8Array | string | undefined);
    } catch (error) {
      this.exception(error);
    }
  }

  /** The handler threw. */
  onThrow(error: unknown): void {
    if (this.#state === 'told') this.#host.onLateError(this, error);
    else if (this.#givesBack && this.#abortReason !== undefined) this.lose(this.#abortReason);
    else this.exception(error);
  }

  /** The server has taken the job back, or will: nothing is sent any more. */
  lose(error: GearmanError): void {
    if (this.#state !== 'running') return;
    this.#leaveRunning('lost');
    this.#abort(error);
    this.#host.onLost(this, error);
  }

  /** Asks the handler to come to an end. If it throws then, the job is given back and not reported as broken. */
  stop(reason: GearmanError): void {
    this.#givesBack = true;
    this.#abort(reason);
  }

  #toBytes(value: unknown): Uint8Array {
    // The handle and its NUL travel in the same packet.
    return toBytes(value, this.functionName, this.#host.maxPacketBytes - this.handle.length - 1);
  }

  #send(packet: Packet): boolean {
    if (this.#state !== 'running' || this.#connection.epoch !== this.#epoch) return false;
    return this.#connection.send(packet);
  }

  #end(packet: Packet): boolean {
    if (!this.#send(packet)) return false;
    this.#leaveRunning('told');
    return true;
  }

  #leaveRunning(next: 'told' | 'lost'): void {
    this.#state = next;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #onDeadline(timeoutMs: number): void {
    const error = new JobTimeoutError(this.functionName, timeoutMs);
    this.#abort(error);
    this.#host.onTimeout(this, error);
  }

  #abort(reason: GearmanError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }
}

function perMille(fraction: number): readonly [number, number] {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new InvalidArgumentError(
      `progress of ${fraction} is not a fraction from 0 to 1; or pass a denominator`,
    );
  }
  return [Math.round(fraction * 1000), 1000];
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError(`progress takes whole numbers from 0 up, not ${value}`);
}
