import type { Duplex } from 'node:stream';
import type { Timer } from '@gearman/events';
import { type Connection, UnsupportedError } from '@gearman/pool';
import {
  decodeText,
  encodeOptions,
  type GearmanError,
  InvalidArgumentError,
  JobRef,
  type Packet,
} from '@gearman/protocol';
import { type Attempt, type DeadLetter, readAttempt } from './attempt.ts';
import { JobTimeoutError } from './errors.ts';
import { encodeException, isNonRetryable } from './exception.ts';
import type { AssignPacket, GrabLoop } from './grab-loop.ts';
import type { JobClient } from './job-client.ts';
import type { JobHost } from './job-host.ts';
import { createJobStream } from './job-stream.ts';
import { ProgressGate, toProgress } from './progress.ts';
import type { FunctionEntry } from './registry.ts';
import { isNoValue, toBytes } from './result.ts';
import { discardParts, sendParts, toParts } from './result-parts.ts';
import type { ReleaseOptions, WorkerJob } from './worker-job.ts';

const NOTHING = new Uint8Array();

/** How a job ended: the server was told one of four ways, or has taken the job back, or will. */
export type JobOutcome = 'complete' | 'fail' | 'exception' | 'released' | 'lost';

/** `running`: what is sent reaches the server. */
type JobState = 'running' | JobOutcome;

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
  // No handler is at work on it: its end is the end of everything.
  #alone = false;
  #progress: ProgressGate | undefined;
  #stream: Duplex | undefined;
  readonly #told: Packet<'JOB_ASSIGN_WITH'> | undefined;
  #attempt: Attempt | undefined;

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
    this.#reducer = reducerOf(packet);
    // Without the payload, of which this keeps a copy.
    if (packet.type === 'JOB_ASSIGN_WITH') this.#told = { ...packet, workload: NOTHING };
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

  get attempt(): number {
    return this.#which.attempt;
  }

  get maxAttempts(): number {
    return this.#which.maxAttempts;
  }

  get deadline(): Date | undefined {
    return this.#which.deadline;
  }

  get deadLetter(): DeadLetter | undefined {
    return this.#which.deadLetter;
  }

  get #which(): Attempt {
    this.#attempt ??= readAttempt(this.#told);
    return this.#attempt;
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
    return this.#state !== 'running' && this.#state !== 'lost';
  }

  /** How it ended; undefined while it runs. */
  get outcome(): JobOutcome | undefined {
    return this.#state === 'running' ? undefined : this.#state;
  }

  get client(): JobClient {
    const { client } = this.#host;
    if (client !== undefined) return client;
    throw new InvalidArgumentError('this worker has no client; build it with createWorker({ client })');
  }

  text(): string {
    const { buffer, byteOffset, length } = this.payload;
    return Buffer.from(buffer, byteOffset, length).toString('utf8');
  }

  stream(): Duplex {
    this.#stream ??= createJobStream(this);
    return this.#stream;
  }

  progress(numerator: number, denominator?: number): void {
    const numbers = toProgress(numerator, denominator);
    if (this.#state !== 'running') return;
    const { clock, progressIntervalMs } = this.#host;
    this.#progress ??= new ProgressGate(clock, progressIntervalMs, (done, all) =>
      this.#sendStatus(done, all),
    );
    this.#progress.report(...numbers);
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const { handle } = this;
    const sent = this.#send({ type: 'WORK_DATA', magic: 'REQ', handle, data: this.#toBytes(chunk) });
    if (sent) await this.#connection.drained();
  }

  warn(message: Uint8Array | string): void {
    this.#send({ type: 'WORK_WARNING', magic: 'REQ', handle: this.handle, data: this.#toBytes(message) });
  }

  log(message: string, fields: object = {}): void {
    const { functionName, handle, server } = this;
    this.#host.logger.info({ ...fields, functionName, handle, server }, message);
  }

  complete(result?: Uint8Array | string): void {
    const data = this.#toBytes(result);
    if (!this.#end({ type: 'WORK_COMPLETE', magic: 'REQ', handle: this.handle, data }, 'complete')) return;
    this.#host.onComplete(this, data.length);
    this.#afterEnd();
  }

  fail(reason?: string): void {
    if (reason !== undefined) this.warn(reason);
    if (!this.#end({ type: 'WORK_FAIL', magic: 'REQ', handle: this.handle }, 'fail')) return;
    this.#host.onFail(this, reason);
    this.#afterEnd();
  }

  exception(error: unknown): void {
    if (this.#state !== 'running') return;
    const data = encodeException(error, this.#host.exceptionFormat);
    const isFinal = this.#saysMore && isNonRetryable(error, this.#host.noRetryCodes);
    const isSent = isFinal
      ? this.#end(this.#failure({ retry: false, exception: true }, data), 'exception')
      : this.#sendException(data);
    if (!isSent) return;
    this.#host.onException(this, error);
    this.#afterEnd();
  }

  release({ delayMs = 0, countAttempt = false }: ReleaseOptions = {}): void {
    if (!(delayMs >= 0)) throw new InvalidArgumentError('release(): delayMs must be 0 or more');
    if (this.#state !== 'running') return;
    if (!this.#saysMore) {
      const why = 'which job.release() needs; build the worker with the option attempts';
      const message = `${this.server} was not asked for the extension x-attempts, or does not know it, ${why}`;
      throw new UnsupportedError(this.server, 'x-attempts', undefined, message);
    }
    if (!this.#end(this.#failure({ release: { delayMs, countAttempt } }, NOTHING), 'released')) return;
    this.#host.onRelease(this, delayMs);
    this.#afterEnd();
  }

  /** The handler returned `value`. False while the job goes on without it. */
  onReturn(value: unknown): boolean {
    if (this.#state !== 'running') {
      discardParts(value);
      return true;
    }
    if (value === undefined && (this.entry.manual || this.#stream !== undefined)) {
      this.#alone = true;
      return false;
    }
    try {
      if (this.entry.falsyFails && isNoValue(value)) this.fail();
      else if (value instanceof Error) this.onThrow(value);
      else return this.#finishWith(value);
    } catch (error) {
      this.exception(error);
    }
    return true;
  }

  /** The handler threw. */
  onThrow(error: unknown): void {
    if (this.told) this.#host.onLateError(this, error);
    else if (this.#givesBack && this.#abortReason !== undefined) this.lose(this.#abortReason);
    else this.exception(error);
  }

  /** The server has taken the job back, or will: nothing is sent any more. */
  lose(error: GearmanError): void {
    if (this.#state !== 'running') return;
    this.#leaveRunning('lost');
    this.#abort(error);
    this.#host.onLost(this, error);
    this.#afterEnd();
  }

  /** Asks the handler to come to an end. If it throws then, the job is given back and not reported as broken. */
  stop(reason: GearmanError): void {
    this.#givesBack = true;
    this.#abort(reason);
  }

  /** No handler is called yet: if the job ends now, nobody has to be waited for. */
  park(): void {
    this.#alone = true;
  }

  /** The handler is about to be called. */
  unpark(): void {
    this.#alone = false;
  }

  /** True for what brings the result later, in parts. */
  #finishWith(value: unknown): boolean {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      const parts = toParts(value);
      if (parts !== undefined) {
        const { output } = this.entry;
        // Never rejects.
        void sendParts(this, parts, output, this.#host.maxPacketBytes).then(() =>
          this.#host.onEndAlone(this),
        );
        return false;
      }
    }
    // Whatever it is: toBytes() refuses what is not allowed.
    this.complete(value as Uint8Array | string | undefined);
    return true;
  }

  #toBytes(value: unknown): Uint8Array {
    // The handle and its NUL travel in the same packet.
    return toBytes(value, this.functionName, this.#host.maxPacketBytes - this.handle.length - 1);
  }

  #sendStatus(done: number, all: number): void {
    const { handle } = this;
    const [numerator, denominator] = [String(done), String(all)];
    if (this.#send({ type: 'WORK_STATUS', magic: 'REQ', handle, numerator, denominator })) {
      this.#host.onProgress(this, done, all);
    }
  }

  /** @see ExceptionRule */
  #sendException(data: Uint8Array): boolean {
    const { handle } = this;
    const failure: Packet = { type: 'WORK_FAIL', magic: 'REQ', handle };
    const rule = this.#host.exceptionRule(this.loop);
    if (rule === 'warning+fail') this.warn(data);
    if (rule === 'warning+fail' || rule === 'fail') return this.#end(failure, 'exception');
    if (!this.#end({ type: 'WORK_EXCEPTION', magic: 'REQ', handle, data }, 'exception')) return false;
    if (rule === 'exception+fail') this.#connection.send(failure);
    else if (rule === 'uncertain') this.#host.onUncertainException(this.loop, handle);
    return true;
  }

  /** True when the server understands WORK_FAIL_WITH. */
  get #saysMore(): boolean {
    return this.#host.attempts && this.#connection.has('x-attempts', () => {}) === true;
  }

  #failure(options: object, data: Uint8Array): Packet {
    return {
      type: 'WORK_FAIL_WITH',
      magic: 'REQ',
      handle: this.handle,
      options: encodeOptions(options),
      data,
    };
  }

  #send(packet: Packet): boolean {
    if (this.#state !== 'running' || this.#connection.epoch !== this.#epoch) return false;
    return this.#connection.send(packet);
  }

  #end(packet: Packet, outcome: JobOutcome): boolean {
    this.#progress?.flush();
    if (!this.#send(packet)) return false;
    this.#leaveRunning(outcome);
    return true;
  }

  #leaveRunning(next: JobOutcome): void {
    this.#state = next;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#progress?.close();
  }

  #afterEnd(): void {
    if (!this.#alone) return;
    this.#alone = false;
    this.#host.onEndAlone(this);
  }

  #onDeadline(timeoutMs: number): void {
    const error = new JobTimeoutError(this.functionName, timeoutMs);
    this.#abort(error);
    this.#host.onTimeout(this, error);
    if (this.#host.limitsAreOurs(this.loop)) this.exception(error);
  }

  #abort(reason: GearmanError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }
}

function reducerOf(packet: AssignPacket): string | undefined {
  if (packet.type === 'JOB_ASSIGN_ALL') return packet.reducer;
  // Its place is always there.
  return packet.type === 'JOB_ASSIGN_WITH' && packet.reducer !== '' ? packet.reducer : undefined;
}
