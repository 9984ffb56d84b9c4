import { type Timer, TypedEmitter } from '@gearman/events';
import { ClosedError, type Connection, type Pool, type PoolUser } from '@gearman/pool';
import { type GearmanError, toFunctionName } from '@gearman/protocol';
import type { Drain } from './drain.ts';
import { FunctionTable } from './function-table.ts';
import { GrabLoop } from './grab-loop.ts';
import type { WorkerJob } from './job.ts';
import { Latch } from './latch.ts';
import {
  parseStopOptions,
  type RegisterOptions,
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
  type StopOptions,
  type WorkerOptions,
} from './options.ts';
import { type FunctionEntry, type Handler, type Registration, toFunctionEntry } from './registry.ts';
import { JobRunner } from './run-job.ts';
import { stopOnSignals } from './signals.ts';
import type { WorkerEvent } from './worker-events.ts';
import { type StopReport, serverStatus, type WorkerState, type WorkerStatus } from './worker-status.ts';

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'started' }
  | { readonly name: 'stopping'; readonly drain: Drain }
  | { readonly name: 'stopped' };

const ORDER: readonly WorkerState[] = ['idle', 'started', 'stopping', 'stopped'];

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
  /** The connections, and the events about them. */
  readonly pool: Pool;
  readonly #ownsPool: boolean;
  readonly #functions: FunctionTable;
  readonly #runner: JobRunner;
  readonly #loops: ReadonlyMap<Connection, GrabLoop>;
  readonly #connected = new Latch();
  readonly #deadlines = new Set<Timer>();
  readonly #onPoolClosed = (): void => this.#giveUp(new ClosedError('the pool of the worker was closed'));
  #state: State = { name: 'idle' };
  #detach: () => void = () => {};
  #stopped: Promise<StopReport> | undefined;
  #idle = false;

  /** @internal use {@link createWorker} */
  constructor({ settings, pool, ownsPool }: ResolvedWorkerOptions) {
    super();
    this.pool = pool;
    this.#ownsPool = ownsPool;
    this.#functions = new FunctionTable(pool, () => this.#updateLoops());
    this.#runner = new JobRunner(settings, pool.settings, {
      functions: this.#functions,
      events: { wants: (type) => this.hasListeners(type), emit: (event) => this.emit(event) },
      onQuiet: (loop) => this.#onQuiet(loop),
    });
    const { connections } = pool;
    this.#loops = new Map(connections.map((each) => [each, new GrabLoop(each, this.#runner)]));
  }

  /** The jobs whose handlers run. */
  get running(): readonly WorkerJob[] {
    return [...this.#loops.values()].flatMap((loop) => [...loop.jobs]);
  }

  /** The worker and each of its servers, as they are now. */
  status(): WorkerStatus {
    const servers = [...this.#loops.values()].map(serverStatus);
    return {
      state: this.#state.name,
      concurrency: this.#runner.slots.size,
      running: servers.reduce((sum, { running }) => sum + running, 0),
      functions: this.#functions.entries.map(({ functionName }) => functionName),
      servers,
    };
  }

  /** True while the function is registered. */
  isRegistered(functionName: string): boolean {
    return this.#functions.get(toFunctionName(functionName)) !== undefined;
  }

  /**
   * Offers a function to every server, now if the worker is started and on every later connect.
   *
   * A function that is already registered gets the new handler and limit; jobs that run keep the old ones.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a name that is empty, longer than 512 bytes or has a
   * NUL, and for wrong options
   * @throws ClosedError `ERR_GEARMAN_CLOSED` when the worker stops or has stopped
   */
  register(functionName: string, handler: Handler, options: RegisterOptions = {}): Registration {
    const entry = toFunctionEntry(functionName, handler, options);
    const state = this.#state.name;
    if (state !== 'idle' && state !== 'started') {
      throw new ClosedError(`"${functionName}" cannot be registered: the worker is ${state}`);
    }
    const { replaced, news } = this.#functions.add(entry);
    if (state === 'started' && news) {
      this.#functions.announce(entry);
      this.#updateLoops();
      // Servers do not wake a sleeping connection for jobs that wait for a function new to it.
      for (const loop of this.#loops.values()) loop.wake();
    }
    if (replaced) this.emit({ type: 'function-replaced', functionName });
    return { functionName, unregister: () => this.#takeBack(entry) };
  }

  /** Takes a function back, see {@link Registration.unregister}. Unknown functions are ignored. */
  async unregister(functionName: string): Promise<void> {
    const entry = this.#functions.get(toFunctionName(functionName));
    if (entry !== undefined) await this.#takeBack(entry);
  }

  /**
   * Starts asking every server for jobs, and keeps the process alive. Does nothing when started.
   *
   * @returns a promise resolved when the first server is connected, or the worker stopped before; not needed to go on.
   * It rejects with `ERR_GEARMAN_CLOSED` when the worker stops or has stopped: build a new one.
   */
  async start(): Promise<void> {
    const state = this.#state.name;
    if (state === 'started') return this.#connected.promise;
    if (state !== 'idle' || this.pool.closed)
      throw new ClosedError('a stopped worker cannot be started again');
    this.#enter({ name: 'started' });
    this.pool.hold();
    for (const entry of this.#functions.entries) this.#functions.announce(entry);
    this.#updateLoops();
    this.#detach = this.pool.attach(this.#poolUser());
    this.pool.on('close', this.#onPoolClosed);
    this.emit({ type: 'start' });
    return this.#connected.promise;
  }

  /**
   * Stops: asks for no more jobs, lets the running ones end, takes its functions back, then closes its connections
   * once everything has been sent. A shared pool stays open.
   *
   * May be called again, for example with a shorter `timeoutMs`. Do not await it in a handler: it waits for that. A
   * server that owes an answer is waited for as well, up to the pool's `replyTimeoutMs`.
   *
   * @returns a promise that rejects only with `ERR_GEARMAN_INVALID_ARGUMENT`, for wrong options
   */
  async stop(options: StopOptions = {}): Promise<StopReport> {
    const { timeoutMs, abortAfterMs } = parseStopOptions(options);
    this.#stopped ??= this.#stop();
    if (this.#state.name === 'stopping') {
      const reason = new ClosedError('the worker is stopping');
      if (abortAfterMs < timeoutMs) this.#after(abortAfterMs, () => this.#abortJobs(reason));
      this.#after(timeoutMs, () => this.#giveUp(reason));
    }
    return this.#stopped;
  }

  /** {@link stop} without a time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Stops the worker on the first of these signals, so that the process ends by itself, with code 0 if nothing else
   * keeps it alive. A second signal ends it at once.
   *
   * @returns a way to stop listening
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
   */
  handleSignals(
    signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'],
    options: StopOptions = {},
  ): Disposable {
    parseStopOptions(options);
    return stopOnSignals(this, signals, options);
  }

  protected override isLast(event: WorkerEvent): boolean {
    return event.type === 'stop';
  }

  /** The only place that changes the state, which goes one way. */
  #enter(next: State): void {
    const from = this.#state.name;
    if (ORDER.indexOf(next.name) <= ORDER.indexOf(from)) {
      throw new Error(`worker state ${next.name} cannot follow ${from}`);
    }
    this.#state = next;
  }

  #poolUser(): PoolUser {
    return {
      onReady: (connection) => {
        this.#loops.get(connection)?.onReady();
        this.#connected.open();
      },
      onLost: (connection, error) => this.#loops.get(connection)?.onLost(error),
      onPacket: (connection, packet) => {
        if (packet.type === 'NOOP') this.#loops.get(connection)?.onNoop();
      },
    };
  }

  async #takeBack(entry: FunctionEntry): Promise<void> {
    if (this.#state.name === 'idle') this.#functions.delete(entry);
    else if (this.#state.name === 'started') await this.#functions.takeBack(entry, this.#loops.values());
    else await this.#stopped;
  }

  /** Tells each loop whether it may ask for jobs. */
  #updateLoops(): void {
    const working = this.#state.name === 'started' && !this.#functions.empty;
    for (const loop of this.#loops.values()) loop.allow(working && !this.#functions.holds(loop));
  }

  #onQuiet(loop: GrabLoop): void {
    this.#functions.check(loop);
    if (this.#state.name === 'stopping') this.#state.drain.check(loop);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#runner.slots.used > 0) {
      this.#idle = false;
      return;
    }
    if (this.#idle || !this.hasListeners('idle')) return;
    const states = [...this.#loops.values()].map(({ state }) => state);
    if (states.includes('hungry') || states.includes('grabbing')) return;
    if (!states.includes('asleep') && !states.includes('dozing')) return;
    this.#idle = true;
    this.emit({ type: 'idle' });
  }

  async #stop(): Promise<StopReport> {
    const { finished, unfinished } = this.#runner;
    const wasStarted = this.#state.name === 'started';
    const drain = this.#functions.takeBackAll(wasStarted ? this.#loops.values() : []);
    this.#enter({ name: 'stopping', drain });
    this.#updateLoops();
    await drain.start().done;

    for (const timer of this.#deadlines) timer.cancel();
    this.#detach();
    this.pool.off('close', this.#onPoolClosed);
    if (this.#ownsPool) await this.pool.close();
    if (wasStarted) this.pool.release();
    const report = {
      finished: this.#runner.finished - finished,
      // Handlers that still run have been given up.
      aborted: this.#runner.unfinished - unfinished + this.running.length,
    };
    this.#enter({ name: 'stopped' });
    this.emit({ type: 'stop', ...report });
    this.#connected.open();
    return report;
  }

  #after(delayMs: number, action: () => void): void {
    if (delayMs === 0) action();
    else if (delayMs !== Number.POSITIVE_INFINITY) {
      this.#deadlines.add(this.#runner.clock.setTimer(delayMs, action));
    }
  }

  #abortJobs(reason: GearmanError): void {
    for (const loop of this.#loops.values()) for (const job of [...loop.jobs]) job.stop(reason);
  }

  /** Leaves the jobs that still run to the server. */
  #giveUp(reason: GearmanError): void {
    this.#stopped ??= this.#stop();
    for (const loop of this.#loops.values()) for (const job of [...loop.jobs]) job.lose(reason);
    // CANT_DO makes a server requeue the jobs of the function.
    if (this.#state.name === 'stopping') this.#state.drain.force();
  }
}
