import {
  type ClosedError,
  type Connection,
  type NoServersError,
  ServerError,
  type UnsupportedError,
} from '@gearman/pool';
import { decodeText, type GearmanError, JobRef } from '@gearman/protocol';
import type { Awaitable, ValidationError } from '@gearman/protocol/payload';
import { Attempts } from './attempts.ts';
import type { OverflowError } from './collection-errors.ts';
import {
  JobCancelledError,
  JobExceptionError,
  JobFailedError,
  JobLostError,
  ResponseTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
import type { WorkPacket } from './handle-table.ts';
import type { JobCompletion, JobEvent, JobFailure, JobState } from './job-events.ts';
import type { JobFormat } from './job-format.ts';
import type { CancelOutcome, JobHost } from './job-host.ts';
import type { JobSettings } from './job-settings.ts';
import { JobStory } from './job-story.ts';
import { toNumber } from './numbers.ts';
import { keepBytes } from './payload.ts';
import { refusal } from './refusal.ts';
import type { PayloadError } from './streams/payload-error.ts';
import type { CreatedPacket, SubmitPacket } from './submission.ts';

/**
 * What a job goes through, from its submit to its end. {@link Job} is what applications see of it.
 *
 * It is a Submission and a WorkListener, too, which is nobody's business outside: those members are stripped from the
 * published types.
 */
export abstract class TrackedJob<O, C> extends JobStory<O, C> {
  /** The name of the function, as it was given. */
  readonly functionName: string;
  #uniqueId: string;
  /** @internal */
  packet: SubmitPacket | undefined;
  /** @internal */
  attempts: Attempts<JobFailure> | undefined;
  /** @internal */
  deadlineMs = Number.POSITIVE_INFINITY;
  #state: JobState<O> = WAITING;
  #connection: Connection | undefined;
  #ref: JobRef | undefined;
  // Given up before the server said its handle: who wants to hear it nevertheless.
  #onLateRef: ((ref: JobRef | undefined) => void) | undefined;

  /** @internal */
  constructor(
    host: JobHost,
    packet: SubmitPacket,
    functionName: string,
    settings: JobSettings,
    format: JobFormat<O, C>,
  ) {
    super(host, settings, format);
    this.functionName = functionName;
    this.#uniqueId = decodeText(packet.uniqueId);
    this.packet = packet;
    this.attempts = settings.repeatable ? new Attempts(packet, settings, host) : undefined;
  }

  /** The unique id it is sent with; empty for none. One that is made of a payload still to come is known with that. */
  get uniqueId(): string {
    return this.#uniqueId;
  }

  override get state(): JobState<O> {
    return this.#state;
  }

  /** True when it is over, one way or the other. */
  get done(): boolean {
    return this.#state.name === 'complete' || this.#state.name === 'failed';
  }

  /** The handle its server gave it; undefined until then, and between two attempts. */
  get handle(): string | undefined {
    return this.#ref?.handle;
  }

  /**
   * Handle and server; undefined until it was created, and between two attempts. Can be kept, sent, and asked about
   * with `client.status()`.
   */
  get ref(): JobRef | undefined {
    return this.#ref;
  }

  /**
   * True when it is the job of an earlier submit, see the option `dedup`; false until its server has answered. If that job
   * was over, this one ends with its result if the server keeps it, else with `ERR_GEARMAN_JOB_FAILED`.
   */
  get deduplicated(): boolean {
    return this.#ref?.deduplicated === true;
  }

  /** Its payload is still to come; then {@link provide} is called. @internal */
  awaitPayload(): void {
    this.packet = undefined;
    this.attempts = undefined;
    if (this.settings.uniqueId === 'payload') this.#uniqueId = '';
  }

  /** Its payload has come, and with it the packet: it is sent now, and the time that it may take begins. @internal */
  provide(packet: SubmitPacket): void {
    this.packet = packet;
    this.#uniqueId = decodeText(packet.uniqueId);
    if (this.settings.repeatable) this.attempts = new Attempts(packet, this.settings, this.host);
  }

  /** @internal */
  onSent(connection: Connection): void {
    this.#connection = connection;
    this.#state = { name: 'submitted', server: connection.server };
    if (this.#isStepTold('submitted')) this.#step({ type: 'submitted', server: connection.server });
    this.look();
  }

  /** @internal */
  onReply({ type, handle }: CreatedPacket): void {
    // Only a job that was sent on a connection is answered.
    const connection = this.#connection as Connection;
    // Also when it is over: the server goes on sending, and counts it among those who listen to the handle.
    if (!this.host.listen(connection, handle, this.attempts?.current ?? this, this.#shares)) {
      this.onReplyError(this.#unknown('it answered with the handle of another job'));
      return;
    }
    const ref = new JobRef(connection.server, handle, type === 'JOB_MERGED');
    if (this.done) {
      this.#onLateRef?.(ref);
      return;
    }
    this.#ref = ref;
    this.#state = { name: 'created', ref };
    const { responseTimeoutMs } = this.settings;
    this.deadlineMs = this.host.deadlineAfter(this.attempts?.within(responseTimeoutMs) ?? responseTimeoutMs);
    if (this.attempts !== undefined) this.#watchOver(this.attempts, connection, handle);
    if (this.#isStepTold('created')) this.#step({ type: 'created', ref });
    this.look();
  }

  /** @internal */
  onReplyError(error: GearmanError): void {
    if (this.done) this.#onLateRef?.(undefined);
    else if (error instanceof ServerError) {
      this.#fail({ type: 'fail', error: refusal(this.functionName, error, 'SUBMIT_JOB') });
    } else this.#fail({ type: 'lost', error: this.#unknown(error.message, error) });
  }

  /** @internal */
  onWork(packet: WorkPacket, connection: Connection): void {
    if (this.done) return;
    switch (packet.type) {
      case 'WORK_COMPLETE':
        this.#complete(keepBytes(connection, packet.data));
        break;
      case 'WORK_DATA':
        this.hearData(keepBytes(connection, packet.data));
        break;
      case 'WORK_STATUS':
        this.hearProgress(toNumber(packet.numerator), toNumber(packet.denominator));
        break;
      case 'WORK_WARNING': {
        const bytes = keepBytes(connection, packet.data);
        this.tell({ type: 'warning', bytes, text: new TextDecoder().decode(bytes) });
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
    switch (this.#state.name) {
      case 'waiting': {
        const timeoutMs = this.#ranOut(this.settings.submitTimeoutMs);
        this.#fail({ type: 'timeout', error: this.host.submitTimeout(this.functionName, timeoutMs) });
        break;
      }
      case 'submitted': {
        const timeoutMs = this.#ranOut(this.settings.createdTimeoutMs);
        if (this.settings.cancelOnTimeout) this.#cancelQuietly();
        this.#fail({ type: 'timeout', error: this.#unknown(`it did not answer within ${timeoutMs} ms`) });
        break;
      }
      case 'created': {
        const timeoutMs = this.#ranOut(this.settings.responseTimeoutMs);
        const error = new ResponseTimeoutError(this.functionName, timeoutMs, this.#ref);
        if (this.settings.cancelOnTimeout) this.#cancelQuietly();
        this.#fail({ type: 'timeout', error });
        break;
      }
      case 'retrying':
        this.#state = WAITING;
        this.host.resend(this);
        break;
      default:
    }
  }

  /** @internal */
  onAbort(cause: unknown): void {
    if (this.settings.cancelOnAbort) this.#cancelQuietly();
    this.giveUp('was aborted by its signal', { cause });
  }

  /** @internal */
  onUnsendable(
    error: NoServersError | OverflowError | PayloadError | ValidationError | ClosedError | UnsupportedError,
  ): void {
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

  protected override past(): readonly JobEvent<O>[] {
    const events: JobEvent<O>[] = [];
    // Those of a job with several attempts are in its history, each in its place.
    if (this.attempts === undefined) {
      if (this.#connection !== undefined) events.push({ type: 'submitted', server: this.#connection.server });
      if (this.#ref !== undefined) events.push({ type: 'created', ref: this.#ref });
    }
    events.push(...this.told);
    if ('event' in this.#state) events.push(this.#state.event);
    return events;
  }

  /** Where it was sent last. @internal */
  protected get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Ends it here; the server is not told. @internal */
  protected giveUp(how: string, options?: ErrorOptions): void {
    if (this.done) return;
    const sent = this.#state.name !== 'waiting' || this.attempts?.earlier !== undefined;
    const error = new JobCancelledError(this.functionName, how, sent, options);
    this.#fail({ type: 'cancelled', error });
  }

  /**
   * Asks its server to end it, as soon as its handle is known. To be called before it is over here.
   *
   * @internal
   */
  protected cancelOnServer(): Promise<CancelOutcome> {
    const { name } = this.#state;
    if (this.#ref !== undefined && name === 'created') return this.host.cancel(this.#ref);
    if (name !== 'submitted') return Promise.resolve(name === 'waiting' ? 'removed' : 'unknown');
    return new Promise((resolve) => {
      this.#onLateRef = (ref) => resolve(ref === undefined ? 'unknown' : this.host.cancel(ref));
    });
  }

  // Apart, because whoever builds a closure in a function pays for it in every call.
  #watchOver(attempts: Attempts<JobFailure>, connection: Connection, handle: string): void {
    attempts.created(connection, handle, () => {
      this.#fail({ type: 'lost', error: this.#unknown('it took the job and then forgot it') });
    });
  }

  /** Nobody waits for the answer. */
  #cancelQuietly(): void {
    this.cancelOnServer().catch(() => {});
  }

  /** Whether a server may make it one with another job: its unique id is said to be that of others, or it is its own. */
  get #shares(): boolean {
    const { uniqueId = '', sharesJobs } = this.settings;
    return this.attempts !== undefined || uniqueId !== '' || sharesJobs;
  }

  #isStepTold(type: 'submitted' | 'created'): boolean {
    return this.attempts !== undefined || this.isHeard(type);
  }

  /** A step on the way: told to who listens, remembered where {@link past} cannot tell it from the state. */
  #step(event: JobEvent<O>): void {
    if (this.attempts !== undefined) this.tell(event);
    else this.emit(event);
  }

  #complete(last: Buffer): void {
    const bytes = this.completeParts(last);
    let value: Awaitable<O>;
    try {
      value = this.format.decode(bytes);
    } catch (error) {
      // A format throws nothing else.
      this.#fail({ type: 'fail', error: error as ValidationError });
      return;
    }
    if (value instanceof Promise) this.#completeLater(value, bytes);
    else this.#completeWith(value, bytes);
  }

  /** The result is here and has to be checked: no time-out and no server can take it away any more. */
  #completeLater(value: Promise<O>, bytes: Buffer): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
    value.then(
      (checked) => {
        if (!this.done) this.#completeWith(checked, bytes);
      },
      (error: ValidationError) => {
        if (!this.done) this.#fail({ type: 'fail', error });
      },
    );
  }

  #completeWith(value: O, bytes: Buffer): void {
    const event = { type: 'complete', value, bytes } as const;
    this.#state = { name: 'complete', event };
    this.#end(event);
  }

  #fail(failure: JobFailure): void {
    const delayMs = this.attempts?.next(failure);
    if (delayMs !== undefined) {
      this.#retry(failure, delayMs);
      return;
    }
    const event = this.attempts?.verdict(failure) ?? failure;
    this.#state = { name: 'failed', event };
    this.failParts(event.error);
    this.#end(event);
  }

  /** Starts again from the beginning after `delayMs`: with a new handle, and without what came so far. */
  #retry({ error }: JobFailure, delayMs: number): void {
    const attempt = this.attempts?.count ?? 1;
    this.#ref = undefined;
    this.restartParts(error);
    this.#state = { name: 'retrying', attempt, delayMs, error };
    this.deadlineMs = this.host.deadlineAfter(delayMs);
    this.tell({ type: 'retry', attempt, delayMs, error });
    this.look();
  }

  /** The state has just become final: frees what only a living job needs, then tells everybody. */
  #end(event: JobCompletion<O> | JobFailure): void {
    this.packet = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.forgetParts();
    this.attempts?.end();
    this.host.settle(this);
    if (this.isHeard(event.type)) this.emit(event);
    this.look();
  }

  #unknown(reason: string, cause?: Error): SubmitUnknownError {
    const server = this.#connection?.server ?? '';
    const options = cause === undefined ? undefined : { cause };
    return new SubmitUnknownError(this.functionName, server, reason, options);
  }

  /** The time-out that has just run out: that of the stage, unless one for longer has. */
  #ranOut(stageMs: number): number {
    return this.attempts?.ranOut(stageMs) ?? stageMs;
  }

  /** Its reference, for those who are called by packets that carry its handle. */
  #created(): JobRef {
    return this.#ref as JobRef;
  }
}

const WAITING = { name: 'waiting' } as const;
