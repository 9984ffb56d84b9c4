import { type Observable, TypedEmitter } from '@gearman/events';
import { type ServerAddress, serverName } from '@gearman/pool';
import { InvalidArgumentError, JobRef, toJobHandle } from '@gearman/protocol';
import type { AdminEvent } from './admin-events.ts';
import { DeadJobs } from './dead-jobs.ts';
import { type FunctionDelta, functionChanges } from './function-changes.ts';
import {
  type AdminOptions,
  type AdminSettings,
  type CallOptions,
  type PollOptions,
  parseAdminOptions,
  parseCallOptions,
  parsePollOptions,
  type QueueLimits,
  type ServerCallOptions,
} from './options.ts';
import { askAll, type PerServer, requireAnswer, selectServers } from './per-server.ts';
import { type PollSource, pollSnapshots, type Snapshot } from './poll.ts';
import {
  type JobsReport,
  joinRows,
  type PausedReport,
  type PriorityReport,
  type SchedulesReport,
  type StatusReport,
  sumPriorities,
  sumStatus,
  type UniqueJobsReport,
  type WorkersReport,
} from './reports.ts';
import type { Verbosity } from './schemas.ts';
import { ServerAdmin } from './server-admin.ts';
import { ServerLink } from './server-link.ts';

/**
 * Builds an admin: the text commands of one or more job servers as checked values.
 *
 * It connects when something is asked and hangs up when nothing was for a while, so building it needs no server.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong or unknown options
 */
export function createAdmin(options: AdminOptions = {}): Admin {
  return new Admin(parseAdminOptions(options));
}

/**
 * The text commands of one or more job servers. See {@link createAdmin}.
 *
 * Every call asks all servers, or those that its option `servers` names, at the same time. It resolves when at least
 * one answered; `failures` names the others and why. When none did it rejects: with the error itself if one server
 * was asked, else with `ERR_GEARMAN_NO_ANSWER`, which names each. The errors of one server:
 *
 * - `ERR_GEARMAN_CONNECT`: it does not accept connections. Nothing was sent
 * - `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_REPLY_TIMEOUT`: it may or may not have obeyed
 * - `ERR_GEARMAN_UNSUPPORTED`: it does not know the command
 * - `ERR_GEARMAN_SERVER`: it refused with an `ERR` line
 * - `ERR_GEARMAN_ADMIN_PARSE`: its answer makes no sense
 *
 * Calls reject with `ERR_GEARMAN_INVALID_ARGUMENT` before anything is sent, with `ERR_GEARMAN_CLOSED` after
 * {@link Admin.close}, and with the reason of the signal.
 */
