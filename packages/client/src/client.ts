import { ClosedError, createPool, type Pool } from '@gearman/pool';
import type { JobRef } from '@gearman/protocol';
import type { CodecOptions, NoContracts, Registry } from '@gearman/protocol/payload';
import type {
  CallOf,
  Carried,
  CarriedBy,
  CarriedBytes,
  ContractOf,
  ContractOptions,
  PlainName,
  Target,
} from './calls.ts';
import type { ClientEvent } from './client-events.ts';
import {
  type CallTarget,
  ContractCalls,
  type GivenKnowledge,
  type PayloadKnowledge,
  takeKnowledge,
} from './contract-calls.ts';
import { Dispatcher } from './dispatcher.ts';
import { SubmitTimeoutError } from './errors.ts';
import { JobCalls } from './job-calls.ts';
import type { JobEvent } from './job-events.ts';
import type { JobHost } from './job-host.ts';
import { JobIntake, type RunAt } from './job-intake.ts';
import { parseDefaults } from './job-settings.ts';
import type { ClientMiddleware } from './middleware.ts';
import {
  type BackgroundOptions,
  type ClientOptions,
  type JobDefaults,
  type ParsedClientOptions,
  parseClientOptions,
} from './options.ts';
import type { Schedule } from './schedule.ts';
import type { ScheduleOptions } from './schedule-options.ts';

/**
 * Builds a client. It connects in the background, and again whenever it has to; an unreachable server is never an
 * error here, but in the job that waited for it.
 *
 * A client that waits for nothing lets the process end. With `{ pool }` it shares somebody else's connections.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong or unknown options
 */
export function createClient<const R extends Registry = NoContracts>(
  options?: ClientOptions &
    ContractOptions<R> & { readonly codec?: undefined; readonly encoding?: undefined },
): Client<R>;
export function createClient<const R extends Registry = NoContracts, V = string, P = string>(
  options: ClientOptions & ContractOptions<R> & CodecOptions<V, P>,
): Client<R, CarriedBy<V, P>>;
export function createClient(options: ClientOptions & GivenKnowledge = {}): Client<Registry, Carried> {
  const { knowledge, rest } = takeKnowledge(options);
  return new Client({ ...parseClientOptions(rest), knowledge });
}

type ClientOrigin = ParsedClientOptions & { readonly knowledge: PayloadKnowledge };

/** What a client is made of, and shares with those that {@link Client.with} makes of it. */
interface ClientParts {
  readonly pool: Pool;
  readonly ownsPool: boolean;
  readonly dispatcher: Dispatcher;
}

