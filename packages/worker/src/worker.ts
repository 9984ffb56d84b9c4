import { type Observable, TypedEmitter } from '@gearman/events';
import {
  ClosedError,
  type Pool,
  type ReadyOptions,
  type RemoveOptions,
  type ServerInput,
} from '@gearman/pool';
import { toFunctionName } from '@gearman/protocol';
import type { CodecOptions, FunctionContract, GivenCodec } from '@gearman/protocol/payload';
import { Batcher, type BatchHandler, type BatchOptions, parseBatchOptions } from './batch.ts';
import type { ServerOptions, SignalOptions, StopOptions, WorkOnceOptions } from './call-options.ts';
import { parseServerOptions, parseStopOptions, parseWorkOnceOptions } from './call-options.ts';
import { byContract, type CodecHandler, type ContractHandler, contractOf } from './contract-job.ts';
import type { RunningJob } from './job.ts';
import { type WorkerMiddleware, wrap } from './middleware.ts';
import { jobs$, states$ } from './observables.ts';
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.ts';
import {
  type Partitioner,
  type PartitionOptions,
  parsePartitionOptions,
  partitionHandler,
} from './partition.ts';
import type { AnyRegisterOptions, RegisterOptions, StreamRegisterOptions } from './register-options.ts';
import { createRegistration, type Registration } from './registration.ts';
import {
  type EntryHandler,
  type FalsyHandler,
  type FunctionEntry,
  type Handler,
  type StreamHandler,
  toFunctionEntry,
} from './registry.ts';
import { stopOnSignals } from './signals.ts';
import { withOpenStream, withStreamPayload } from './stream-job.ts';
import type { WorkOnceResult } from './work-once.ts';
import { WorkerCore } from './worker-core.ts';
import type { WorkerEvent } from './worker-events.ts';
import type { WorkerJob } from './worker-job.ts';
import type { WorkerPart } from './worker-part.ts';
import type { StopReport, WorkerHealth, WorkerStatus } from './worker-status.ts';

/**
 * Builds a worker. It connects at once, in the background, and asks for jobs after `start()`.
 *
 * An unreachable server is tried again for ever and never an exception: see the events of `worker.pool`.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  return new Worker(resolveWorkerOptions(options));
}

/** Runs jobs from all its servers at once. See {@link createWorker}. */
export class Worker extends TypedEmitter<WorkerEvent> {
  /**
   * The connections, and the events about them. Functions with slots of their own have connections beside these, to the
   * same servers: those that are added or removed here, too.
   */
  readonly pool: Pool;
  readonly #core: WorkerCore;
  readonly #prefix: string;
  readonly #middleware: WorkerMiddleware[] = [];
  #status$: Observable<WorkerStatus> | undefined;

