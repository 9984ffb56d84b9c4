import { TypedEmitter } from '@gearman/events';
import { type ClosedError, type Connection, type NoServersError, ServerError } from '@gearman/pool';
import { decodeText, type GearmanError, JobRef, type Packet } from '@gearman/protocol';
import { ChunkReader } from './chunk-reader.ts';
import {
  JobCancelledError,
  JobExceptionError,
  JobFailedError,
  JobLostError,
  ResponseTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
import type { WorkPacket } from './handle-table.ts';
import {
  isLastEvent,
  type JobCompletion,
  type JobEvent,
  type JobFailure,
  type JobProgress,
  type JobState,
} from './job-events.ts';
import type { JobHost } from './job-host.ts';
import { toFraction, toNumber } from './numbers.ts';
import type { JobSettings } from './options.ts';
import { keepBytes } from './payload.ts';
import { RecentEvents } from './recent-events.ts';
import { refusal } from './refusal.ts';
import { ResultParts } from './result-parts.ts';
import { StateWatch } from './state-watch.ts';
import type { SubmitPacket } from './submission.ts';
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
 *   happened (of `status`, `data` and `warning` the last 128) and end with the job. `events$` never errors.
 *
 * It rejects with `ERR_GEARMAN_JOB_FAILED`, `ERR_GEARMAN_JOB_EXCEPTION`, `ERR_GEARMAN_SUBMIT_TIMEOUT` (never sent),
 * `ERR_GEARMAN_SUBMIT_UNKNOWN` (sent, never acknowledged), `ERR_GEARMAN_RESPONSE_TIMEOUT` (still alive),
 * `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_JOB_CANCELLED`, `ERR_GEARMAN_QUEUE_FULL`, `ERR_GEARMAN_SERVER`,
 * `ERR_GEARMAN_NO_SERVERS` or `ERR_GEARMAN_CLOSED`.
 *
 * A lost connection ends it: a job server drops the foreground jobs of a client that is gone.
 */
export class Job<O = Uint8Array>
  extends TypedEmitter<JobEvent<O>>
  // It is a Submission and a WorkListener, too, which is nobody's business outside: those members are stripped.
  implements PromiseLike<O>, AsyncIterable<Uint8Array>
{
  /** The name of the function, as it was given. */
  readonly functionName: string;
  /** The unique id it was sent with; empty for none. */
  readonly uniqueId: string;
  /** @internal */
  packet: SubmitPacket | undefined;
  /** @internal */
  readonly settings: JobSettings;
  /** @internal */
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #host: JobHost;
  readonly #decode: (bytes: Uint8Array) => O;
  #state: JobState<O> = WAITING;
  #connection: Connection | undefined;
  #ref: JobRef | undefined;
  #progress: JobProgress | undefined;
  // Most jobs need none of these: they are built when somebody asks.
  #parts: ResultParts | undefined;
  #history: RecentEvents<JobEvent<O>> | undefined;
  #outcome: Promise<O> | undefined;
  #watch: StateWatch | undefined;

  /** @internal use `client.submit()` */
  constructor(
    host: JobHost,
    packet: SubmitPacket,
    functionName: string,
    settings: JobSettings,
    decode: (bytes: Uint8Array) => O,
  ) {
    super();
    this.functionName = functionName;
    this.uniqueId = decodeText(packet.uniqueId);
    this.packet = packet;
    this.#host = host;
    this.settings = settings;
    this.#decode = decode;
  }

  /** What it is doing, as far as the client knows. */
  get state(): JobState<O> {
    return this.#state;
  }

  /** True when it is over, one way or the other. */
  get done(): boolean {
    return this.#state.name === 'complete' || this.#state.name === 'failed';
  }

  /** The handle its server gave it; undefined until then. */
  get handle(): string | undefined {
    return this.#ref?.handle;
  }

  /** Handle and server; undefined until it was created. Can be kept, sent, and asked about with `client.status()`. */
  get ref(): JobRef | undefined {
    return this.#ref;
  }

  /** The last progress its worker reported. */
  get status(): JobProgress | undefined {
    return this.#progress;
  }

  /** Resolves when it was handed to a connection; rejects with the job's error if that never happens. */
  get submitted(): Promise<void> {
    return this.#until(() => this.#connection && { value: undefined });
  }

  /** Resolves with its reference when a server has taken it; rejects with the job's error if that never happens. */
  get created(): Promise<JobRef> {
    return this.#until(() => this.#ref && { value: this.#ref });
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
    return inTime(outcome, this.#host.clock, timeoutMs, (ms) => {
      return new ResponseTimeoutError(this.functionName, ms, this.#ref);
    });
  }

  /** Its result as UTF-8. Rejects as the job does. */
  async text(): Promise<string> {
    await this.#settled();
    // #settled() resolves in this state only.
    return this.#state.name === 'complete' ? new TextDecoder().decode(this.#state.event.bytes) : '';
  }

  /**
   * Stops listening: it ends here with `ERR_GEARMAN_JOB_CANCELLED` and goes on in the server. A job that was not sent
   * yet never is.
   */
  detach(): void {
    this.#cancel('was detached');
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const state = this.#state;
    if (state.name === 'complete') return ChunkReader.over([state.event.bytes]);
    if (state.name === 'failed') return ChunkReader.over([], state.event.error);
    this.#parts ??= new ResultParts(this.settings.dataMode);
    return this.#parts.read();
  }

  /** @internal */
  onSent(connection: Connection): void {
    this.#connection = connection;
    this.#state = { name: 'submitted', server: connection.server };
    if (this.#isHeard('submitted')) this.emit({ type: 'submitted', server: connection.server });
    this.#watch?.look();
  }

  /** @internal */
  onReply({ handle }: Packet<'JOB_CREATED'>): void {
    // Only a job that was sent on a connection is answered.
    const connection = this.#connection as Connection;
    // Also when it is over: the server goes on sending, and counts it among those who listen to the handle.
    this.#host.listen(connection, handle, this);
    if (this.done) return;
    const ref = new JobRef(connection.server, handle);
    this.#ref = ref;
    this.#state = { name: 'created', ref };
    this.deadlineMs = this.#host.deadlineAfter(this.settings.responseTimeoutMs);
    if (this.#isHeard('created')) this.emit({ type: 'created', ref });
    this.#watch?.look();
  }

  /** @internal */
  onReplyError(error: GearmanError): void {
    if (this.done) return;
    if (error instanceof ServerError) this.#fail({ type: 'fail', error: refusal(this.functionName, error) });
    else this.#fail({ type: 'lost', error: this.#unknown(error.message, error) });
  }

  /** @internal */
  onWork(packet: WorkPacket, connection: Connection): void {
    if (this.done) return;
    switch (packet.type) {
      case 'WORK_COMPLETE':
        this.#complete(keepBytes(connection, packet.data));
        break;
      case 'WORK_DATA':
        this.#onData(keepBytes(connection, packet.data));
        break;
      case 'WORK_STATUS':
        this.#onStatus(toNumber(packet.numerator), toNumber(packet.denominator));
        break;
      case 'WORK_WARNING': {
        const bytes = keepBytes(connection, packet.data);
        this.#tell({ type: 'warning', bytes, text: new TextDecoder().decode(bytes) });
        break;
      }
      case 'WORK_FAIL':
        this.#fail({ type: 'fail', error: new JobFailedError(this.functionName, this.#created()) });
        break;
      case 'WORK_EXCEPTION': {
        const bytes = keepBytes(connection, packet.data);
        const error = new JobExceptionError(this.functionName, this.#created(), bytes);
        this.#fail({ type: 'exception', error });
        break;
      }
    }
  }

  /** @internal */
  onConnectionLost(cause: Error): void {
    if (this.done) return;
    this.#fail({ type: 'lost', error: new JobLostError(this.functionName, this.#created(), cause) });
  }

  /** @internal */
  onDeadline(): void {
    const { submitTimeoutMs, createdTimeoutMs, responseTimeoutMs } = this.settings;
    const name = this.functionName;
    switch (this.#state.name) {
      case 'waiting':
        this.#fail({ type: 'timeout', error: this.#host.submitTimeout(name, submitTimeoutMs) });
        break;
      case 'submitted':
        this.#fail({
          type: 'timeout',
          error: this.#unknown(`it did not answer within ${createdTimeoutMs} ms`),
        });
        break;
      case 'created':
        this.#fail({ type: 'timeout', error: new ResponseTimeoutError(name, responseTimeoutMs, this.#ref) });
        break;
      default:
    }
  }

  /** @internal */
  onAbort(cause: unknown): void {
    this.#cancel('was aborted by its signal', { cause });
  }

  /** @internal */
  onUnsendable(error: NoServersError | ClosedError): void {
    if (error.code === 'ERR_GEARMAN_CLOSED') this.onClosed(error);
    else this.#fail({ type: 'fail', error });
  }

  /** @internal */
  onClosing(error: ClosedError): void {
    this.onClosed(error);
  }

  /** @internal */
  onClosed(error: ClosedError): void {
    if (!this.done) this.#fail({ type: 'lost', error });
  }

  protected override isLast(event: JobEvent<O>): boolean {
    return isLastEvent(event);
  }

  protected override past(): readonly JobEvent<O>[] {
    const events: JobEvent<O>[] = [];
    if (this.#connection !== undefined) events.push({ type: 'submitted', server: this.#connection.server });
    if (this.#ref !== undefined) events.push({ type: 'created', ref: this.#ref });
    if (this.#history !== undefined) events.push(...this.#history.all);
    if ('event' in this.#state) events.push(this.#state.event);
    return events;
  }

  protected override emit(event: JobEvent<O>): void {
    super.emit(event);
    if (this.#host.wants(event.type)) this.#host.publish(event, this);
  }

  #onData(bytes: Uint8Array): void {
    this.#parts ??= new ResultParts(this.settings.dataMode);
    this.#parts.push(bytes);
    // What is only to be shown is not kept, not even for those who come late.
    this.#tell({ type: 'data', bytes }, this.settings.dataMode === 'join');
  }

  #onStatus(numerator: number, denominator: number): void {
    this.#progress = { numerator, denominator, fraction: toFraction(numerator, denominator) };
    this.#tell({ type: 'status', ...this.#progress });
  }

  #tell(event: JobEvent<O>, remember = true): void {
    if (remember) {
      this.#history ??= new RecentEvents();
      this.#history.add(event);
    }
    this.emit(event);
  }

  #complete(last: Uint8Array): void {
    const bytes = this.#parts === undefined ? last : this.#parts.complete(last);
    const event = { type: 'complete', value: this.#decode(bytes), bytes } as const;
    this.#state = { name: 'complete', event };
    this.#end(event);
  }

  #fail(event: JobFailure): void {
    this.#state = { name: 'failed', event };
    this.#parts?.fail(event.error);
    this.#end(event);
  }

  /** The state has just become final: frees what only a living job needs, then tells everybody. */
  #end(event: JobCompletion<O> | JobFailure): void {
    this.packet = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#parts = undefined;
    this.#host.settle(this);
    if (this.#isHeard(event.type)) this.emit(event);
    this.#watch?.look();
  }

  #cancel(how: string, options?: ErrorOptions): void {
    if (this.done) return;
    const submitted = this.#state.name !== 'waiting';
    const error = new JobCancelledError(this.functionName, how, submitted, options);
    this.#fail({ type: 'cancelled', error });
  }

  #unknown(reason: string, cause?: Error): SubmitUnknownError {
    const server = this.#connection?.server ?? '';
    return new SubmitUnknownError(
      this.functionName,
      server,
      reason,
      cause === undefined ? undefined : { cause },
    );
  }

  /** Its reference, for those who are called by packets that carry its handle. */
  #created(): JobRef {
    return this.#ref as JobRef;
  }

  #settled(): Promise<O> {
    this.#outcome ??= this.#until(() => (this.#state.name === 'complete' ? this.#state.event : undefined));
    return this.#outcome;
  }

  /** Settles with what `reached` gives as soon as it gives something, or with the job's failure. */
  #until<T>(reached: () => { readonly value: T } | undefined): Promise<T> {
    this.#watch ??= new StateWatch();
    return this.#watch.until((resolve, reject) => {
      const goal = reached();
      if (goal !== undefined) resolve(goal.value);
      else if (this.#state.name === 'failed') reject(this.#state.event.error);
      else return false;
      return true;
    });
  }

  #isHeard(type: JobEvent<O>['type']): boolean {
    return this.hasListeners(type) || this.#host.wants(type);
  }
}

const WAITING = { name: 'waiting' } as const;
