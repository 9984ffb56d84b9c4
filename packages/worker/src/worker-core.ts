import { ClosedError, type Connection, type Pool, type RemoveOptions, type ServerInput } from '@gearman/pool';
import { type GearmanError, InvalidArgumentError } from '@gearman/protocol';
import { Steps } from './allowance.ts';
import type { StopLimits } from './call-options.ts';
import { Deadlines } from './deadlines.ts';
import { countsSeconds } from './exception-rule.ts';
import { type FunctionStatus, limitQueue, reportFunction } from './function-reports.ts';
import type { GrabLoop } from './grab-loop.ts';
import { IdleWatch } from './idle-watch.ts';
import type { RunningJob } from './job.ts';
import type { Lane, LaneOwner } from './lane.ts';
import { LaneSet } from './lane-set.ts';
import { Latch } from './latch.ts';
import type { ResolvedSettings, ResolvedWorkerOptions } from './options.ts';
import type { QueueLimit } from './register-options.ts';
import type { FunctionEntry } from './registry.ts';
import { Rests } from './rests.ts';
import { JobRunner } from './run-job.ts';
import { ServerVersions } from './server-versions.ts';
import { type Setup, Setups } from './setups.ts';
import { WorkerPlan } from './slot-plan.ts';
import { TextLinks } from './text-links.ts';
import { Step, type WorkOnceResult } from './work-once.ts';
import type { EventSink } from './worker-events.ts';
import { canFollow, type Life } from './worker-life.ts';
import {
  healthOf,
  type StopReport,
  serverStatuses,
  type WorkerHealth,
  type WorkerState,
  type WorkerStatus,
} from './worker-status.ts';

/** What a worker is doing: its life from start to stop, and which servers it asks for jobs. */
export class WorkerCore implements LaneOwner {
  readonly #settings: ResolvedSettings;
  readonly #pool: Pool;
  readonly #events: EventSink;
  readonly #links: TextLinks;
  readonly #versions: ServerVersions;
  readonly #runner: JobRunner;
  readonly #steps = new Steps();
  readonly #plan: WorkerPlan;
  readonly #lanes: LaneSet;
  readonly #connected = new Latch();
  readonly #deadlines: Deadlines;
  readonly #idle = new IdleWatch();
  readonly #rests = new Rests();
  readonly #setups: Setups;
  readonly #watchers = new Set<() => void>();
  readonly #onPoolClosed = (): void => this.#giveUp(new ClosedError('the pool of the worker was closed'));
  readonly #loops = (): readonly GrabLoop[] => this.#lanes.loops;
  #state: Life = { name: 'idle' };
  #held = false;
  #stopped: Promise<StopReport> | undefined;
  #stopIf: ((status: WorkerStatus) => boolean) | undefined;
  #step: Step | undefined;
  #onlyServer: string | undefined;

