import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Clock, type Logger, parseOptions, systemClock } from '@gearman/events';
import type { PoolOptions } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { WorkerSettings } from '../options.ts';
import type { BackOffSettings } from './back-off.ts';
import type { ModuleSource } from './messages.ts';
import type { RecycleSettings } from './recycle.ts';

/** Options of the workers in the processes: those of `createWorker()` that are plain data, because they travel. */
export type ProcessWorkerOptions = Omit<WorkerSettings, 'client' | 'setup'> &
  Omit<PoolOptions, 'logger' | 'clock' | 'random' | 'dial' | 'onServerLost' | 'pool'>;

/** When processes are replaced by new ones, one at a time: against what leaks. */
export interface RecycleOptions {
  /** After so long at work, in milliseconds. @defaultValue never */
  readonly maxAgeMs?: number;
  /** After about so many jobs: those that come until the new process is there are done as well. @defaultValue never */
  readonly maxJobs?: number;
  /** When it takes so much resident memory, in bytes, looked at while jobs come. @defaultValue never */
  readonly maxMemoryBytes?: number;
  /**
   * By which share, 0 to 1, age and jobs of each process may stay below their limit, drawn by lot, so that processes that
   * started together are not replaced together.
   *
   * @defaultValue 0.2
   */
  readonly splay?: number;
}

/** When processes that end by themselves are started again. */
export interface RestartOptions {
  /** The first delay, in milliseconds; it doubles with each process in a row that ends soon. @defaultValue 100 */
  readonly minMs?: number;
  /** The longest delay, in milliseconds. @defaultValue 30_000 */
  readonly maxMs?: number;
  /** A process that was ready for so long, in milliseconds, is started again at once. @defaultValue 10_000 */
  readonly stableMs?: number;
}