/** Submits jobs. See {@link createClient}. */
export class Client<R = NoContracts, D extends Carried = CarriedBytes> extends JobCalls<R, D> {
  readonly #parts: ClientParts;
  readonly #intake: JobIntake;
  /** The one this was made of, which hears of its jobs, too, and is closed with it. */
  readonly #parent: Client<R, D> | undefined;
  readonly #calls: ContractCalls;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createClient} */
  constructor(origin: ClientOrigin | { readonly client: Client<R, D>; readonly defaults: JobDefaults }) {
    const parts = 'client' in origin ? origin.client.#parts : partsOf(origin);
    super(parts.pool);
    this.#parts = parts;
    const host = this.#jobHost(parts.dispatcher);
    if ('client' in origin) {
      const { defaults, prefix, middleware } = origin.client.#intake;
      const settings = parseDefaults(origin.defaults, defaults);
      this.#parent = origin.client;
      this.#intake = new JobIntake(host, parts.dispatcher, settings, prefix, middleware);
    } else {
      this.#intake = new JobIntake(host, parts.dispatcher, origin.defaults, origin.prefix, []);
      if (origin.exceptions) this.pool.setOption('exceptions');
      this.pool.on('event', this.#onPoolEvent);
    }
    const { knowledge } = 'client' in origin ? origin.client.#calls : origin;
    this.#calls = new ContractCalls(this.#intake, knowledge);
  }

  /** Jobs that were submitted here and are not over; background jobs until the server has taken them. */
  get pending(): number {
    return this.#parts.dispatcher.size;
  }

  /**
   * Submits a background job that runs at a certain time, in normal priority. Otherwise as {@link submitBackground}.
   *
   * gearmand 1.1.20 wakes no worker at that time: the job waits until one asks for work. Servers count in seconds; the
   * time is rounded up. A time that is past means now. gearmand refuses it with some of its stores (`ERR_GEARMAN_SERVER`
   * with `QUEUE_ERROR`); a server that does not know the packet gives `ERR_GEARMAN_UNSUPPORTED`.
   *
   * @param when a `Date`, whole seconds since 1970, or `{ delayMs }`, counted with this machine's clock
   */
  submitAt<T extends Target<R>>(
    target: T,
    when: RunAt,
    ...call: CallOf<ContractOf<R, T>, BackgroundOptions>
  ): Promise<JobRef>;
  submitAt<N extends string>(
    functionName: PlainName<R, N>,
    when: RunAt,
    data?: D['data'],
    options?: BackgroundOptions,
  ): Promise<JobRef>;
  submitAt(target: CallTarget, when: RunAt, data?: unknown, options?: BackgroundOptions): Promise<JobRef> {
    return this.#calls.at(target, when, data, options);
  }

  /**
   * Has the server submit a background job again and again, until {@link cancel} ends it.
   *
   * The same call made twice makes one schedule, so that a program may say at every start what it wants. With a `uniqueId`
   * of its own, a schedule takes the place of the one of the same function that has it: say so where times or data may
   * change. `generateUnique: false` makes one schedule per call.
   *
   * Needs our server, or another one that has SUBMIT_JOB_SCHED: gearmand has not, and gives `ERR_GEARMAN_UNSUPPORTED`.
   * Times that say more than the five fields, and most options, only our server understands. What it refuses, for example
   * a time zone that it does not know, is `ERR_GEARMAN_SERVER`.
   *
   * @param schedule fields that are left out where any will do: `{ hour: 3, dow: 'mon' }`; or the cron line `'0 3 * * mon'`,
   * with the seconds in front if there are six fields
   * @returns a promise of the reference of the schedule
   */
  schedule<T extends Target<R>>(
    target: T,
    schedule: string | Schedule,
    ...call: CallOf<ContractOf<R, T>, ScheduleOptions>
  ): Promise<JobRef>;
  schedule<N extends string>(
    functionName: PlainName<R, N>,
    schedule: string | Schedule,
    data?: D['data'],
    options?: ScheduleOptions,
  ): Promise<JobRef>;
  schedule(
    target: CallTarget,
    schedule: string | Schedule,
    data?: unknown,
    options?: ScheduleOptions,
  ): Promise<JobRef> {
    return this.#calls.schedule(target, schedule, data, options);
  }

  /**
   * Puts something around every submit from now on, here and in clients made of this one later. The first added is the
   * outermost.
   *
   * @returns the client
   */
  use(middleware: ClientMiddleware): this {
    this.#intake.middleware = [...this.#intake.middleware, middleware];
    return this;
  }

  /**
   * The same client with other defaults: connections, limits and `pending` are shared, and closing either closes both.
   * Events of its jobs are told by both, those of connections and `close` by the first only.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong or unknown options
   */
  with(defaults: JobDefaults): Client<R, D> {
    return new Client<R, D>({ client: this, defaults });
  }

  /**
   * Ends the client: sends what was submitted, ends foreground jobs that are not over with `ERR_GEARMAN_CLOSED`, waits
   * until the background jobs that were sent are acknowledged, then closes the connections, unless they are shared.
   *
   * @param options `timeoutMs`: how long acknowledgements, and then sending, may take, in milliseconds; default 5000.
   * Background jobs without acknowledgement then reject with `ERR_GEARMAN_SUBMIT_UNKNOWN`
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#parent !== undefined) return this.#parent.close(options);
    this.#closing ??= this.#close(options.timeoutMs ?? 5000);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  protected override get isClosed(): boolean {
    return this.#parent?.isClosed ?? this.#closing !== undefined;
  }

  /** @internal */
  protected override get intake(): JobIntake {
    return this.#intake;
  }

  /** @internal */
  protected override get calls(): ContractCalls {
    return this.#calls;
  }

  protected override isLast(event: ClientEvent): boolean {
    return event.type === 'close';
  }

  async #close(timeoutMs: number): Promise<void> {
    const { dispatcher, ownsPool } = this.#parts;
    await dispatcher.close(new ClosedError('the client was closed before the job was over'), timeoutMs);
    if (ownsPool) await this.pool.close({ timeoutMs });
    // A shared pool that was closed before has told so.
    else if (!this.pool.closed) {
      this.pool.off('event', this.#onPoolEvent);
      this.emit({ type: 'close' });
    }
  }

  readonly #onPoolEvent = (event: ClientEvent): void => {
    if (event.type === 'close') this.#parts.dispatcher.abandon(new ClosedError('the pool was closed'));
    this.emit(event);
  };

  #jobHost(dispatcher: Dispatcher): JobHost {
    const { clock, random } = this.pool.settings;
    return {
      clock,
      random,
      settle: (submission) => dispatcher.settle(submission),
      resend: (submission) => dispatcher.resend(submission),
      cancel: (ref) => this.cancel(ref),
      listen: (connection, handle, listener, shares) =>
        dispatcher.listen(connection, handle, listener, shares),
      deadlineAfter: (delayMs) => dispatcher.deadlineAfter(delayMs),
      submitTimeout: (functionName, timeoutMs) => {
        const failures = this.pool.servers.map(({ server, lastError }) => ({ server, error: lastError }));
        return new SubmitTimeoutError(functionName, timeoutMs, failures);
      },
      isOnly: () => dispatcher.size === 1,
      wants: (type) => this.#wants(type),
      publish: (event, job) => this.#publish({ ...event, job } as ClientEvent),
    };
  }

  #wants(type: JobEvent['type']): boolean {
    if (this.hasListeners(type)) return true;
    return this.#parent === undefined ? false : this.#parent.#wants(type);
  }

  #publish(event: ClientEvent): void {
    this.emit(event);
    if (this.#parent !== undefined) this.#parent.#publish(event);
  }
}

function partsOf({ pool, maxPending }: ParsedClientOptions): ClientParts {
  const ownsPool = 'own' in pool;
  const made = 'own' in pool ? createPool(pool.own) : pool.shared;
  return { pool: made, ownsPool, dispatcher: new Dispatcher(made, maxPending) };
}
