import { type Observable, TypedEmitter } from '@gearman/events';
import { type ServerAddress, ServerError, serverName } from '@gearman/pool';
import {
  encodeText,
  formatCommand,
  InvalidArgumentError,
  JobRef,
  type TextCommand,
  toFunctionName,
  toJobHandle,
} from '@gearman/protocol';
import type { AdminEvent } from './admin-events.ts';
import { FunctionInUseError, NotFoundError } from './errors.ts';
import {
  type AdminOptions,
  type AdminSettings,
  type CallOptions,
  parseAdminOptions,
  parseCallOptions,
  parseLimits,
  parseWatchOptions,
  type QueueLimits,
  type WatchOptions,
} from './options.ts';
import { type Origin, parseDone, parsePid, parseVerbosity, parseVersion } from './parse.ts';
import { askAll, type PerServer, requireAnswer, selectLinks } from './per-server.ts';
import {
  type JobsReport,
  type PriorityReport,
  query,
  readJobs,
  readPriorityStatus,
  readStatus,
  readUniqueJobs,
  readWorkers,
  type StatusReport,
  type UniqueJobsReport,
  type WorkersReport,
} from './reports.ts';
import type { Verbosity } from './schemas.ts';
import { ServerLink } from './server-link.ts';
import { type Snapshot, watchSnapshots } from './watch.ts';

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
  readonly #settings: AdminSettings;
  readonly #links: readonly ServerLink[];
  readonly #watches = new Set<() => void>();
  readonly #watching = new Set<ServerLink>();
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createAdmin} */
  constructor(settings: AdminSettings) {
    super();
    this.#settings = settings;
    this.#links = settings.pool.servers.map((address) => this.#link(address, settings.idleMs));
  }

  /** The servers, as `host:port`, in the order they were given. */
  get servers(): readonly string[] {
    return this.#links.map(({ server }) => server);
  }

  /** Every function with its jobs and workers: per server and in sum. */
  async status(options: CallOptions = {}): Promise<StatusReport> {
    return requireAnswer(await readStatus(this.#select(options, 'status()'), options));
  }

  /** Every function with its waiting jobs by priority: per server and in sum. Needs gearmand 1.1.16 or newer. */
  async priorityStatus(options: CallOptions = {}): Promise<PriorityReport> {
    return requireAnswer(await readPriorityStatus(this.#select(options, 'priorityStatus()'), options));
  }

  /** Every connection: workers with what they registered, clients, and our own. */
  async workers(options: CallOptions = {}): Promise<WorkersReport> {
    return requireAnswer(await readWorkers(this.#select(options, 'workers()'), options));
  }

  /** Every job, waiting or running. */
  async jobs(options: CallOptions = {}): Promise<JobsReport> {
    return requireAnswer(await readJobs(this.#select(options, 'jobs()'), options));
  }

  /** The unique id of every job. */
  async uniqueJobs(options: CallOptions = {}): Promise<UniqueJobsReport> {
    return requireAnswer(await readUniqueJobs(this.#select(options, 'uniqueJobs()'), options));
  }

  /** The version of each server, for example `1.1.20`. */
  version(options: CallOptions = {}): Promise<PerServer<string>> {
    return this.#ask('version', [], parseVersion, options, 'version()');
  }

  /** The process id of each server. */
  pid(options: CallOptions = {}): Promise<PerServer<number>> {
    return this.#ask('getpid', [], parsePid, options, 'pid()');
  }

  /** How much each server logs. */
  verbose(options: CallOptions = {}): Promise<PerServer<Verbosity>> {
    return this.#ask('verbose', [], parseVerbosity, options, 'verbose()');
  }

  /** Makes a function known, so that `status` lists it before any worker or job names it. */
  createFunction(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    return this.#do(
      'create function',
      () => [toWord(toFunctionName(functionName))],
      options,
      'createFunction()',
    );
  }

  /**
   * Forgets a function. Jobs that wait for it are lost in gearmand; our server refuses while there are some.
   *
   * @returns a promise whose servers may also fail with `ERR_GEARMAN_NOT_FOUND` or `ERR_GEARMAN_FUNCTION_IN_USE`
   */
  dropFunction(functionName: string, options: CallOptions = {}): Promise<PerServer<void>> {
    const refusals: Refusals = (text, { server }) => {
      if (/not found/i.test(text)) return new NotFoundError(server, `function "${functionName}"`);
      if (/still/i.test(text)) return new FunctionInUseError(server, functionName, text);
      return undefined;
    };
    const args = (): string[] => [toWord(toFunctionName(functionName))];
    return this.#do('drop function', args, options, 'dropFunction()', refusals);
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
    const args = (): string[] => [toWord(toFunctionName(functionName)), ...parseLimits(limit)];
    return this.#do('maxqueue', args, options, 'maxQueue()');
  }

  /**
   * Cancels a job. Its clients are told that it failed; a worker that runs it is not told.
   *
   * @param job a reference, also as text `host:port//handle`; a bare handle only where one server is asked, because
   * servers give the same handles
   * @returns a promise that also rejects with `ERR_GEARMAN_NOT_FOUND`
   */
  async cancelJob(job: JobRef | string, options: CallOptions = {}): Promise<void> {
    const links = this.#select(options, 'cancelJob()');
    const isReference = job instanceof JobRef || job.includes('//');
    const { server, handle } = isReference
      ? JobRef.parse(String(job))
      : { server: links.length === 1 ? links[0]?.server : undefined, handle: toJobHandle(job) };
    if (server === undefined) {
      throw new InvalidArgumentError(
        `several servers may have a job "${handle}"; give a reference, host:port//handle, or the option servers`,
      );
    }
    const refusals: Refusals = (_, origin, code) =>
      code === 'UNKNOWN_JOB' ? new NotFoundError(origin.server, `job ${handle}`) : undefined;
    const only = { ...options, servers: server };
    await this.#do('cancel job', () => [toWord(handle)], only, 'cancelJob()', refusals);
  }

  /**
   * Ends the servers. gearmand has not known this since 1.1.15: `ERR_GEARMAN_UNSUPPORTED`.
   *
   * @param options `graceful`: running jobs may end before
   */
  async shutdown(options: CallOptions & { readonly graceful?: boolean } = {}): Promise<PerServer<void>> {
    const { graceful = false, ...call } = options;
    const line = formatCommand('shutdown', graceful ? ['graceful'] : []);
    const links = this.#select(call, 'shutdown()');
    // Without a mark behind it: who shuts down may not answer anything else.
    const run = async (link: ServerLink): Promise<void> =>
      parseDone(await link.ask(line, 'done', call), { server: link.server, command: 'shutdown' });
    return requireAnswer(await askAll(links, run));
  }

  /**
   * Sends any command and returns the lines of its answer as they came: `OK` and `ERR` lines and the full stop behind
   * a list included. For commands that only some servers know.
   *
   * @param line one line without its end. gearmand closes the connection after more than five words
   */
  async command(line: string, options: CallOptions = {}): Promise<PerServer<readonly string[]>> {
    const links = this.#select(options, 'command()');
    if (/[\r\n\0]/.test(line)) throw new InvalidArgumentError('a command must be one line without NUL');
    const text = `${encodeText(line)}\r\n`;
    return requireAnswer(await askAll(links, (link) => link.ask(text, 'fenced', options)));
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
  watch$(options: WatchOptions = {}): Observable<Snapshot> {
    const { intervalMs, servers } = parseWatchOptions(options);
    const names = selectLinks(this.#links, servers).map(({ server }) => server);
    const addresses = this.#settings.pool.servers.filter((address) => names.includes(serverName(address)));
    const open = (): ServerLink[] => {
      const links = addresses.map((address) => this.#link(address, Number.POSITIVE_INFINITY));
      for (const link of links) this.#watching.add(link);
      return links;
    };
    const close = (links: readonly ServerLink[]): void => {
      for (const link of links) void link.close().then(() => this.#watching.delete(link));
    };
    const onClose = (complete: () => void): (() => void) => {
      if (this.#closing !== undefined) complete();
      this.#watches.add(complete);
      return () => this.#watches.delete(complete);
    };
    const source = { open, close, onClose, clock: this.#settings.pool.clock };
    return watchSnapshots(source, intervalMs);
  }

  /** Closes all connections and completes what watches. Calls without an answer reject with `ERR_GEARMAN_CLOSED`. */
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
    for (const complete of this.#watches) complete();
    await Promise.all([...this.#links, ...this.#watching].map((link) => link.close()));
    this.#closed = true;
    this.emit({ type: 'close' });
  }

  #link(address: ServerAddress, idleMs: number): ServerLink {
    return new ServerLink(address, this.#settings.pool, idleMs, (event) => {
      // Commands that failed by closing may end a little later.
      if (!this.#closed) this.emit(event);
    });
  }

  #select(options: CallOptions, where: string): readonly ServerLink[] {
    return selectLinks(this.#links, parseCallOptions(options, where).servers);
  }

  async #ask<T>(
    command: TextCommand,
    args: readonly string[],
    parse: (lines: readonly string[], origin: Origin) => T,
    options: CallOptions,
    where: string,
  ): Promise<PerServer<T>> {
    const links = this.#select(options, where);
    return requireAnswer(await askAll(links, (link) => query(link, command, args, parse, options)));
  }

  /** Runs a command that is answered by OK. `args` may throw; then nothing is sent. */
  async #do(
    command: TextCommand,
    args: () => readonly string[],
    options: CallOptions,
    where: string,
    refusals: Refusals = () => undefined,
  ): Promise<PerServer<void>> {
    const parse = (lines: readonly string[], origin: Origin): void => {
      try {
        parseDone(lines, origin);
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        throw refusals(error.serverText, origin, error.serverCode) ?? error;
      }
    };
    return this.#ask(command, args(), parse, options, where);
  }
}

/** What a refusal means for one command, if it means something special. */
type Refusals = (
  text: string,
  origin: Origin,
  code: string,
) => NotFoundError | FunctionInUseError | undefined;

/** A byte string that can be one word of a command: there is no quoting. */
function toWord(byteString: string): string {
  if (/[ \r\n]/.test(byteString)) {
    throw new InvalidArgumentError(
      `${JSON.stringify(byteString)} cannot be named in a command: it has a space in it`,
    );
  }
  return byteString;
}
