import { type Clock, type Logger, parseOptions, TypedEmitter } from '@gearman/events';
import { ClosedError } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { logEvent } from './log-events.ts';
import {
  type ResolvedSupervisorOptions,
  resolveSupervisorOptions,
  type SupervisorOptions,
} from './options.ts';
import { type GroupHost, ProcessGroup } from './process-group.ts';
import type { ProcessState, SupervisorEvent, SupervisorReport } from './supervisor-events.ts';
import { FileWatch } from './watch.ts';

/** Options of `supervisor.stop()`. */
export interface SupervisorStopOptions {
  /**
   * How long running jobs may go on, in milliseconds. Processes that then have not ended are killed.
   *
   * @defaultValue the `stopTimeoutMs` of the supervisor
   */
  readonly timeoutMs?: number;
}

const stopSchema = z.strictObject({ timeoutMs: z.number().nonnegative().optional() });
const fail = (message: string): Error => new InvalidArgumentError(message);

/**
 * Builds a supervisor: it runs workers in processes of their own and keeps them running.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options, and modules that are not there
 */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new Supervisor(options);
}

type State = 'idle' | 'started' | 'stopping' | 'stopped';

/** Workers in processes. See {@link createSupervisor}. */
export class Supervisor extends TypedEmitter<SupervisorEvent> {
  /** Resolves when all processes have ended: after {@link stop}, or by themselves with `keepAlive: false`. */
  readonly done: Promise<SupervisorReport>;
  #options: SupervisorOptions;
  #resolved: ResolvedSupervisorOptions;
  readonly #groups = new Map<string, ProcessGroup>();
  /** Those whose module is no longer wanted, while their processes finish their jobs. */
  readonly #leaving = new Set<ProcessGroup>();
  readonly #host: GroupHost;
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  #state: State = 'idle';
  #watch: FileWatch | undefined;
  #reloading: Promise<void> | undefined;
  #killed = 0;
  #finish: (report: SupervisorReport) => void = () => {};

