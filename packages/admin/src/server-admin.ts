import { ServerError } from '@gearman/pool';
import {
  encodeText,
  formatCommand,
  InvalidArgumentError,
  type TextCommand,
  toFunctionName,
  toJobHandle,
} from '@gearman/protocol';
import { FunctionInUseError, NotFoundError, UnsupportedError } from './errors.ts';
import { parseLimits, parseServerCallOptions, type QueueLimits, type ServerCallOptions } from './options.ts';
import {
  type Origin,
  parseCount,
  parseDeadJobs,
  parseDone,
  parseJobs,
  parsePaused,
  parsePid,
  parsePriorityStatus,
  parseSchedules,
  parseStatus,
  parseUniqueJobs,
  parseVerbosity,
  parseVersion,
  parseWorkers,
} from './parse.ts';
import { type NamePrefix, stripRows, stripWorkers } from './prefix.ts';
import type {
  DeadJobInfo,
  FunctionStatus,
  JobInfo,
  PriorityStatus,
  ScheduleInfo,
  UniqueJobInfo,
  Verbosity,
  WorkerInfo,
} from './schemas.ts';
import type { ServerLink } from './server-link.ts';

/** Dead jobs: one, those of a function, or all of a server. */
export type DeadSelection =
  | { readonly handle: string }
  | { readonly functionName: string }
  | { readonly all: true };

/** What a refusal means for one command, if it means something special. */
type Refusals = (error: ServerError) => Error | undefined;

/**
 * The text commands of one server, as {@link Admin.each} hands them out: what they resolve with is that server's plain
 * answer.
 *
 * They reject with `ERR_GEARMAN_CONNECT` when the server does not accept connections (nothing was sent), with
 * `ERR_GEARMAN_CONNECTION_LOST` and `ERR_GEARMAN_REPLY_TIMEOUT` when it may or may not have obeyed, with
 * `ERR_GEARMAN_UNSUPPORTED`, `ERR_GEARMAN_SERVER`, `ERR_GEARMAN_ADMIN_PARSE`, `ERR_GEARMAN_INVALID_ARGUMENT` before
 * anything is sent, and `ERR_GEARMAN_CLOSED` once the admin is closed.
 */
export class ServerAdmin {
  readonly #link: ServerLink;
  readonly #prefix: NamePrefix;

  /** @internal */
  constructor(link: ServerLink, prefix: NamePrefix) {
    this.#link = link;
    this.#prefix = prefix;
  }

  /** The server as `host:port`. */
  get server(): string {
    return this.#link.server;
  }