/** What can be said for all modules, and for each by itself. */
export interface ModuleSettings {
  /** How many processes; `'cpus'` for one per processor. @defaultValue 1 */
  readonly processes?: number | 'cpus';
  /** Options of their workers, such as `concurrency`. */
  readonly worker?: ProcessWorkerOptions;
  readonly recycle?: RecycleOptions;
  /** Arguments for Node.js, such as `['--import', 'tsx']`. @defaultValue those of this process, without debugger */
  readonly execArgv?: readonly string[];
  /** Added to the environment of the processes. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A module, and how it is to be run. What is not said here, the supervisor's options say. */
export interface ModuleOptions extends ModuleSettings {
  /** A file, relative to the working directory, or its URL: see {@link WorkerModule} for what it exports. */
  readonly module?: string | URL;
  /**
   * Instead of `module`, a folder: each file in it with the ending js, mjs, cjs, ts, mts or cts is a module; one that
   * exports a handler is the function with the name of the file.
   */
  readonly folder?: string | URL;
  /** What its processes are called. @defaultValue the name of the file or folder */
  readonly name?: string;
  /** The functions to offer, for processes of their own. @defaultValue all of the module */
  readonly functions?: readonly string[];
}

/** Options of `createSupervisor()`. */
export interface SupervisorOptions extends ModuleSettings {
  /** The only module; otherwise `modules`. */
  readonly module?: string | URL;
  /** What to run, each in processes of its own. */
  readonly modules?: readonly (string | URL | ModuleOptions)[];
  /** The job servers, as for `createWorker()`. @defaultValue `GEARMAN_SERVERS`, else `127.0.0.1:4730` */
  readonly servers?: PoolOptions['servers'];
  readonly restart?: RestartOptions;
  /** With false processes that end are not started again; when none is left, the supervisor stops. @defaultValue true */
  readonly keepAlive?: boolean;
  /** How long jobs may go on when their process has to end, in milliseconds. Then it is killed. @defaultValue 30_000 */
  readonly stopTimeoutMs?: number;
  /**
   * How long a process may take to load its module, and then to reach a server, in milliseconds. One that has not loaded
   * it by then is killed; one that has found no server counts as ready, and goes on trying.
   *
   * @defaultValue 10_000
   */
  readonly readyTimeoutMs?: number;
  /** How often a process tells its jobs and memory while jobs come, in milliseconds. @defaultValue 1000 */
  readonly reportIntervalMs?: number;
  /** Whether to reload when a file changes in the folder of a module, or below, `node_modules` aside. @defaultValue false */
  readonly watch?: boolean;
  /** Gets what processes print, line by line, and what the supervisor does. @defaultValue lines go to the standard output */
  readonly logger?: Logger;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** Draws from 0 up to 1. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** One module, checked, with defaults, and all that its processes need to know. */
export interface GroupSettings {
  readonly name: string;
  readonly source: ModuleSource;
  /** The folder to watch. */
  readonly watchedFolder: string;
  readonly processes: number;
  readonly worker: object;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly recycle: RecycleSettings;
  readonly restart: BackOffSettings;
  readonly keepAlive: boolean;
  readonly stopTimeoutMs: number;
  readonly orphanTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly reportIntervalMs: number;
  /** The same for settings with which a process need not be replaced. */
  readonly fingerprint: string;
}

/** Options of `createSupervisor()`, checked, with defaults. */
export interface ResolvedSupervisorOptions {
  readonly groups: readonly GroupSettings[];
  readonly stopTimeoutMs: number;
  readonly watch: boolean;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const durationMs = z.number().positive();
const object = <T>() =>
  z.custom<T>((value) => typeof value === 'object' && value !== null, 'must be an object');
const path = z.union([z.string().min(1), z.instanceof(URL)]);

const shared = {
  processes: z.union([z.number().int().min(0).max(4096), z.literal('cpus')]).optional(),
  worker: object<ProcessWorkerOptions>().optional(),
  recycle: z
    .strictObject({
      maxAgeMs: durationMs.optional(),
      maxJobs: z.number().int().min(1).optional(),
      maxMemoryBytes: z.number().int().min(1).optional(),
      splay: z.number().min(0).max(1).default(0.2),
    })
    .optional(),
  execArgv: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
};

const moduleSchema = z.strictObject({
  ...shared,
  module: path.optional(),
  folder: path.optional(),
  name: z.string().min(1).optional(),
  functions: z.array(z.string().min(1)).min(1).optional(),
});
type ParsedModule = z.output<typeof moduleSchema>;

const schema = z.strictObject({
  ...shared,
  module: path.optional(),
  modules: z.array(z.union([path, moduleSchema])).optional(),
  servers: z.custom<NonNullable<PoolOptions['servers']>>((value) => value !== undefined).optional(),
  restart: z
    .strictObject({
      minMs: durationMs.default(100),
      maxMs: durationMs.default(30_000),
      stableMs: durationMs.default(10_000),
    })
    .prefault({}),
  keepAlive: z.boolean().default(true),
  stopTimeoutMs: z.number().nonnegative().default(30_000),
  readyTimeoutMs: durationMs.default(10_000),
  reportIntervalMs: durationMs.default(1000),
  watch: z.boolean().default(false),
  logger: object<Logger>().optional(),
  clock: object<Clock>().default(systemClock),
  random: z
    .custom<() => number>((value) => typeof value === 'function', 'must be a function')
    .default(() => Math.random),
});
type Parsed = z.output<typeof schema>;

const fail = (message: string): Error => new InvalidArgumentError(message);

/** Checks the options of `createSupervisor()`, and that the modules are there. */
export function resolveSupervisorOptions(input: SupervisorOptions, where: string): ResolvedSupervisorOptions {
  const options = parseOptions(schema, input, where, fail);
  const { module, modules, stopTimeoutMs, watch, logger, clock, random } = options;
  if ((module === undefined) === (modules === undefined)) {
    throw fail(`${where}: give module, or modules`);
  }
  const given = modules ?? (module === undefined ? [] : [module]);
  const groups = given
    .map((each) => (typeof each === 'string' || each instanceof URL ? { module: each } : each))
    .map((each) => toGroup(each, options, where));
  const names = groups.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw fail(`${where}: two modules are called "${twice}"; give each a name`);
  return { groups, stopTimeoutMs, watch, logger, clock, random };
}

function toGroup(module: ParsedModule, options: Parsed, where: string): GroupSettings {
  const source = sourceOf(module, where);
  const { processes = options.processes ?? 1, name = source.name } = module;
  const { servers, restart, keepAlive, stopTimeoutMs, readyTimeoutMs, reportIntervalMs } = options;
  const worker = { ...(servers !== undefined && { servers }), ...options.worker, ...module.worker };
  const recycle = module.recycle ?? options.recycle;
  const run = {
    source: { name: source.path, urls: source.urls, isFolder: source.isFolder, functions: module.functions },
    worker: travelling(worker, where),
    execArgv: module.execArgv ?? options.execArgv ?? ownArguments(),
    env: { ...options.env, ...module.env },
    recycle: {
      maxAgeMs: recycle?.maxAgeMs,
      maxJobs: recycle?.maxJobs,
      maxMemoryBytes: recycle?.maxMemoryBytes,
      splay: recycle?.splay ?? 0,
    },
  };
  return {
    name,
    ...run,
    watchedFolder: source.isFolder ? source.path : resolve(source.path, '..'),
    processes: processes === 'cpus' ? availableParallelism() : processes,
    restart,
    keepAlive,
    stopTimeoutMs,
    orphanTimeoutMs: stopTimeoutMs,
    readyTimeoutMs,
    reportIntervalMs,
    fingerprint: JSON.stringify(run),
  };
}

interface Source {
  readonly name: string;
  readonly path: string;
  readonly urls: readonly string[];
  readonly isFolder: boolean;
}

const MODULE_FILE = /\.[cm]?[jt]s$/;
const TYPES_FILE = /\.d\.[cm]?ts$/;

function sourceOf({ module, folder }: ParsedModule, where: string): Source {
  const given = module ?? folder;
  if (given === undefined || (module !== undefined && folder !== undefined)) {
    throw fail(`${where}: modules: give each a module, or a folder`);
  }
  const path = pathOf(given);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw fail(`${where}: there is no ${path}`);
  const isFolder = folder !== undefined;
  if (isFolder !== found.isDirectory()) {
    throw fail(
      `${where}: ${path} is ${isFolder ? 'no folder; give it as module' : 'a folder; give it as folder'}`,
    );
  }
  const name = basename(path, isFolder ? '' : extname(path));
  if (!isFolder) return { name, path, urls: [pathToFileURL(path).href], isFolder };
  const files = readdirSync(path).filter((file) => MODULE_FILE.test(file) && !TYPES_FILE.test(file));
  if (files.length === 0) throw fail(`${where}: there is no module in ${path}`);
  return { name, path, urls: files.sort().map((file) => pathToFileURL(join(path, file)).href), isFolder };
}

function pathOf(given: string | URL): string {
  if (given instanceof URL || given.startsWith('file:')) return fileURLToPath(given);
  return resolve(given);
}

/** A copy; what cannot be copied cannot travel to a process either. */
function travelling(worker: object, where: string): object {
  try {
    return structuredClone(worker);
  } catch (error) {
    throw new InvalidArgumentError(`${where}: worker: options for processes must be plain data`, {
      cause: error,
    });
  }
}

/** Debuggers want a port for themselves, and what `--eval` says is not what a process should run. */
function ownArguments(): string[] {
  const args: string[] = [];
  for (let i = 0; i < process.execArgv.length; i++) {
    const arg = process.execArgv[i] ?? '';
    if (/^(-e|-p|--eval|--print)$/.test(arg)) i++;
    else if (!/^--(inspect|input-type)/.test(arg)) args.push(arg);
  }
  return args;
}
