import { type Observable, TypedEmitter } from '@gearman/events';
import { ClosedError, createPool, type Pool, type ServerFailure } from '@gearman/pool';
import { GearmanError, type JobRef, request, toFunctionName } from '@gearman/protocol';
import { BackgroundSubmission } from './background-submission.ts';
import type { ClientEvent } from './client-events.ts';
import { Dispatcher } from './dispatcher.ts';
import { SubmitTimeoutError } from './errors.ts';
import { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import type { JobHost } from './job-host.ts';
import { jobEvents$, jobResult$ } from './observables.ts';
import {
  type BackgroundOptions,
  type ClientOptions,
  type JobSettings,
  type ParsedClientOptions,
  parseBackgroundOptions,
  parseClientOptions,
  parseSubmitOptions,
  type SubmitOptions,
} from './options.ts';
import { type Payload, toBytes } from './payload.ts';
import {
  acquire,
  type JobStatus,
  type QueryOptions,
  queryStatus,
  queryStatusByUnique,
  type UniqueJobStatus,
} from './status.ts';
import { type SubmitPacket, submitPacket } from './submission.ts';
import { chooseUniqueId } from './unique-id.ts';
import { abortable } from './wait-for.ts';

/** What became of a job, without throwing. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: GearmanError };

/** The answer to {@link Client.echo}. */
export interface Echo {
  /** What was sent, as it came back. */
  readonly data: Uint8Array;
  /** From request to answer, in milliseconds. */
  readonly rttMs: number;
  /** Who answered, as `host:port`. */
  readonly server: string;
}

/**
 * Builds a client. It connects in the background, and again whenever it has to; an unreachable server is never an
 * error here, but in the job that waited for it.
 *
 * A client that waits for nothing lets the process end. With `{ pool }` it shares somebody else's connections.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong or unknown options
 */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(parseClientOptions(options));
}

