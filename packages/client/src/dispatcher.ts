import type { ClosedError, Connection, ConnectionLostError, Pool, PoolUser } from '@gearman/pool';
import type { Packet } from '@gearman/protocol';
import { Deadlines } from './deadlines.ts';
import { HandleTable, type WorkListener } from './handle-table.ts';
import type { Submission } from './submission.ts';

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
  readonly #tables = new Map<Connection, HandleTable>();
  readonly #aborts = new Map<Submission, () => void>();
  readonly #detach: () => void;
  #fresh: Submission[] = [];
  #waiting = new Set<Submission>();
  #serverWait: AbortController | undefined;
  #whenEmpty: (() => void) | undefined;
  #closed: ClosedError | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#deadlines = new Deadlines(pool.settings.clock, this.#live);
    this.#detach = pool.attach(this);
  }

  /** Jobs that were submitted and are not over. */
  get size(): number {
    return this.#live.size;
  }

  submit(submission: Submission, signal: AbortSignal | undefined): void {
    this.#live.add(submission);
    this.#pool.hold();
    if (signal?.aborted === true) {
      // Not now: whoever submits wants to listen first.
      queueMicrotask(() => submission.onAbort(signal.reason));
      return;
    }
    if (signal !== undefined) this.#listenTo(signal, submission);
    this.#fresh.push(submission);
    if (this.#fresh.length === 1) queueMicrotask(() => this.#sendFresh());
  }

  /** A submission is over. */
  settle(submission: Submission): void {
    if (!this.#live.delete(submission)) return;
    this.#pool.release();
    if (this.#aborts.size > 0) {
      this.#aborts.get(submission)?.();
      this.#aborts.delete(submission);
    }
    if (this.#waiting.delete(submission) && this.#waiting.size === 0) this.#serverWait?.abort();
    if (this.#live.size === 0) this.#whenEmpty?.();
  }

  /** From now on a job hears what comes for its handle. */
  listen(connection: Connection, handle: string, listener: WorkListener): void {
    let table = this.#tables.get(connection);
    if (table === undefined) {
      table = new HandleTable(connection);
      this.#tables.set(connection, table);
    }
    table.add(handle, listener);
  }

  /** The moment `delayMs` from now, at which `onDeadline` of the submission that carries it is called. */
  deadlineAfter(delayMs: number): number {
    return this.#deadlines.after(delayMs);
  }

  onPacket(connection: Connection, packet: Packet): void {
    switch (packet.type) {
      case 'WORK_COMPLETE':
      case 'WORK_DATA':
      case 'WORK_STATUS':
      case 'WORK_WARNING':
      case 'WORK_FAIL':
      case 'WORK_EXCEPTION':
        this.#tables.get(connection)?.deliver(packet);
        break;
      default:
    }
  }

  onLost(connection: Connection, error: ConnectionLostError): void {
    const table = this.#tables.get(connection);
    this.#tables.delete(connection);
    table?.lose(error);
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
    this.#tables.clear();
    this.#deadlines.close();
    this.#detach();
  }

  #sendFresh(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const submission of fresh) {
      // It may have been given up in the meantime.
      if (!this.#live.has(submission)) continue;
      if (this.#closed !== undefined) submission.onClosed(this.#closed);
      else if (this.#waiting.size > 0 || !this.#send(submission)) this.#wait(submission);
    }
  }

  #send(submission: Submission): boolean {
    const { packet, settings } = submission;
    if (packet === undefined) return false;
    // A generated id is like none: only what callers say is the same must meet on one server.
    const routeBy = settings.uniqueId === undefined ? undefined : packet.uniqueId;
    const connection = this.#pool.pick(routeBy);
    if (connection === undefined) return false;
    // The deadline is watched here and not there: a late answer still tells which handle the job has.
    if (!connection.request(packet, submission, Number.POSITIVE_INFINITY)) return false;
    submission.packet = undefined;
    submission.deadlineMs = this.#deadlines.after(settings.createdTimeoutMs);
    submission.onSent(connection);
    return true;
  }

  #wait(submission: Submission): void {
    submission.deadlineMs = this.#deadlines.after(submission.settings.submitTimeoutMs);
    this.#waiting.add(submission);
    if (this.#serverWait === undefined) void this.#waitForServer();
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

  #listenTo(signal: AbortSignal, submission: Submission): void {
    const onAbort = (): void => submission.onAbort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#aborts.set(submission, () => signal.removeEventListener('abort', onAbort));
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
