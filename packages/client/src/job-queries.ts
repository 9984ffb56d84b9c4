import { type Observable, TypedEmitter } from '@gearman/events';
import { ClosedError, type Pool, type ReadyOptions } from '@gearman/pool';
import { JobRef, request } from '@gearman/protocol';
import { Canceller } from './canceller.ts';
import type { ClientEvent } from './client-events.ts';
import type { CancelOutcome } from './job-host.ts';
import { queryResult, type ResultOptions } from './kept-result.ts';
import { type Payload, toBytes } from './payload.ts';
import {
  acquire,
  type JobStatus,
  type QueryOptions,
  queryStatus,
  queryStatusByUnique,
  queryStatuses,
  type UniqueJobStatus,
} from './status.ts';
import { watchStatus$ } from './status-watch.ts';
import { abortable } from './wait-for.ts';

/** The answer to {@link JobQueries.echo}. */
export interface Echo {
  /** What was sent, as it came back. */
  readonly data: Uint8Array;
  /** From request to answer, in milliseconds. */
  readonly rttMs: number;
  /** Who answered, as `host:port`. */
  readonly server: string;
}

/** What a client asks servers about jobs and about themselves. */
export abstract class JobQueries extends TypedEmitter<ClientEvent> {
  /** The connections, for events, server states and whatever else is about them. */
  readonly pool: Pool;
  #canceller: Canceller | undefined;

  /** @internal */
  constructor(pool: Pool) {
    super();
    this.pool = pool;
  }

  /** True once the client was closed. @internal */
  protected abstract get isClosed(): boolean;

  /**
   * Waits until servers are connected. Never required: calls wait by themselves.
   *
   * @param options `atLeast`: how many, default `'any'`; `timeoutMs`: in milliseconds, default 10,000; `signal`
   * @returns a promise of the client; it rejects with `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_CLOSED` or the signal's reason
   */
  async ready(options: ReadyOptions = {}): Promise<this> {
    await this.openPool().ready(options);
    return this;
  }

  /**
   * Asks for the state of a job, foreground or background, of whatever client.
   *
   * @param job a reference, also as text, whose server is asked; or a bare handle, for which every connected server is
   * @returns a promise that rejects with `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_REPLY_TIMEOUT`,
   * `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_CLOSED`, `ERR_GEARMAN_INVALID_ARGUMENT`, or the signal's reason
   */
  async status(job: JobRef | string, options: QueryOptions = {}): Promise<JobStatus> {
    return queryStatus(this.openPool(), job, options);
  }

  /**
   * Asks for the result of a job that is over, of whatever client: a server keeps those of jobs submitted with
   * `keepResult`, and of functions that it was told so of.
   *
   * @param job a reference, also as text
   * @param options `waitMs`: how long to wait for a job that is not over yet
   * @returns a promise of the result. It rejects with what the job failed with (`ERR_GEARMAN_JOB_FAILED`,
   * `ERR_GEARMAN_JOB_EXCEPTION`), `ERR_GEARMAN_RESPONSE_TIMEOUT` when it is not over in time, `ERR_GEARMAN_NO_RESULT` when
   * there is none, `ERR_GEARMAN_UNSUPPORTED` for other servers, or as {@link status}
   */
  async result(job: JobRef | string, options: ResultOptions = {}): Promise<Buffer> {
    return queryResult(this.openPool(), job, options);
  }

  /**
   * Asks for the states of many jobs at once, without waiting for one answer before the next question.
   *
   * @returns a promise of the states in the order of the jobs; it rejects as {@link status}, with the first failure
   */
  async statusMany(
    jobs: Iterable<JobRef | string>,
    options: QueryOptions = {},
  ): Promise<readonly JobStatus[]> {
    return queryStatuses(this.openPool(), [...jobs], options);
  }

  /**
   * Asks every connected server for the job with a unique id, whatever its function. Otherwise as {@link status}.
   *
   * @param uniqueId at most 63 bytes: gearmand does not answer longer ones
   */
  async statusByUnique(uniqueId: string, options: QueryOptions = {}): Promise<UniqueJobStatus> {
    return queryStatusByUnique(this.openPool(), uniqueId, options);
  }

  /** {@link statusByUnique} of many at once, as {@link statusMany}. */
  async statusManyByUnique(
    uniqueIds: Iterable<string>,
    options: QueryOptions = {},
  ): Promise<readonly UniqueJobStatus[]> {
    const pool = this.openPool();
    return Promise.all([...uniqueIds].map((uniqueId) => queryStatusByUnique(pool, uniqueId, options)));
  }

  /**
   * A cold Observable of a job's states: it asks on subscribe, and again `intervalMs` after each answer, until no server
   * knows the job; that state is its last. It errors with what {@link status} rejects with, and does not keep the
   * process alive between questions.
   *
   * @param options `intervalMs`: in milliseconds, default 1000; `timeoutMs` and `signal` as for {@link status}
   */
  watch$(
    job: JobRef | string,
    options: QueryOptions & { readonly intervalMs?: number } = {},
  ): Observable<JobStatus> {
    const { clock } = this.pool.settings;
    return watchStatus$(() => this.status(job, options), clock, options.intervalMs ?? 1000);
  }

  /**
   * Asks a server to end a job, for all who wait for it. Uses the text command `cancel job`, on a connection of its own
   * that is closed afterwards; a server that serves text elsewhere, or not to everybody, refuses.
   *
   * gearmand fails the job for its clients and forgets a waiting one once a worker would get it. A worker that has the
   * job is not told: it goes on, and in gearmand its result still comes to clients that wait. Our own server ends the
   * job for good at once.
   *
   * @param job its reference, also as text
   * @returns a promise of `removed` (it waited), `signalled` (a worker has it) or `unknown` (there is none). Rejects as
   * {@link status}, and with `ERR_GEARMAN_UNSUPPORTED` when the server has no such command
   */
  async cancel(job: JobRef | string, options: QueryOptions = {}): Promise<CancelOutcome> {
    const ref = typeof job === 'string' ? JobRef.parse(job) : job;
    this.#canceller ??= new Canceller(this.openPool());
    return this.#canceller.cancel(ref, options);
  }

  /**
   * Sends bytes to a server and back, to see whether it is there and how fast. Rejects as {@link status}.
   *
   * @param options `server`: which one, as `host:port`; any connected one when left out
   */
  async echo(data?: Payload, options: QueryOptions & { readonly server?: string } = {}): Promise<Echo> {
    const packet = request('ECHO_REQ', { data: toBytes(data) });
    const connection = await acquire(this.openPool(), options.server, options);
    const { clock } = this.pool.settings;
    const startMs = clock.monotonicMs();
    const reply = await abortable(connection.ask(packet, options.timeoutMs), options.signal);
    return { data: reply.data, rttMs: clock.monotonicMs() - startMs, server: connection.server };
  }

  /**
   * Asks every server for an option, now and on every later connect. A refusal is an `option-refused` event.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` unless the name is 1 to 63 bytes
   */
  setOption(option: string): void {
    this.pool.setOption(option);
  }

  /** The pool of a client that is open; a shared one outlives it. @internal */
  protected openPool(): Pool {
    if (this.isClosed) throw new ClosedError('the client is closed');
    return this.pool;
  }
}