/** Submits jobs. See {@link createClient}. */
export class Client extends TypedEmitter<ClientEvent> {
  /** The connections, for events, server states and whatever else is about them. */
  readonly pool: Pool;
  readonly #ownsPool: boolean;
  readonly #defaults: JobSettings;
  readonly #dispatcher: Dispatcher;
  readonly #host: JobHost;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createClient} */
  constructor({ pool, exceptions, defaults }: ParsedClientOptions) {
    super();
    this.#defaults = defaults;
    this.#ownsPool = 'own' in pool;
    this.pool = 'own' in pool ? createPool(pool.own) : pool.shared;
    if (exceptions) this.pool.setOption('exceptions');
    this.#dispatcher = new Dispatcher(this.pool);
    this.#host = this.#jobHost(this.#dispatcher);
    this.pool.on('event', this.#onPoolEvent);
  }

  /** Jobs that were submitted here and are not over; background jobs until the server has taken them. */
  get pending(): number {
    return this.#dispatcher.size;
  }

  /**
   * Submits a job and follows it to its result. It is sent at the end of this turn of the event loop, or when a server
   * is connected.
   *
   * @param functionName what a worker registered, at most 512 bytes
   * @param data bytes, or text that is sent as UTF-8. Bytes are not copied: leave them alone until the job was created
   * @returns a {@link Job}: await it, iterate over it, listen to it
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` at once, for arguments that can never be sent.
   * Everything else the job rejects with, see {@link Job}
   */
  submit(functionName: string, data?: Payload, options?: SubmitOptions): Job {
    const settings = parseSubmitOptions(options, this.#defaults);
    const packet = packetFor(false, functionName, data, settings);
    const job = new Job(this.#host, packet, functionName, settings, asBytes);
    this.#dispatcher.submit(job, settings.signal);
    return job;
  }

  /**
   * Submits a job that goes on without this client, and whose result nobody gets.
   *
   * @returns a promise of its reference, which the server gives once it has the job (a durable server: once it is
   * stored). Rejects with `ERR_GEARMAN_SUBMIT_TIMEOUT` (never sent), `ERR_GEARMAN_SUBMIT_UNKNOWN` (sent, and then no
   * answer or no connection: it may or may not run), `ERR_GEARMAN_QUEUE_FULL`, `ERR_GEARMAN_SERVER`,
   * `ERR_GEARMAN_JOB_CANCELLED`, `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_CLOSED` or `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  submitBackground(functionName: string, data?: Payload, options?: BackgroundOptions): Promise<JobRef> {
    // Whatever the executor throws, the promise rejects with.
    return new Promise((resolve, reject) => {
      const settings = parseBackgroundOptions(options, this.#defaults);
      const packet = packetFor(true, functionName, data, settings);
      const outcome = { resolve, reject };
      const submission = new BackgroundSubmission(this.#host, packet, functionName, settings, outcome);
      this.#dispatcher.submit(submission, settings.signal);
    });
  }

  /** Submits a job and returns what became of it instead of throwing. Errors that are not ours are thrown all the same. */
  async trySubmit(
    functionName: string,
    data?: Payload,
    options?: SubmitOptions,
  ): Promise<Outcome<Uint8Array>> {
    try {
      return { ok: true, value: await this.submit(functionName, data, options) };
    } catch (error) {
      if (error instanceof GearmanError) return { ok: false, error };
      throw error;
    }
  }

  /**
   * A cold Observable of a job's events: each subscriber submits a job of its own. It completes with the job and never
   * errors for one that failed; unsubscribing detaches from the job.
   */
  submit$(functionName: string, data?: Payload, options?: SubmitOptions): Observable<JobEvent> {
    return jobEvents$(() => this.submit(functionName, data, options));
  }

  /** A cold Observable of a job's result, otherwise as {@link submit$}. It errors with what the job rejects with. */
  result$(functionName: string, data?: Payload, options?: SubmitOptions): Observable<Uint8Array> {
    return jobResult$(() => this.submit(functionName, data, options));
  }

  /**
   * Asks for the state of a job, foreground or background, of whatever client.
   *
   * @param job a reference, also as text, whose server is asked; or a bare handle, for which every connected server is
   * @returns a promise that rejects with `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_REPLY_TIMEOUT`,
   * `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_CLOSED`, `ERR_GEARMAN_INVALID_ARGUMENT`, or the signal's reason
   */
  async status(job: JobRef | string, options: QueryOptions = {}): Promise<JobStatus> {
    return queryStatus(this.#openPool(), job, options);
  }

  /**
   * Asks every connected server for the job with a unique id, whatever its function. Otherwise as {@link status}.
   *
   * @param uniqueId at most 63 bytes: gearmand does not answer longer ones
   */
  async statusByUnique(uniqueId: string, options: QueryOptions = {}): Promise<UniqueJobStatus> {
    return queryStatusByUnique(this.#openPool(), uniqueId, options);
  }

  /**
   * Sends bytes to a server and back, to see whether it is there and how fast. Rejects as {@link status}.
   *
   * @param options `server`: which one, as `host:port`; any connected one when left out
   */
  async echo(data?: Payload, options: QueryOptions & { readonly server?: string } = {}): Promise<Echo> {
    const packet = request('ECHO_REQ', { data: toBytes(data) });
    const connection = await acquire(this.#openPool(), options.server, options);
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

  /**
   * Ends the client: sends what was submitted, ends foreground jobs that are not over with `ERR_GEARMAN_CLOSED`, waits
   * until the background jobs that were sent are acknowledged, then closes the connections, unless they are shared.
   *
   * @param options `timeoutMs`: how long acknowledgements, and then sending, may take, in milliseconds; default 5000.
   * Background jobs without acknowledgement then reject with `ERR_GEARMAN_SUBMIT_UNKNOWN`
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? 5000);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override isLast(event: ClientEvent): boolean {
    return event.type === 'close';
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.#dispatcher.close(new ClosedError('the client was closed before the job was over'), timeoutMs);
    if (this.#ownsPool) await this.pool.close({ timeoutMs });
    // A shared pool that was closed before has told so.
    else if (!this.pool.closed) {
      this.pool.off('event', this.#onPoolEvent);
      this.emit({ type: 'close' });
    }
  }

  readonly #onPoolEvent = (event: ClientEvent): void => {
    if (event.type === 'close') this.#dispatcher.abandon(new ClosedError('the pool was closed'));
    this.emit(event);
  };

  #jobHost(dispatcher: Dispatcher): JobHost {
    return {
      clock: this.pool.settings.clock,
      settle: (submission) => dispatcher.settle(submission),
      listen: (connection, handle, listener) => dispatcher.listen(connection, handle, listener),
      deadlineAfter: (delayMs) => dispatcher.deadlineAfter(delayMs),
      submitTimeout: (functionName, timeoutMs) =>
        new SubmitTimeoutError(functionName, timeoutMs, this.#failures()),
      wants: (type) => this.hasListeners(type),
      publish: (event, job) => this.emit({ ...event, job } as ClientEvent),
    };
  }

  /** The pool of a client that is open; a shared one outlives it. */
  #openPool(): Pool {
    if (this.#closing !== undefined) throw new ClosedError('the client is closed');
    return this.pool;
  }

  #failures(): ServerFailure[] {
    return this.pool.servers.map(({ server, lastError }) => ({ server, error: lastError }));
  }
}

function packetFor(
  background: boolean,
  functionName: string,
  data: Payload,
  settings: JobSettings,
): SubmitPacket {
  const name = toFunctionName(functionName);
  const workload = toBytes(data);
  const generate = settings.generateUnique ?? background;
  const uniqueId = chooseUniqueId(settings.uniqueId, generate, name, workload);
  return submitPacket(background, settings.priority, name, uniqueId, workload);
}

function asBytes(bytes: Uint8Array): Uint8Array {
  return bytes;
}