  /** @internal use {@link createSupervisor} */
  constructor(options: SupervisorOptions, startChild?: GroupHost['startChild']) {
    super();
    this.#options = options;
    this.#resolved = resolveSupervisorOptions(options, 'createSupervisor()');
    const { clock, random, logger } = this.#resolved;
    this.#clock = clock;
    this.#logger = logger;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#host = {
      clock,
      random,
      startChild,
      emit: (event) => this.#tell(event),
      onEmpty: () => this.#onEmpty(),
    };
  }

  /** Every process, and every place that has none at the moment. */
  get processes(): readonly ProcessState[] {
    return this.#all.flatMap((group) => group.states);
  }

  /**
   * Starts all processes.
   *
   * @returns a promise resolved when all of them take jobs, or have found no server for `readyTimeoutMs` and go on
   * trying. It rejects with `ERR_GEARMAN_MODULE` when a module cannot be loaded, and then no process is left; with
   * `ERR_GEARMAN_CLOSED` when it was stopped
   */
  async start(): Promise<void> {
    if (this.#state !== 'idle') throw new ClosedError(`the supervisor is ${this.#state} already`);
    this.#state = 'started';
    for (const settings of this.#resolved.groups) {
      this.#groups.set(settings.name, new ProcessGroup(settings, this.#host));
    }
    try {
      await Promise.all([...this.#groups.values()].map((group) => group.open()));
    } catch (error) {
      if (this.#hasEnded) throw new ClosedError('the supervisor was stopped', { cause: error });
      await this.stop({ timeoutMs: 0 });
      throw error;
    }
    if (this.#hasEnded) throw new ClosedError('the supervisor was stopped');
    this.#watchFiles();
  }

  /**
   * Replaces all processes, of each module one after the other: the new one takes jobs before the old one stops to. No
   * job is lost, and no job waits. Modules are read again.
   *
   * @returns a promise that rejects with `ERR_GEARMAN_MODULE` when a module cannot be loaded: processes that have not
   * been replaced go on. A call during a reload is answered by another one behind it
   */
  reload(): Promise<void> {
    return this.#reload('call');
  }

  /**
   * Takes other options while it runs: processes that are too many finish their jobs and end, new ones start, and those
   * whose options changed are replaced. Options that are not given stay; `modules` are told apart by their names.
   *
   * `logger`, `clock` and `random` stay.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options, and then nothing has changed
   * @returns a promise resolved when all that has been done; it rejects as {@link start} and {@link reload} do
   */
  async apply(options: Partial<SupervisorOptions>): Promise<void> {
    const { module, modules } = options;
    const { module: _module, modules: _modules, ...rest } = this.#options;
    // Either of the two takes the place of both.
    const base = module === undefined && modules === undefined ? this.#options : rest;
    const next = { ...base, ...options };
    const resolved = resolveSupervisorOptions(next, 'apply()');
    if (this.#hasEnded) throw new ClosedError('the supervisor has stopped');
    this.#options = next;
    this.#resolved = resolved;
    if (this.#state === 'idle') return;
    const wanted = new Map(resolved.groups.map((settings) => [settings.name, settings]));
    const steps = [...this.#groups].flatMap(([name, group]) =>
      wanted.has(name) ? [] : this.#remove(name, group),
    );
    for (const [name, settings] of wanted) {
      const group = this.#groups.get(name);
      if (group !== undefined) steps.push(group.change(settings));
      else {
        const added = new ProcessGroup(settings, this.#host);
        this.#groups.set(name, added);
        steps.push(added.open());
      }
    }
    this.#watchFiles();
    await Promise.all(steps);
  }

  /**
   * Lets running jobs end, and then all processes. Called again, with a shorter time, that holds.
   *
   * @returns a promise resolved when the last process has ended; it rejects with `ERR_GEARMAN_INVALID_ARGUMENT` for wrong
   * options
   */
  async stop(options: SupervisorStopOptions = {}): Promise<SupervisorReport> {
    const { timeoutMs = this.#resolved.stopTimeoutMs } = parseOptions(stopSchema, options, 'stop()', fail);
    if (this.#state === 'stopped') return this.done;
    this.#state = 'stopping';
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    await Promise.all(this.#all.map((group) => group.close(timeoutMs)));
    this.#end();
    return this.done;
  }

  /** Kills all processes at once. Servers give their jobs to other workers. */
  async kill(): Promise<SupervisorReport> {
    for (const group of this.#all) group.kill();
    return this.stop({ timeoutMs: 0 });
  }

  /**
   * Obeys the signals of a terminal or a service manager: SIGTERM and SIGINT stop it, the second of them kills what is
   * left, SIGHUP reloads.
   *
   * @returns a way to stop listening
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
   */
  handleSignals(options: SupervisorStopOptions = {}): Disposable {
    parseOptions(stopSchema, options, 'handleSignals()', fail);
    const onEnd = (): void => void (this.#hasEnded ? this.kill() : this.stop(options));
    // What went wrong was told by an event.
    const onHangUp = (): void => void this.#reload('signal').catch(() => {});
    const forget = (): void => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onEnd);
      process.off('SIGHUP', onHangUp);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onEnd);
    process.on('SIGHUP', onHangUp);
    void this.done.then(forget);
    return { [Symbol.dispose]: forget };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  protected override isLast(event: SupervisorEvent): boolean {
    return event.type === 'stop';
  }

  get #hasEnded(): boolean {
    return this.#state === 'stopping' || this.#state === 'stopped';
  }

  get #all(): ProcessGroup[] {
    return [...this.#groups.values(), ...this.#leaving];
  }

  #tell(event: SupervisorEvent): void {
    if (event.type === 'process-killed') this.#killed++;
    logEvent(event, this.#logger);
    this.emit(event);
  }

  async #reload(reason: 'call' | 'signal' | 'watch'): Promise<void> {
    if (this.#state !== 'started') throw new ClosedError(`the supervisor is ${this.#state}`);
    const before = this.#reloading ?? Promise.resolve();
    const reloading = before.catch(() => {}).then(() => this.#reloadNow(reason));
    this.#reloading = reloading;
    return reloading;
  }

  async #reloadNow(reason: 'call' | 'signal' | 'watch'): Promise<void> {
    if (this.#state !== 'started') return;
    this.#tell({ type: 'reload', reason });
    await Promise.all([...this.#groups.values()].map((group) => group.reload()));
    if (!this.#hasEnded) this.#tell({ type: 'reload-done' });
  }

  async #remove(name: string, group: ProcessGroup): Promise<void> {
    this.#groups.delete(name);
    this.#leaving.add(group);
    await group.close(group.settings.stopTimeoutMs);
    this.#leaving.delete(group);
  }

  #watchFiles(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (!this.#resolved.watch || this.#state !== 'started') return;
    const folders = new Set(this.#resolved.groups.map(({ watchedFolder }) => watchedFolder));
    this.#watch = new FileWatch([...folders], this.#clock, () => {
      // A module that cannot be loaded was told by an event; the next change may put it right.
      this.#reload('watch').catch(() => {});
    });
  }

  #onEmpty(): void {
    const isEmpty = this.#all.every((group) => !group.isTaken);
    // Processes that are kept alive come back; with stop() their end is waited for there.
    if (isEmpty && this.#state === 'started' && this.#options.keepAlive === false) {
      this.#watch?.[Symbol.dispose]();
      this.#end();
    }
  }

  #end(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    const report = { processes: this.#all.flatMap((group) => group.ends), killed: this.#killed };
    this.#tell({ type: 'stop', ...report });
    this.#finish(report);
  }
}