  constructor({ settings, pool, ownsPool }: ResolvedWorkerOptions, events: EventSink) {
    this.#settings = settings;
    this.#pool = pool;
    this.#events = events;
    this.#deadlines = new Deadlines(pool.settings.clock);
    this.#setups = new Setups(settings.setup);
    this.#links = new TextLinks(pool.settings);
    this.#versions = new ServerVersions(this.#links, pool.settings.logger, settings.serverVersion);
    this.#runner = new JobRunner(settings, pool.settings, {
      versions: this.#versions,
      events,
      onQuiet: (loop) => this.#onQuiet(loop),
      onDone: (job) => this.#step?.onDone(job),
    });
    this.#plan = new WorkerPlan(settings, this.#steps, (job) => this.#runner.call(job));
    this.#lanes = new LaneSet({ pool, ownsPool, grabHost: this.#runner, owner: this }, this.#plan);
  }

  get state(): WorkerState {
    return this.#state.name;
  }

  get running(): readonly RunningJob[] {
    return this.#lanes.loops.flatMap((loop) => [...loop.jobs]);
  }

  get entries(): readonly FunctionEntry[] {
    return this.#lanes.entries;
  }

  get(wireName: string): FunctionEntry | undefined {
    return this.#lanes.get(wireName);
  }

  status(): WorkerStatus {
    const waiting = this.#plan.waiting.length;
    return {
      state: this.#state.name,
      concurrency: this.#settings.concurrency,
      running: this.running.length - waiting,
      waiting,
      functions: this.entries.map(({ functionName }) => functionName),
      servers: serverStatuses(this.#servers, this.#lanes.loops, this.#rests, this.#runner.clock),
    };
  }

  health(): WorkerHealth {
    const { loops } = this.#lanes;
    return healthOf(this.#state.name, this.#pool.connections, loops, this.#runner.clock);
  }

  /** Calls back when the status may have changed, but for the start of a job; the result stops that. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  stopIf(predicate: (status: WorkerStatus) => boolean): void {
    const earlier = this.#stopIf;
    this.#stopIf = earlier === undefined ? predicate : (status) => earlier(status) || predicate(status);
  }

  /** Has `setup` called before the first server hears of a function. */
  beforeStart(setup: Setup): void {
    if (this.#state.name !== 'idle') {
      throw new InvalidArgumentError('mount() of a part with a setup must come before start()');
    }
    this.#setups.add(setup);
  }

  add(entry: FunctionEntry): void {
    const replaced = this.#lanes.add(entry);
    if (replaced) this.#events.emit({ type: 'function-replaced', functionName: entry.functionName });
  }

  async takeBack(entry: FunctionEntry, drain: boolean): Promise<void> {
    if (this.#stopped === undefined) await this.#lanes.takeBack(entry, drain);
    else await this.#stopped;
  }

  limitQueue(entry: FunctionEntry, limit: QueueLimit | null): Promise<void> {
    return limitQueue(this.#lanes.poolOf(entry), entry, limit);
  }

  addServer(servers: ServerInput | readonly ServerInput[]): void {
    for (const { pool } of this.#lanes.lanes) pool.addServer(servers);
  }

  async removeServer(server: string, options: RemoveOptions): Promise<void> {
    await Promise.all(this.#lanes.lanes.map(({ pool }) => pool.removeServer(server, options)));
    this.#rests.end(server);
  }

  report(entry: FunctionEntry): Promise<FunctionStatus> {
    return reportFunction(this.#pool, entry, this.#links);
  }

  async start(server: string | undefined): Promise<void> {
    this.#check(server);
    if (this.#setups.pending && this.#state.name === 'idle') {
      await this.#setups.run();
      this.#check(server);
    }
    this.#steps.grant(Number.POSITIVE_INFINITY);
    if (this.#state.name === 'idle') {
      if (server !== undefined) {
        for (const each of this.#servers) if (each !== server) this.#rests.leave(each);
      }
      this.#begin();
    } else {
      this.#rejoin(server);
      for (const lane of this.#lanes.lanes) lane.serve();
    }
    this.#hold();
    return this.#connected.promise;
  }

  async pause(server: string | undefined): Promise<void> {
    const paused = this.#rests.pause(this.#serversOf(server));
    this.#events.emit({ type: 'pause', server });
    this.#updateLanes();
    this.#rests.check(this.#lanes.loops);
    return paused;
  }

  resume(server: string | undefined): void {
    this.#rests.resume(this.#serversOf(server));
    this.#events.emit({ type: 'resume', server });
    this.#updateLanes();
  }

  async workOnce(server: string | undefined, timeoutMs: number): Promise<WorkOnceResult | undefined> {
    this.#check(server);
    if (this.#step !== undefined || (this.#state.name === 'started' && this.#steps.unlimited)) {
      throw new InvalidArgumentError('workOnce() is for a worker that is not started and runs no other job');
    }
    if (this.#setups.pending && this.#state.name === 'idle') {
      await this.#setups.run();
      this.#check(server);
    }
    this.#steps.grant(0);
    this.#onlyServer = server;
    if (this.#state.name === 'idle') this.#begin();
    this.#pool.hold();
    const step = new Step(this.#steps, timeoutMs, this.#runner.clock, () => {
      this.#step = undefined;
      this.#onlyServer = undefined;
      this.#pool.release();
    });
    this.#step = step;
    this.#updateLanes();
    for (const lane of this.#lanes.lanes) lane.serve();
    return step.done;
  }

  async stop(limits: StopLimits): Promise<StopReport> {
    if (limits.server !== undefined && this.#stopped === undefined) {
      return this.#stopServer(limits.server, limits);
    }
    this.#stopped ??= this.#stop();
    if (this.#state.name === 'stopping') {
      const reason = new ClosedError('the worker is stopping');
      const abort = (): void => stopJobs(this.#lanes.loops, reason);
      this.#deadlines.limit(limits, abort, () => this.#giveUp(reason));
    }
    return this.#stopped;
  }

  /** @internal */
  mayAsk(server: string): boolean {
    if (this.#state.name !== 'started' || this.#rests.has(server)) return false;
    return this.#onlyServer === undefined || this.#onlyServer === server;
  }

  /** @internal */
  hasLeft(server: string): boolean {
    return this.#rests.get(server) === 'stopped';
  }

  /** @internal */
  onReady(lane: Lane, connection: Connection): void {
    this.#connected.open();
    if (lane.functions.hasLimits) void this.#fitLimits(lane, connection);
  }

  /** Time limits are in milliseconds: a server that takes them for seconds must not have them. Never rejects. */
  async #fitLimits(lane: Lane, connection: Connection): Promise<void> {
    const { epoch } = connection;
    const version = await this.#versions.learn(connection);
    if (connection.epoch === epoch && countsSeconds(version)) lane.functions.withoutLimits(connection);
  }

  #check(server: string | undefined): void {
    const { name } = this.#state;
    if (name === 'stopping' || name === 'stopped' || this.#pool.closed) {
      throw new ClosedError('a stopped worker cannot be started again');
    }
    this.#serversOf(server);
  }

  /** Each once, however many connections it has. */
  get #servers(): readonly string[] {
    return [...new Set(this.#pool.connections.map(({ server }) => server))];
  }

  #serversOf(server: string | undefined): readonly string[] {
    const all = this.#servers;
    if (server === undefined) return all;
    if (all.includes(server)) return [server];
    throw new InvalidArgumentError(
      `"${server}" is none of the worker's servers, which are ${all.join(', ')}`,
    );
  }

  /** The only place that changes the state, which goes one way. */
  #enter(next: Life): void {
    const from = this.#state.name;
    if (!canFollow(from, next.name)) {
      throw new Error(`worker state ${next.name} cannot follow ${from}`);
    }
    this.#state = next;
  }

  #begin(): void {
    this.#enter({ name: 'started' });
    this.#lanes.attach();
    this.#pool.on('close', this.#onPoolClosed);
    this.#events.emit({ type: 'start' });
    this.onChange();
  }

  #hold(): void {
    if (this.#held || this.#state.name !== 'started') return;
    this.#held = true;
    this.#pool.hold();
  }

  #rejoin(server: string | undefined): void {
    for (const each of this.#serversOf(server)) {
      if (this.#rests.end(each)) for (const lane of this.#lanes.lanes) lane.rejoin(each);
    }
    this.#updateLanes();
  }

  #updateLanes(): void {
    for (const lane of this.#lanes.lanes) lane.update();
    this.onChange();
  }

  /** @internal the status may have changed */
  onChange(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Once per job: whatever is not wanted must cost nothing. */
  #onQuiet(loop: GrabLoop): void {
    loop.lane.check(loop);
    if (this.#state.name === 'stopping') for (const drain of this.#state.drains) drain.check(loop);
    if (this.#rests.awaited) this.#rests.check(this.#lanes.loops);
    this.#step?.onQuiet();
    if (this.#idle.check(loop, this.#events.wants('idle'), this.#loops)) this.#events.emit({ type: 'idle' });
    if (this.#stopIf !== undefined) this.#checkStopIf(this.#stopIf);
    if (this.#watchers.size > 0) this.onChange();
  }

  #checkStopIf(predicate: (status: WorkerStatus) => boolean): void {
    if (this.#stopped !== undefined || !predicate(this.status())) return;
    this.#stopped = this.#stop();
  }

  async #stopServer(server: string, limits: StopLimits): Promise<StopReport> {
    this.#serversOf(server);
    const { finished, unfinished } = this.#runner;
    this.#rests.leave(server);
    if (this.#state.name !== 'started') return { finished: 0, aborted: 0 };
    this.#updateLanes();
    const loopsThere = (): readonly GrabLoop[] =>
      this.#lanes.loops.filter(({ connection }) => connection.server === server);
    const drains = this.#lanes.lanes.map((lane) => lane.withdraw(server));
    const reason = new ClosedError(`the worker is leaving ${server}`);
    const giveUp = (): void => {
      for (const loop of loopsThere()) for (const job of [...loop.jobs]) job.lose(reason);
      for (const drain of drains) drain.force();
    };
    // Its own: jobs that come after a new start there must not meet them.
    const deadlines = new Deadlines(this.#runner.clock);
    deadlines.limit(limits, () => stopJobs(loopsThere(), reason), giveUp);
    await Promise.all(drains.map(({ done }) => done));
    deadlines.cancel();
    this.onChange();
    const given = loopsThere().reduce((sum, { jobs }) => sum + jobs.size, 0);
    return {
      finished: this.#runner.finished - finished,
      aborted: this.#runner.unfinished - unfinished + given,
    };
  }

  async #stop(): Promise<StopReport> {
    const { finished, unfinished } = this.#runner;
    const wasStarted = this.#state.name === 'started';
    const drains = this.#lanes.lanes.map((lane) => lane.functions.takeBackAll(wasStarted ? lane.loops : []));
    this.#enter({ name: 'stopping', drains });
    this.#updateLanes();
    for (const job of this.#plan.waiting)
      job.lose(new ClosedError('the worker stopped before the job began'));
    this.#step?.end();
    await Promise.all(drains.map((drain) => drain.start().done));

    this.#deadlines.cancel();
    this.#pool.off('close', this.#onPoolClosed);
    await Promise.all([this.#links.close(), this.#lanes.close()]);
    if (this.#held) this.#pool.release();
    const report = {
      finished: this.#runner.finished - finished,
      // Handlers that still run have been given up.
      aborted: this.#runner.unfinished - unfinished + this.running.length,
    };
    this.#enter({ name: 'stopped' });
    this.onChange();
    this.#events.emit({ type: 'stop', ...report });
    this.#connected.open();
    this.#rests.close();
    return report;
  }

  /** Leaves the jobs that still run to the server. */
  #giveUp(reason: GearmanError): void {
    this.#stopped ??= this.#stop();
    for (const job of this.running) job.lose(reason);
    // CANT_DO makes a server requeue the jobs of the function.
    if (this.#state.name === 'stopping') for (const drain of this.#state.drains) drain.force();
  }
}

function stopJobs(loops: readonly GrabLoop[], reason: GearmanError): void {
  for (const loop of loops) for (const job of [...loop.jobs]) job.stop(reason);
}