  /** Every function with its jobs and workers, in the server's order. */
  async status(options?: ServerCallOptions): Promise<readonly FunctionStatus[]> {
    return stripRows(await this.#ask('status', [], parseStatus, options), this.#prefix);
  }

  /** Every function with its waiting jobs by priority. Needs gearmand 1.1.16 or newer. */
  async priorityStatus(options?: ServerCallOptions): Promise<readonly PriorityStatus[]> {
    return stripRows(await this.#ask('prioritystatus', [], parsePriorityStatus, options), this.#prefix);
  }

  /** Every connection, by number; with a prefix only workers that offer functions with it. */
  async workers(options?: ServerCallOptions): Promise<readonly WorkerInfo[]> {
    const workers = stripWorkers(await this.#ask('workers', [], parseWorkers, options), this.#prefix);
    return workers.sort((a, b) => a.connectionId - b.connectionId);
  }

  /** Every job, waiting or running. */
  jobs(options?: ServerCallOptions): Promise<readonly JobInfo[]> {
    return this.#ask('show jobs', [], parseJobs, options);
  }

  /** The unique id of every job. */
  uniqueJobs(options?: ServerCallOptions): Promise<readonly UniqueJobInfo[]> {
    return this.#ask('show unique jobs', [], parseUniqueJobs, options);
  }

  /** The version, for example `1.1.20`. */
  version(options?: ServerCallOptions): Promise<string> {
    return this.#ask('version', [], parseVersion, options);
  }

  /** The process id. */
  pid(options?: ServerCallOptions): Promise<number> {
    return this.#ask('getpid', [], parsePid, options);
  }

  /** How much the server logs. */
  verbose(options?: ServerCallOptions): Promise<Verbosity> {
    return this.#ask('verbose', [], parseVerbosity, options);
  }

  /** See {@link Admin.createFunction}. */
  async createFunction(functionName: string, options?: ServerCallOptions): Promise<void> {
    await this.#ask('create function', [this.#word(functionName)], parseDone, options);
  }

  /** See {@link Admin.dropFunction}. */
  async dropFunction(functionName: string, options?: ServerCallOptions): Promise<void> {
    const refusals: Refusals = ({ serverText }) => {
      if (/not found/i.test(serverText)) return new NotFoundError(this.server, `function "${functionName}"`);
      if (/still/i.test(serverText)) return new FunctionInUseError(this.server, functionName, serverText);
      return undefined;
    };
    await this.#do('drop function', [this.#word(functionName)], refusals, options);
  }

  /** See {@link Admin.maxQueue}. */
  async maxQueue(
    functionName: string,
    limit: number | null | QueueLimits,
    options?: ServerCallOptions,
  ): Promise<void> {
    await this.#ask('maxqueue', [this.#word(functionName), ...parseLimits(limit)], parseDone, options);
  }

  /** See {@link Admin.cancelJob}; here the handle alone names the job. */
  async cancelJob(handle: string, options?: ServerCallOptions): Promise<void> {
    const refusals: Refusals = ({ serverCode }) =>
      serverCode === 'UNKNOWN_JOB' ? new NotFoundError(this.server, `job ${handle}`) : undefined;
    await this.#do('cancel job', [toWord(toJobHandle(handle))], refusals, options);
  }

  /** See {@link Admin.schedules}. */
  async schedules(options?: ServerCallOptions): Promise<readonly ScheduleInfo[]> {
    return stripRows(await this.#ask('show schedules', [], parseSchedules, options), this.#prefix);
  }

  /** See {@link Admin.cancelSchedule}; here the handle alone names the schedule, as in those below. */
  cancelSchedule(handle: string, options?: ServerCallOptions): Promise<void> {
    return this.#doSchedule('cancel schedule', handle, options);
  }

  /** See {@link Admin.pauseSchedule}. */
  pauseSchedule(handle: string, options?: ServerCallOptions): Promise<void> {
    return this.#doSchedule('pause schedule', handle, options);
  }

  /** See {@link Admin.resumeSchedule}. */
  resumeSchedule(handle: string, options?: ServerCallOptions): Promise<void> {
    return this.#doSchedule('resume schedule', handle, options);
  }

  /** See {@link Admin.runNow}. */
  runNow(handle: string, options?: ServerCallOptions): Promise<void> {
    return this.#doSchedule('run schedule', handle, options);
  }

  /** See {@link Admin.paused}. */
  async paused(options?: ServerCallOptions): Promise<readonly string[]> {
    const names = await this.#ask('show paused', [], parsePaused, options);
    return names.flatMap((name) => this.#prefix.strip(name) ?? []);
  }

  /** See {@link Admin.pause}. */
  async pause(functionName: string, options?: ServerCallOptions): Promise<void> {
    await this.#ask('pause function', [this.#word(functionName)], parseDone, options);
  }

  /** See {@link Admin.resume}. */
  async resume(functionName: string, options?: ServerCallOptions): Promise<void> {
    const refusals: Refusals = ({ serverText }) =>
      /not found/i.test(serverText)
        ? new NotFoundError(this.server, `function "${functionName}"`)
        : undefined;
    await this.#do('resume function', [this.#word(functionName)], refusals, options);
  }

  /** See {@link DeadJobs.list}. */
  async deadJobs(
    functionName: string | undefined,
    options?: ServerCallOptions,
  ): Promise<readonly DeadJobInfo[]> {
    const args = functionName === undefined ? [] : [this.#word(functionName)];
    return stripRows(await this.#ask('dead list', args, parseDeadJobs, options), this.#prefix);
  }

  /** See {@link DeadJobs.requeue}; here the handle alone names a job. */
  requeueDead(which: DeadSelection, options?: ServerCallOptions): Promise<number> {
    return this.#doDead('dead requeue', which, options);
  }

  /** See {@link DeadJobs.delete}; here the handle alone names a job. */
  deleteDead(which: DeadSelection, options?: ServerCallOptions): Promise<number> {
    return this.#doDead('dead delete', which, options);
  }

  /** See {@link Admin.shutdown}. */
  async shutdown(options: ServerCallOptions & { readonly graceful?: boolean } = {}): Promise<void> {
    const { graceful = false, ...call } = options;
    const line = formatCommand('shutdown', graceful ? ['graceful'] : []);
    // Without a mark behind it: who shuts down may not answer anything else.
    const lines = await this.#link.ask(line, 'done', parseServerCallOptions(call, 'shutdown()'));
    parseDone(lines, { server: this.server, command: 'shutdown' });
  }

  /** See {@link Admin.command}. */
  async command(line: string, options: ServerCallOptions = {}): Promise<readonly string[]> {
    if (/[\r\n\0]/.test(line)) throw new InvalidArgumentError('a command must be one line without NUL');
    return this.#link.ask(`${encodeText(line)}\r\n`, 'fenced', parseServerCallOptions(options, 'command()'));
  }

  /**
   * Sends a command and reads its answer.
   *
   * An ECHO_REQ behind each command marks the end of the answer, because a line of a list may hold anything: a unique id
   * may be `.`, which ends lists.
   */
  async #ask<T>(
    command: TextCommand,
    args: readonly string[],
    parse: (lines: readonly string[], origin: Origin) => T,
    options: ServerCallOptions = {},
  ): Promise<T> {
    const line = formatCommand(command, args);
    const lines = await this.#link.ask(line, 'fenced', parseServerCallOptions(options, command));
    return parse(lines, { server: this.server, command });
  }

  /** Runs a command whose refusals have meanings of their own. */
  async #do(
    command: TextCommand,
    args: readonly string[],
    refusals: Refusals,
    options?: ServerCallOptions,
  ): Promise<void> {
    try {
      await this.#ask(command, args, parseDone, options);
    } catch (error) {
      throw (error instanceof ServerError && refusals(error)) || error;
    }
  }

  async #doSchedule(
    command: 'cancel schedule' | 'pause schedule' | 'resume schedule' | 'run schedule',
    handle: string,
    options?: ServerCallOptions,
  ): Promise<void> {
    const refusals: Refusals = ({ serverCode }) => {
      if (serverCode === 'UNKNOWN_SCHEDULE') return new NotFoundError(this.server, `schedule ${handle}`);
      // What gearmand says of anything but a job that is to be cancelled.
      return serverCode === 'UNKNOWN_ERROR' ? new UnsupportedError(this.server, command) : undefined;
    };
    await this.#do(command, [toWord(toJobHandle(handle))], refusals, options);
  }

  async #doDead(
    command: 'dead requeue' | 'dead delete',
    which: DeadSelection,
    options?: ServerCallOptions,
  ): Promise<number> {
    const args =
      'handle' in which
        ? [toWord(toJobHandle(which.handle))]
        : 'functionName' in which
          ? ['function', this.#word(which.functionName)]
          : ['all'];
    try {
      return await this.#ask(command, args, parseCount, options);
    } catch (error) {
      const isUnknown = error instanceof ServerError && error.serverCode === 'UNKNOWN_JOB';
      throw isUnknown ? new NotFoundError(this.server, `dead job ${args.join(' ')}`) : error;
    }
  }

  #word(functionName: string): string {
    // Checked on its own first: a prefix must not make a name of nothing.
    toFunctionName(functionName);
    return toWord(toFunctionName(this.#prefix.add(functionName)));
  }
}

/** A byte string that can be one word of a command: there is no quoting. */
function toWord(byteString: string): string {
  if (/[ \r\n]/.test(byteString)) {
    throw new InvalidArgumentError(
      `${JSON.stringify(byteString)} cannot be named in a command: it has a space in it`,
    );
  }
  return byteString;
}