export class Admin extends TypedEmitter<AdminEvent> {
  /** Background jobs that failed for good and that servers keep. */
  readonly dead: DeadJobs;
  readonly #settings: AdminSettings;
  readonly #links: readonly ServerLink[];
  readonly #servers: readonly ServerAdmin[];
  readonly #polls = new Set<() => void>();
  readonly #polling = new Set<ServerLink>();
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createAdmin} */
  constructor(settings: AdminSettings) {
    super();
    this.dead = new DeadJobs((where, options, ask) => this.#all(where, options, ask));
    this.#settings = settings;
    this.#links = settings.pool.servers.map((address) => this.#link(address, settings.idleMs));
    this.#servers = this.#links.map((link) => new ServerAdmin(link, settings.prefix));
  }

  /** The servers, as `host:port`, in the order they were given. */
  get servers(): readonly string[] {
    return this.#links.map(({ server }) => server);
  }

  /** Every function with its jobs and workers: per server and in sum. */
  async status(options: CallOptions = {}): Promise<StatusReport> {
    const report = await this.#all('status()', options, (server, call) => server.status(call));
    return { functions: sumStatus(report.answers), ...report };
  }

  /** Every function with its waiting jobs by priority: per server and in sum. Needs gearmand 1.1.16 or newer. */
  async priorityStatus(options: CallOptions = {}): Promise<PriorityReport> {
    const report = await this.#all('priorityStatus()', options, (server, call) =>
      server.priorityStatus(call),
    );
    return { functions: sumPriorities(report.answers), ...report };
  }

  /**
   * Every connection: workers with what they registered, clients, and our own; with a `prefix` only workers that offer
   * functions with it.
   */
  async workers(options: CallOptions = {}): Promise<WorkersReport> {
    const report = await this.#all('workers()', options, (server, call) => server.workers(call));
    return { workers: joinRows(report.answers), ...report };
  }

  /** Every job, waiting or running. */
  async jobs(options: CallOptions = {}): Promise<JobsReport> {
    const report = await this.#all('jobs()', options, (server, call) => server.jobs(call));
    return { jobs: joinRows(report.answers), ...report };
  }

  /** The unique id of every job. */
  async uniqueJobs(options: CallOptions = {}): Promise<UniqueJobsReport> {
    const report = await this.#all('uniqueJobs()', options, (server, call) => server.uniqueJobs(call));
    return { jobs: joinRows(report.answers), ...report };
  }

  /** The version of each server, for example `1.1.20`. */
  version(options: CallOptions = {}): Promise<PerServer<string>> {
    return this.#all('version()', options, (server, call) => server.version(call));
  }

  /** The process id of each server. */
  pid(options: CallOptions = {}): Promise<PerServer<number>> {
    return this.#all('pid()', options, (server, call) => server.pid(call));
  }

  /** How much each server logs. */
  verbose(options: CallOptions = {}): Promise<PerServer<Verbosity>> {
    return this.#all('verbose()', options, (server, call) => server.verbose(call));
  }

  /** Makes a function known, so that `status` lists it before any worker or job names it. */
  createFunction(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    return this.#all('createFunction()', options, (server, call) =>
      server.createFunction(functionName, call),
    );
  }

  /**
   * Forgets a function. Jobs that wait for it are lost in gearmand; our server refuses while there are some.
   *
   * @returns a promise whose servers may also fail with `ERR_GEARMAN_NOT_FOUND` or `ERR_GEARMAN_FUNCTION_IN_USE`
   */
  dropFunction(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    return this.#all('dropFunction()', options, (server, call) => server.dropFunction(functionName, call));
  }

  /**
   * Limits how many jobs of a function may wait. Submits past it are refused with `ERR_GEARMAN_QUEUE_FULL`.
   *
   * The function must exist: for others the server says OK and does nothing.
   *
   * @param limit for all priorities, or for each; 0 or null: no limit
   */
  maxQueue(
    functionName: string,
    limit: number | null | QueueLimits,
    options: CallOptions = {},
  ): Promise<PerServer<void>> {
    return this.#all('maxQueue()', options, (server, call) => server.maxQueue(functionName, limit, call));
  }

  /**
   * Cancels a job. Its clients are told that it failed; a worker that runs it is not told.
   *
   * @param job a reference, also as text `host:port//handle`; a bare handle only where one server is asked, because
   * servers give the same handles
   * @returns a promise that also rejects with `ERR_GEARMAN_NOT_FOUND`
   */
  cancelJob(job: JobRef | string, options: CallOptions = {}): Promise<void> {
    return this.#one('cancelJob()', 'job', job, options, (server, handle, call) =>
      server.cancelJob(handle, call),
    );
  }

  /** Every schedule, with its next run. Only our server has them. */
  async schedules(options: CallOptions = {}): Promise<SchedulesReport> {
    const report = await this.#all('schedules()', options, (server, call) => server.schedules(call));
    return { schedules: joinRows(report.answers), ...report };
  }

  /**
   * Ends a schedule. Jobs that it has submitted stay.
   *
   * @param schedule as a job in {@link cancelJob}
   * @returns a promise that also rejects with `ERR_GEARMAN_NOT_FOUND`, as do those of the three calls below
   */
  cancelSchedule(schedule: JobRef | string, options: CallOptions = {}): Promise<void> {
    return this.#one('cancelSchedule()', 'schedule', schedule, options, (server, handle, call) =>
      server.cancelSchedule(handle, call),
    );
  }

  /** Lets a schedule rest until it is resumed. */
  pauseSchedule(schedule: JobRef | string, options: CallOptions = {}): Promise<void> {
    return this.#one('pauseSchedule()', 'schedule', schedule, options, (server, handle, call) =>
      server.pauseSchedule(handle, call),
    );
  }

  /** Lets a schedule go on. What it would have done meanwhile is not made up for. */
  resumeSchedule(schedule: JobRef | string, options: CallOptions = {}): Promise<void> {
    return this.#one('resumeSchedule()', 'schedule', schedule, options, (server, handle, call) =>
      server.resumeSchedule(handle, call),
    );
  }

  /**
   * Runs a schedule once more, now, whether it is paused or not. It goes on as before.
   *
   * @returns a promise that also rejects with `ERR_GEARMAN_SERVER` when there is no job: that of an earlier run has not
   * ended (`SCHEDULE_OVERLAPS`), or the queue is full
   */
  runNow(schedule: JobRef | string, options: CallOptions = {}): Promise<void> {
    return this.#one('runNow()', 'schedule', schedule, options, (server, handle, call) =>
      server.runNow(handle, call),
    );
  }

  /**
   * Has a function hand out no jobs until it is resumed, also after a restart of a server that keeps jobs. Those that run
   * go on, and new ones are accepted. Only our server can do so.
   */
  pause(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    return this.#all('pause()', options, (server, call) => server.pause(functionName, call));
  }

  /** Has a function hand out jobs again. Servers may also fail with `ERR_GEARMAN_NOT_FOUND`. */
  resume(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    return this.#all('resume()', options, (server, call) => server.resume(functionName, call));
  }

  /** The functions that are paused. */
  async paused(options: CallOptions = {}): Promise<PausedReport> {
    const report = await this.#all('paused()', options, (server, call) => server.paused(call));
    return { functionNames: [...new Set(joinRows(report.answers))].sort(), ...report };
  }

  /**
   * Ends the servers. gearmand has not known this since 1.1.15: `ERR_GEARMAN_UNSUPPORTED`.
   *
   * @param options `graceful`: running jobs may end before
   */
  shutdown(options: CallOptions & { readonly graceful?: boolean } = {}): Promise<PerServer<void>> {
    const { graceful = false, ...rest } = options;
    return this.#all('shutdown()', rest, (server, call) => server.shutdown({ ...call, graceful }));
  }

  /**
   * Sends any command and returns the lines of its answer as they came: `OK` and `ERR` lines and the full stop behind
   * a list included. For commands that only some servers know. No prefix is added or taken away.
   *
   * @param line one line without its end. gearmand closes the connection after more than five words
   */
  command(line: string, options: CallOptions = {}): Promise<PerServer<readonly string[]>> {
    return this.#all('command()', options, (server, call) => server.command(line, call));
  }

  /**
   * Does the same with each server, all at the same time: several commands in a row, or a decision in between.
   *
   * @param work gets the commands of one server, and its failures are that server's. An error that is no
   * `GearmanError` rejects the whole call
   */
  each<T>(work: (server: ServerAdmin) => Promise<T>, options: CallOptions = {}): Promise<PerServer<T>> {
    return this.#all('each()', options, (server) => work(server));
  }

  /**
   * A cold Observable of snapshots: the first at once, then whenever something has changed since the last.
   *
   * Each subscription looks on connections of its own. A server that does not answer is listed in `failures`, so it
   * never errors; it completes with {@link Admin.close}. It keeps the process alive until you unsubscribe, which also
   * closes its connections.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  poll$(options: PollOptions = {}): Observable<Snapshot> {
    return this.#poll('poll$()', options);
  }

  /**
   * A cold Observable of what changes: one value per function whose counts are not what they were, and at first one for
   * each that is there. It looks as {@link Admin.poll$} does; a server that does not answer counts with what it said last.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  changes$(options: PollOptions = {}): Observable<FunctionDelta> {
    return functionChanges(this.#poll('changes$()', options));
  }

  /** Closes all connections and completes what looks. Calls without an answer reject with `ERR_GEARMAN_CLOSED`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override isLast(event: AdminEvent): boolean {
    return event.type === 'close';
  }

  async #close(): Promise<void> {
    for (const complete of this.#polls) complete();
    await Promise.all([...this.#links, ...this.#polling].map((link) => link.close()));
    this.#closed = true;
    this.emit({ type: 'close' });
  }

  #link(address: ServerAddress, idleMs: number): ServerLink {
    return new ServerLink(address, this.#settings.pool, idleMs, (event) => {
      // Commands that failed by closing may end a little later.
      if (!this.#closed) this.emit(event);
    });
  }

  #select(
    where: string,
    options: CallOptions,
  ): { readonly servers: readonly ServerAdmin[]; readonly call: ServerCallOptions } {
    const { servers, ...call } = parseCallOptions(options, where);
    return { servers: selectServers(this.#servers, servers), call };
  }

  /** Does something with a job or a schedule, on the server that has it. */
  async #one(
    where: string,
    what: string,
    which: JobRef | string,
    options: CallOptions,
    act: (server: ServerAdmin, handle: string, call: ServerCallOptions) => Promise<void>,
  ): Promise<void> {
    const { servers, call } = this.#select(where, options);
    const isReference = which instanceof JobRef || which.includes('//');
    const { server, handle } = isReference
      ? JobRef.parse(String(which))
      : { server: servers.length === 1 ? servers[0]?.server : undefined, handle: toJobHandle(which) };
    if (server === undefined) {
      throw new InvalidArgumentError(
        `several servers may have a ${what} "${handle}"; give a reference, host:port//handle, or the option servers`,
      );
    }
    const [one] = selectServers(this.#servers, server);
    if (one !== undefined) await act(one, handle, call);
  }

  async #all<T>(
    where: string,
    options: CallOptions,
    ask: (server: ServerAdmin, call: ServerCallOptions) => Promise<T>,
  ): Promise<PerServer<T>> {
    const { servers, call } = this.#select(where, options);
    return requireAnswer(await askAll(servers, (server) => ask(server, call)));
  }

  #poll(where: string, options: PollOptions): Observable<Snapshot> {
    const { intervalMs, servers } = parsePollOptions(options, where);
    const names = selectServers(this.#links, servers).map(({ server }) => server);
    const addresses = this.#settings.pool.servers.filter((address) => names.includes(serverName(address)));
    const source: PollSource = {
      clock: this.#settings.pool.clock,
      open: () => {
        const links = addresses.map((address) => this.#link(address, Number.POSITIVE_INFINITY));
        for (const link of links) this.#polling.add(link);
        return {
          servers: links.map((link) => new ServerAdmin(link, this.#settings.prefix)),
          close: () => {
            for (const link of links) void link.close().then(() => this.#polling.delete(link));
          },
        };
      },
      onClose: (complete) => {
        if (this.#closing !== undefined) complete();
        this.#polls.add(complete);
        return () => this.#polls.delete(complete);
      },
    };
    return pollSnapshots(source, intervalMs);
  }
}
