import type { Clock } from '@gearman/events';
import { type Connection, NoServersError, type ReplyHandler, ServerError } from '@gearman/pool';
import type { GearmanError } from '@gearman/protocol';
import { AliveCheck } from './alive-check.ts';
import {
  JobExceptionError,
  JobLostError,
  QueueFullError,
  ResponseTimeoutError,
  SubmitTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
import type { WorkListener, WorkPacket } from './handle-table.ts';
import type { JobHost } from './job-host.ts';
import type { JobSettings } from './job-settings.ts';
import { retryDelayMs } from './retry.ts';
import type { CreatedPacket, Submission, SubmitPacket } from './submission.ts';

// How often a job is sent again whose acknowledgement did not come, when `retries` does not say.
const RESUBMITS = 3;

/** One attempt's ears. Those of attempts that were given up stay, because the server goes on answering, and are deaf. */
class Attempt implements ReplyHandler<CreatedPacket>, WorkListener {
  readonly #submission: Submission & Partial<WorkListener>;
  readonly #connection: Connection;
  readonly #host: JobHost;

  constructor(submission: Submission & Partial<WorkListener>, connection: Connection, host: JobHost) {
    this.#submission = submission;
    this.#connection = connection;
    this.#host = host;
  }

  get #isCurrent(): boolean {
    return this.#submission.attempts?.current === this;
  }

  onReply(packet: CreatedPacket): void {
    if (this.#isCurrent) this.#submission.onReply(packet);
    // The server counts it among those who listen to the handle.
    else if (this.#submission.onWork !== undefined) {
      this.#host.listen(this.#connection, packet.handle, this, true);
    }
  }

  onReplyError(error: GearmanError): void {
    if (this.#isCurrent) this.#submission.onReplyError(error);
  }

  onWork(packet: WorkPacket, connection: Connection): void {
    if (this.#isCurrent) this.#submission.onWork?.(packet, connection);
  }

  onConnectionLost(error: Error): void {
    if (this.#isCurrent) this.#submission.onConnectionLost?.(error);
  }
}

/** How an attempt has failed. */
interface Failure {
  readonly error: GearmanError;
}

/**
 * What lets a job be tried more than once. It keeps the payload, so it is built for those jobs only whose options say
 * that they may be, and lets go of it as soon as they may no more.
 */
export class Attempts<F extends Failure = Failure> {
  /** Attempts begun, this one included. */
  count = 1;
  /** The one whose answers count. */
  current: Attempt | undefined;
  /** The only server that may be tried: the one that may have the job already. */
  server: string | undefined;
  /** The last failure after which the job may have been left somewhere. */
  earlier: F | undefined;
  #packet: SubmitPacket | undefined;
  readonly #settings: JobSettings;
  readonly #host: JobHost;
  readonly #clock: Clock;
  readonly #startMs: number;
  #tryEndMs: number;
  #connection: Connection | undefined;
  #aliveCheck: AliveCheck | undefined;
  #retries = 0;
  #resubmits = 0;
  #fullTimes = 0;

  constructor(packet: SubmitPacket, settings: JobSettings, host: JobHost) {
    this.#packet = packet;
    this.#settings = settings;
    this.#host = host;
    this.#clock = host.clock;
    this.#startMs = this.#clock.monotonicMs();
    this.#tryEndMs = this.#startMs + settings.tryTimeoutMs;
  }

  /** The attempt is about to be sent; the result hears the answer. */
  begin(submission: Submission, connection: Connection): Attempt {
    this.#connection = connection;
    this.current = new Attempt(submission, connection, this.#host);
    return this.current;
  }

  /**
   * A server has taken the job. What was sent before may still be there as an abandoned job, which this one has joined
   * then: that is found out.
   *
   * @param onForgotten the server does not know the job any more
   */
  created(connection: Connection, handle: string, onForgotten: () => void): void {
    if (this.count > 1 && this.#packet !== undefined && this.#packet.uniqueId !== '') {
      this.#aliveCheck = new AliveCheck(this.#clock, connection, handle, onForgotten);
    } else if (this.#settings.retries === undefined) this.#packet = undefined;
  }

  /**
   * The delay before the next attempt, in milliseconds; undefined when there is none. A number is a promise: the caller
   * goes on then.
   */
  next(failure: F): number | undefined {
    const { error } = failure;
    const delayMs = this.#packet === undefined ? undefined : this.#delayAfter(error);
    if (delayMs === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs + delayMs >= this.#startMs + this.#limitMs(error)) return undefined;
    if (!leavesNothing(error)) this.earlier = failure;
    if (error instanceof SubmitUnknownError && this.#settings.resubmit === 'if-unique') {
      this.server = this.#connection?.server;
    }
    this.#aliveCheck?.stop();
    this.current = undefined;
    this.count++;
    this.#tryEndMs = nowMs + delayMs + this.#settings.tryTimeoutMs;
    return delayMs;
  }

  /** What to send once more. */
  get packet(): SubmitPacket | undefined {
    return this.#packet;
  }

  /** What to tell of all attempts: "never sent" is no answer when an earlier one was. */
  verdict(last: F): F {
    return this.earlier !== undefined && leavesNothing(last.error) ? this.earlier : last;
  }

  /** `stageMs`, or less if the time for the attempt or for the whole ends before. In milliseconds from now. */
  within(stageMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    const endMs = Math.min(this.#startMs + this.#settings.timeoutMs, this.#tryEndMs);
    return Math.max(0, Math.min(stageMs, endMs - nowMs));
  }

  /** Which of the time-outs has just run out, in milliseconds. */
  ranOut(stageMs: number): number {
    const { timeoutMs, tryTimeoutMs } = this.#settings;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#startMs + timeoutMs) return timeoutMs;
    return nowMs >= this.#tryEndMs ? tryTimeoutMs : stageMs;
  }

  /** The job is over. */
  end(): void {
    this.#aliveCheck?.stop();
    this.#packet = undefined;
  }

  #delayAfter(error: GearmanError): number | undefined {
    const { retries, onQueueFull } = this.#settings;
    const random = this.#host.random();
    if (error instanceof SubmitUnknownError) {
      if (!this.#mayResubmit() || this.#resubmits >= (retries?.limit ?? RESUBMITS)) return undefined;
      return retryDelayMs(++this.#resubmits, retries, random);
    }
    if (error instanceof QueueFullError && onQueueFull === 'wait') {
      return retryDelayMs(++this.#fullTimes, retries, random);
    }
    if (retries === undefined || this.#retries >= retries.limit || isFinal(error)) return undefined;
    const wanted = retries.retryIf === undefined ? this.#isTrouble(error) : retries.retryIf(error);
    return wanted ? retryDelayMs(++this.#retries, retries, random) : undefined;
  }

  #mayResubmit(): boolean {
    const { resubmit, uniqueId } = this.#settings;
    return resubmit === 'always' || (resubmit === 'if-unique' && uniqueId !== undefined && uniqueId !== '');
  }

  /** What is tried again unless the caller decides: what went wrong on the way, not in the worker. */
  #isTrouble(error: GearmanError): boolean {
    if (error instanceof ResponseTimeoutError) return error.timeoutMs === this.#settings.tryTimeoutMs;
    return (
      error instanceof QueueFullError ||
      error instanceof NoServersError ||
      error instanceof SubmitTimeoutError ||
      error instanceof JobLostError
    );
  }

  /** How long all attempts together may take. A full queue is a job that nobody has accepted yet. */
  #limitMs(error: GearmanError): number {
    const { timeoutMs, submitTimeoutMs, onQueueFull } = this.#settings;
    const waits = error instanceof QueueFullError && onQueueFull === 'wait';
    return waits ? Math.min(timeoutMs, submitTimeoutMs) : timeoutMs;
  }
}

/** True for failures after which no server has the job. */
function leavesNothing(error: GearmanError): boolean {
  return (
    error instanceof SubmitTimeoutError ||
    error instanceof NoServersError ||
    error instanceof QueueFullError ||
    error instanceof ServerError
  );
}

const FINAL_CODES: readonly string[] = [
  'ERR_GEARMAN_JOB_CANCELLED',
  'ERR_GEARMAN_CLOSED',
  'ERR_GEARMAN_INVALID_INPUT',
  'ERR_GEARMAN_INVALID_OUTPUT',
];

/** True for failures that no further attempt can mend, whatever the caller says. */
function isFinal(error: GearmanError): boolean {
  if (FINAL_CODES.includes(error.code)) return true;
  if (!(error instanceof JobExceptionError) || error.remote === undefined) return false;
  const { name, code } = error.remote;
  return name === 'NonRetryableError' || code === 'ERR_GEARMAN_INVALID_INPUT';
}
