import type { EventOf } from '@gearman/events';
import {
  type ClosedError,
  type Connection,
  NoServersError,
  type Pool,
  type PoolEvent,
  type PoolUser,
  UnsupportedError,
} from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { AbortWatch } from './abort-watch.ts';
import { OverflowError } from './collection-errors.ts';
import { Deadlines } from './deadlines.ts';
import type { WorkListener } from './handle-table.ts';
import { type PoolHandles, poolHandles } from './pool-handles.ts';
import { sendPacket } from './send-packet.ts';
import type { Submission, SubmitPacket } from './submission.ts';

/**
 * Sends the jobs of a client and brings what servers say about them to the right one.
 *
 * A job is sent at the end of the turn in which it was submitted, so that whoever submitted it can listen first, and
 * in the order of submits, also when they had to wait for a server.
 */
export class Dispatcher implements PoolUser {
  readonly #pool: Pool;
  readonly #live = new Set<Submission>();
  readonly #deadlines: Deadlines;
  readonly #handles: PoolHandles;
  readonly #maxPending: number;
  readonly #aborts = new AbortWatch();
  readonly #detach: () => void;
  #fresh: Submission[] = [];
  #waiting = new Set<Submission>();
  // Those that only one server may have.
  readonly #pinned = new Set<Submission>();
  #serverWait: AbortController | undefined;
  #whenEmpty: (() => void) | undefined;
  #closed: ClosedError | undefined;
  #isAbandoned = false;