  /** @internal use {@link createWorker} */
  constructor(options: ResolvedWorkerOptions) {
    super();
    this.pool = options.pool;
    this.#prefix = options.settings.namePrefix;
    this.#core = new WorkerCore(options, {
      wants: (type) => this.hasListeners(type),
      emit: (event) => this.emit(event),
    });
  }

  /** The jobs that came and whose handlers have not ended. */
  get running(): readonly WorkerJob[] {
    return this.#core.running;
  }

  /** The worker and each of its servers, as they are now. */
  status(): WorkerStatus {
    return this.#core.status();
  }

  /** {@link status} now, and again whenever a job comes or ends, or a connection changes. Completes with the worker. */
  get status$(): Observable<WorkerStatus> {
    this.#status$ ??= states$(
      () => this.status(),
      (onChange) => {
        const forget = this.#core.watch(onChange);
        this.on('job-start', onChange);
        return () => {
          this.off('job-start', onChange);
          forget();
        };
      },
      ({ state }) => state === 'stopped',
    );
    return this.#status$;
  }

  /** Whether it is fit, in a few figures, for a probe. */
  health(): WorkerHealth {
    return this.#core.health();
  }

  /** True while the function is registered. */
  isRegistered(functionName: string): boolean {
    return this.#entry(functionName) !== undefined;
  }

  /**
   * Offers a function to every server, now if the worker is started and on every later connect.
   *
   * A function that is already registered gets the new handler and options; jobs that run keep the old ones.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a name that is empty, longer than 512 bytes or has a
   * NUL, and for wrong options
   * @throws ClosedError `ERR_GEARMAN_CLOSED` when the worker stops or has stopped
   */
  register<V = string, P = string>(
    functionName: string,
    handler: CodecHandler<NoInfer<V>, NoInfer<P>>,
    options: RegisterOptions & CodecOptions<V, P>,
  ): Registration;
  register(functionName: string, handler: Handler, options?: RegisterOptions): Registration;
  register(functionName: string, handler: StreamHandler, options: StreamRegisterOptions): Registration;
  register(
    functionName: string,
    handler: FalsyHandler,
    options: RegisterOptions & { readonly falsyFails: true },
  ): Registration;
  register<C extends FunctionContract>(
    contract: C,
    handler: ContractHandler<C>,
    options?: RegisterOptions,
  ): Registration;
  register(
    target: string | FunctionContract,
    handler: Handler | StreamHandler | FalsyHandler | ContractHandler<FunctionContract>,
    options: AnyRegisterOptions & GivenCodec = {},
  ): Registration {
    const contract = contractOf(target, options);
    if (contract !== undefined) {
      // The overloads pair contracts with handlers for them.
      const typed = handler as ContractHandler<FunctionContract>;
      const { name, run, settings } = byContract(contract, typed, options);
      return this.#add(name, run, settings);
    }
    // The overloads pair stream handlers with this option.
    const run =
      options.payload === 'stream' && typeof handler === 'function'
        ? withStreamPayload(handler as StreamHandler)
        : (handler as EntryHandler);
    // Whatever else it is, the registry refuses it.
    return this.#add(target as string, run, options);
  }

  /**
   * Registers a handler that works on streams: `job.payload` is a Readable, and `job.stream()` takes the result. A
   * handler that returns nothing leaves the job open, until the stream or `job.complete()` ends it; what it returns or
   * promises otherwise is the result. Throws as {@link register}.
   */
  registerStream(functionName: string, handler: StreamHandler, options: RegisterOptions = {}): Registration {
    const opened = typeof handler === 'function' ? withOpenStream(handler) : handler;
    return this.#add(functionName, opened, { ...options, manual: true });
  }

  /**
   * Registers a handler for several jobs at a time. They are taken from the server as they come, up to `max`; the first
   * one waits at most `waitMs` for the others. The function gets a connection of its own to each server. Throws as
   * {@link register}.
   */
  registerBatch(functionName: string, handler: BatchHandler, options: BatchOptions): Registration {
    const { max, waitMs, batches, rest } = parseBatchOptions(options);
    const { clock } = this.pool.settings;
    const batcher = new Batcher(handler, max, waitMs, clock);
    const add = typeof handler === 'function' ? (job: RunningJob): void => batcher.add(job) : handler;
    return this.#add(functionName, add, rest, max * batches);
  }

  /**
   * Registers a function that divides its jobs: each part goes as a job to the reducer that the client named, through
   * `job.client`, and the results are put together in order. When one part fails the job ends with that, and the other
   * parts are cancelled. The function gets a connection of its own to each server. Throws as {@link register}.
   */
  registerPartitioner(
    functionName: string,
    partitioner: Partitioner,
    options: PartitionOptions = {},
  ): Registration {
    const { reducer, window, concurrency, rest } = parsePartitionOptions(options);
    return this.#add(functionName, partitionHandler(partitioner, reducer, window), rest, concurrency);
  }

  /**
   * The jobs of a function as an Observable. Subscribing registers it, unsubscribing takes it back; each job is open
   * until somebody ends it by `complete()`, `fail()` or `exception()`, and keeps its slot until then. Completes when the
   * worker has stopped. A second subscription takes the function from the first.
   */
  jobs$(functionName: string, options: RegisterOptions = {}): Observable<WorkerJob> {
    return jobs$({
      register: (next) => this.register(functionName, next, { ...options, manual: true }),
      onStop: (callback) => {
        this.on('stop', callback);
        return () => this.off('stop', callback);
      },
    });
  }

  /**
   * Registers all functions of a part, made by `defineWorker()` or `createStoreAndForward()`. Throws as
   * {@link register}, and also when the worker is started and the part has a `setup`, which would come too late.
   */
  mount(part: WorkerPart): this {
    if (part.setup !== undefined) this.#core.beforeStart(part.setup);
    for (const { functionName, run, options } of part.functions) this.#add(functionName, run, options);
    return this;
  }

  /**
   * Connects to more servers, and asks them for jobs like the others.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for addresses that cannot be read
   */
  addServer(servers: ServerInput | readonly ServerInput[]): void {
    this.#core.addServer(servers);
  }

  /**
   * Leaves a server, named as in {@link status}: asks it for no more jobs, lets those that run end, and disconnects.
   *
   * @param options `timeoutMs`: how long they may go on, `force`: not at all; what is cut the server gives to others
   * @returns a promise resolved when the connection is closed. It rejects with `ERR_GEARMAN_INVALID_ARGUMENT` for a
   * server that is none of the worker's
   */
  async removeServer(server: string, options: RemoveOptions = {}): Promise<void> {
    return this.#core.removeServer(server, options);
  }

  /** Takes a function back, see {@link Registration.unregister}. Unknown functions are ignored. */
  async unregister(functionName: string): Promise<void> {
    const entry = this.#entry(functionName);
    if (entry !== undefined) await this.#core.takeBack(entry, true);
  }

  /** Takes all functions back, each as {@link unregister} does. */
  async unregisterAll(): Promise<void> {
    await Promise.all(this.#core.entries.map((entry) => this.#core.takeBack(entry, true)));
  }

  /**
   * Makes these the functions of the worker: registers those that are new, gives the others their new handler, and takes
   * back the rest.
   *
   * @returns a promise resolved when what is not among them has been taken back. Throws as {@link register}, and then
   * nothing has changed
   */
  async setFunctions(functions: Readonly<Record<string, Handler>>): Promise<void> {
    const entries = Object.entries(functions).map(([name, handler]) => this.#toEntry(name, handler, {}));
    const kept = new Set(entries.map(({ wireName }) => wireName));
    const gone = this.#core.entries.filter(({ wireName }) => !kept.has(wireName));
    for (const entry of entries) this.#core.add(entry);
    await Promise.all(gone.map((entry) => this.#core.takeBack(entry, true)));
  }

  /** Wraps the handlers of all functions, those to come as well. The first middleware sees a job first. */
  use(middleware: WorkerMiddleware): this {
    this.#middleware.push(middleware);
    for (const entry of this.#core.entries) entry.run = wrap(entry.handler, this.#middleware);
    return this;
  }

  /** Stops the worker when `predicate` holds; asked after each job and whenever the worker comes to rest. */
  stopIf(predicate: (status: WorkerStatus) => boolean): this {
    this.#core.stopIf(predicate);
    return this;
  }

  /**
   * Waits until servers are connected. Never required: {@link start} waits by itself.
   *
   * @param options `atLeast`: how many, default `'any'`; `timeoutMs`: in milliseconds, default 10,000; `signal`
   * @returns a promise that rejects with `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_CLOSED` or the signal's reason
   */
  async ready(options: ReadyOptions = {}): Promise<this> {
    await this.pool.ready(options);
    return this;
  }

  /**
   * Starts asking every server for jobs, and keeps the process alive. With `server` only that one, besides those that
   * are asked already; {@link pause} and {@link stop} of single servers are undone.
   *
   * @returns a promise resolved when the first server is connected, or the worker stopped before; not needed to go on.
   * It rejects with `ERR_GEARMAN_CLOSED` when the worker stops or has stopped: build a new one; with
   * `ERR_GEARMAN_INVALID_ARGUMENT` for a server that is none of the worker's; with what `setup` throws.
   */
  async start(options: ServerOptions = {}): Promise<void> {
    return this.#core.start(parseServerOptions(options, 'start()'));
  }

  /**
   * Asks for no more jobs, of all servers or of one. Functions stay registered and connections open; a server started
   * with `--worker-wakeup` may go on counting on this worker: `stop({ server })` leaves it.
   *
   * @returns a promise resolved when no job of these servers runs any more; do not await it in a handler. It rejects
   * with `ERR_GEARMAN_INVALID_ARGUMENT` for a server that is none of the worker's
   */
  async pause(options: ServerOptions = {}): Promise<void> {
    return this.#core.pause(parseServerOptions(options, 'pause()'));
  }

  /**
   * Asks for jobs again.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a server that is none of the worker's
   */
  resume(options: ServerOptions = {}): void {
    this.#core.resume(parseServerOptions(options, 'resume()'));
  }

  /** {@link pause} of all servers, for those who do not wait. */
  stopGrabbing(): void {
    // Rejects for unknown servers only.
    void this.#core.pause(undefined);
  }

  /**
   * Runs exactly one job, of a worker that is not started: more calls run more.
   *
   * @returns a promise of the job and how it ended, or of undefined when none came within `timeoutMs` or the worker
   * stopped. It rejects with `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options, when the worker is started, and when
   * another call is waiting; with `ERR_GEARMAN_CLOSED` when the worker stops or has stopped; with what `setup` throws
   */
  async workOnce(options: WorkOnceOptions = {}): Promise<WorkOnceResult | undefined> {
    const { server, timeoutMs } = parseWorkOnceOptions(options);
    return this.#core.workOnce(server, timeoutMs);
  }

  /**
   * Stops: asks for no more jobs, lets the running ones end, takes its functions back, then closes its connections
   * once everything has been sent. A shared pool stays open. With `server` it only leaves that server, until
   * {@link start}.
   *
   * May be called again, for example with a shorter `timeoutMs`. Do not await it in a handler: it waits for that. A
   * server that owes an answer is waited for as well, up to `grabTimeoutMs`.
   *
   * @returns a promise that rejects only with `ERR_GEARMAN_INVALID_ARGUMENT`, for wrong options
   */
  async stop(options: StopOptions = {}): Promise<StopReport> {
    return this.#core.stop(parseStopOptions(options));
  }

  /** {@link stop} without a time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Stops the worker on the first of these signals, so that the process ends by itself, with code 0 if nothing else
   * keeps it alive. A second signal ends it at once. A forked process also stops when its parent is gone.
   *
   * @returns a way to stop listening
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
   */
  handleSignals(
    signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'],
    options: SignalOptions = {},
  ): Disposable {
    return stopOnSignals(this, signals, options);
  }

  protected override isLast(event: WorkerEvent): boolean {
    return event.type === 'stop';
  }

  #entry(functionName: string): FunctionEntry | undefined {
    return this.#core.get(toFunctionName(this.#prefix + functionName));
  }

  #toEntry(functionName: string, handler: EntryHandler, options: AnyRegisterOptions, ownSlots?: number) {
    const entry = toFunctionEntry(functionName, handler, options, { prefix: this.#prefix, ownSlots });
    const { state } = this.#core;
    if (state !== 'idle' && state !== 'started') {
      throw new ClosedError(`"${functionName}" cannot be registered: the worker is ${state}`);
    }
    entry.run = wrap(handler, this.#middleware);
    return entry;
  }

  #add(
    functionName: string,
    handler: EntryHandler,
    options: AnyRegisterOptions,
    ownSlots?: number,
  ): Registration {
    const entry = this.#toEntry(functionName, handler, options, ownSlots);
    this.#core.add(entry);
    return createRegistration(entry, {
      events$: this.events$,
      takeBack: (taken, drain) => this.#core.takeBack(taken, drain),
      limitQueue: (limited, limit) => this.#core.limitQueue(limited, limit),
      report: (reported) => this.#core.report(reported),
    });
  }
}