  /** @param maxPending most jobs that may be submitted and not over */
  constructor(pool: Pool, maxPending: number) {
    this.#pool = pool;
    this.#maxPending = maxPending;
    this.#handles = poolHandles(pool);
    this.#deadlines = new Deadlines(pool.settings.clock, this.#live);
    this.#detach = pool.attach(this);
    pool.on('state', this.#onState);
  }

  /** Jobs that were submitted and are not over. */
  get size(): number {
    return this.#live.size;
  }

  /** @throws InvalidArgumentError when the job is for a server that the pool does not have */
  submit(submission: Submission, signal: AbortSignal | undefined): void {
    this.#checkServer(submission.settings.server);
    if (this.admit(submission, signal)) this.send(submission);
  }

  /**
   * Takes a submission in whose packet is still to come: {@link send} is called then.
   *
   * @returns false when it ends at once
   */
  admit(submission: Submission, signal: AbortSignal | undefined): boolean {
    if (this.#live.size >= this.#maxPending) {
      queueMicrotask(() => submission.onUnsendable(tooMany(this.#maxPending)));
      return false;
    }
    this.#live.add(submission);
    this.#pool.hold();
    if (signal?.aborted === true) {
      // Not now: whoever submits wants to listen first.
      queueMicrotask(() => submission.onAbort(signal.reason));
      return false;
    }
    if (signal !== undefined) this.#aborts.add(signal, submission);
    return true;
  }

  /** Sends a submission that is not over, at the end of this turn. */
  send(submission: Submission): void {
    this.#fresh.push(submission);
    if (this.#fresh.length === 1) queueMicrotask(() => this.#sendFresh());
  }

  /** Sends a submission again that is not over. */
  resend(submission: Submission): void {
    submission.packet = submission.attempts?.packet;
    this.send(submission);
  }

  /** A submission is over. */
  settle(submission: Submission): void {
    if (!this.#live.delete(submission)) return;
    this.#pool.release();
    this.#aborts.delete(submission);
    if (this.#waiting.delete(submission) && this.#waiting.size === 0) this.#serverWait?.abort();
    if (this.#pinned.size > 0) this.#pinned.delete(submission);
    if (this.#live.size === 0) this.#whenEmpty?.();
  }

  /** From now on a job hears what comes for its handle. */
  listen(connection: Connection, handle: string, listener: WorkListener, shares: boolean): boolean {
    return this.#handles.listen(connection, handle, listener, shares);
  }

  /** The moment `delayMs` from now, at which `onDeadline` of the submission that carries it is called. */
  deadlineAfter(delayMs: number): number {
    return this.#deadlines.after(delayMs);
  }

  onReady({ server }: Connection): void {
    for (const submission of [...this.#pinned]) {
      if (serverOf(submission) === server && this.#send(submission)) this.#pinned.delete(submission);
    }
  }

  /**
   * Sends what was submitted, ends what has no acknowledgement to wait for, and waits for the others.
   *
   * @returns a promise that resolves when all are over, after `timeoutMs` at the latest
   */
  async close(error: ClosedError, timeoutMs: number): Promise<void> {
    this.#sendFresh();
    this.#closed = error;
    for (const submission of [...this.#live]) submission.onClosing(error);
    if (this.#live.size > 0) await this.#empty(timeoutMs);
    this.abandon(error);
  }

  /** Ends everything now. */
  abandon(error: ClosedError): void {
    this.#closed = error;
    for (const submission of [...this.#live]) submission.onClosed(error);
    // Client and pool may both be closed, one after the other.
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#deadlines.close();
    this.#detach();
    this.#pool.off('state', this.#onState);
    this.#handles.release();
  }

  #sendFresh(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const submission of fresh) {
      // It may have been given up in the meantime.
      if (!this.#live.has(submission)) continue;
      if (this.#closed !== undefined) submission.onClosed(this.#closed);
      else if (this.#mustWait(submission) || !this.#send(submission)) this.#wait(submission);
    }
  }

  /** Nobody overtakes those who wait for any server. */
  #mustWait(submission: Submission): boolean {
    return this.#waiting.size > 0 && serverOf(submission) === undefined;
  }

  #checkServer(server: string | undefined): void {
    if (server === undefined || this.#pool.connection(server) !== undefined) return;
    const known = this.#pool.servers.map((state) => state.server).join(', ');
    throw new InvalidArgumentError(`${server} is not one of this client's servers (${known})`);
  }

  #send(submission: Submission): boolean {
    const { packet, settings, attempts } = submission;
    if (packet === undefined) return false;
    const connection = this.#pick(submission, packet);
    if (connection === undefined) return false;
    if (packet.type === 'SUBMIT_JOB_WITH' && !this.#isUnderstood(submission, connection)) return true;
    const handler = attempts === undefined ? submission : attempts.begin(submission, connection);
    // The deadline is watched here and not there: a late answer still tells which handle the job has.
    if (!sendPacket(connection, packet, handler)) return false;
    submission.packet = undefined;
    const waitMs = settings.createdTimeoutMs;
    submission.deadlineMs = this.#deadlines.after(attempts?.within(waitMs) ?? waitMs);
    submission.onSent(connection);
    return true;
  }

  /** False when the job has to come again, or is over: its server does not know what the job needs, or was not asked yet. */
  #isUnderstood(submission: Submission, connection: Connection): boolean {
    const has = connection.has('x-submit', () => {
      if (this.#live.has(submission)) this.send(submission);
    });
    if (has === false) submission.onUnsendable(noRules(connection.server));
    else if (has === undefined) {
      const waitMs = submission.settings.submitTimeoutMs;
      submission.deadlineMs = this.#deadlines.after(submission.attempts?.within(waitMs) ?? waitMs);
    }
    return has === true;
  }

  #pick(submission: Submission, packet: SubmitPacket): Connection | undefined {
    const server = serverOf(submission);
    if (server !== undefined) {
      const connection = this.#pool.connection(server);
      return connection?.ready === true ? connection : undefined;
    }
    // A generated id is like none: only what callers say is the same must meet on one server.
    const uniqueId = submission.settings.uniqueId === undefined ? undefined : packet.uniqueId;
    return this.#pool.pick(uniqueId, packet.functionName);
  }

  #wait(submission: Submission): void {
    const waitMs = submission.settings.submitTimeoutMs;
    submission.deadlineMs = this.#deadlines.after(submission.attempts?.within(waitMs) ?? waitMs);
    const server = serverOf(submission);
    if (server !== undefined) {
      this.#pinned.add(submission);
      const state = this.#pool.connection(server)?.state.name ?? 'closed';
      if (state === 'closed') this.#failPinned(server);
      return;
    }
    this.#waiting.add(submission);
    if (this.#serverWait === undefined) void this.#waitForServer();
  }

  readonly #onState = ({ server, to }: EventOf<PoolEvent, 'state'>): void => {
    if (to === 'closed' && this.#pinned.size > 0 && !this.#pool.closed) this.#failPinned(server);
  };

  /** A server was given up, or taken away: those who can go to no other end. */
  #failPinned(server: string): void {
    const error = this.#pool.connection(server)?.lastError;
    const reason = error?.message ?? 'it is not one of the servers any more';
    const failure = new NoServersError(`${server} was given up (${reason})`, [{ server, error }]);
    for (const submission of [...this.#pinned]) {
      if (serverOf(submission) === server) submission.onUnsendable(failure);
    }
  }

  async #waitForServer(): Promise<void> {
    const wait = new AbortController();
    this.#serverWait = wait;
    try {
      await this.#pool.acquire({ timeoutMs: Number.POSITIVE_INFINITY, signal: wait.signal });
      this.#serverWait = undefined;
      this.#sendWaiting();
    } catch (error) {
      this.#serverWait = undefined;
      if (!wait.signal.aborted) this.#failWaiting(error);
    }
    // Somebody may have come while the wait for others was being given up.
    if (this.#waiting.size > 0 && this.#serverWait === undefined) await this.#waitForServer();
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const submission of waiting) {
      if (this.#live.has(submission) && !this.#send(submission)) this.#waiting.add(submission);
    }
  }

  #failWaiting(error: unknown): void {
    // acquire() without a time-out rejects with these two only.
    const reason = error as Parameters<Submission['onUnsendable']>[0];
    for (const submission of [...this.#waiting]) submission.onUnsendable(reason);
  }

  #empty(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#pool.settings.clock.setTimer(timeoutMs, resolve);
      this.#whenEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** The only server that may have it. */
function serverOf({ attempts, settings }: Submission): string | undefined {
  return attempts?.server ?? settings.server;
}

function noRules(server: string): UnsupportedError {
  const what = 'serverRetry, ttlMs, deadline, delayMs or keepResult';
  const message = `${server} does not know the extension x-submit, which ${what} needs; nothing was submitted`;
  return new UnsupportedError(server, 'x-submit', undefined, message);
}

function tooMany(maxPending: number): OverflowError {
  const remedy = 'nothing was sent; wait until some are over, or raise it';
  return new OverflowError(`${maxPending} jobs are not over yet`, 'maxPending', maxPending, remedy);
}
