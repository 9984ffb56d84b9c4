import { resolve } from 'node:path';
import type { ListenOptions, LogLevel, ServerOptions } from '@gearman/server';
import { type Given, parseArguments } from './command-line.ts';
import { withConfigFile } from './config-file.ts';
import { EXIT, FatalError } from './exit-code.ts';
import { httpOptions, httpWarnings } from './http-settings.ts';
import { jobRules, jobRulesWarnings } from './job-rules.ts';
import { limitsOf } from './limit-options.ts';
import { spoolOptions, spoolWarnings } from './spool-settings.ts';
import { tlsOptions, tlsWarnings } from './tls-settings.ts';
import { port as parsePort } from './values.ts';
import type { OptionValues } from './working-options.ts';

/** Everything that `gearmand` was asked to do. */
export interface Settings {
  readonly server: ServerOptions;
  /** Where to listen; empty for all addresses. */
  readonly listen: readonly string[];
  readonly port: number;
  readonly backlog: number | undefined;
  /** Where background jobs are kept; undefined for in memory. */
  readonly dataDir: string | undefined;
  /** The database in which background jobs are kept; undefined for none. */
  readonly store: string | undefined;
  readonly log: LogSettings;
  readonly daemon: boolean;
  readonly pidFile: string | undefined;
  readonly user: string | undefined;
  readonly checkOnly: boolean;
  /** Sentences for the user: options that have no effect. */
  readonly warnings: readonly string[];
}

/** Where and how to log. */
export interface LogSettings {
  /** A path, `stderr` or `none`. */
  readonly file: string;
  readonly format: 'text' | 'json';
  readonly syslog: boolean;
  readonly level: LogLevel;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const NO_LOG = 'a daemon has no standard error: nothing is logged without --log-file';
const DEFAULT_PORT = 4730;
const SECOND_MS = 1000;
/** gearmand's way to say: whatever is usual. */
const KEEP_DEFAULT = -1;

/**
 * Reads command line, configuration file and environment.
 *
 * @throws CommanderError of commander, when it has printed help, version or a complaint
 * @throws FatalError
 */
export function readSettings(args: readonly string[], environment: Environment): Settings {
  const { values, warnings }: Given = withConfigFile(parseArguments(args));
  const log = logSettings(values);
  const place = placeOf(values, environment);
  const quiet = values.daemon === true && log.file === 'stderr';
  return {
    server: {
      ...serverOptions(values, log.level),
      ...jobRules(values),
      tls: tlsOptions(values, environment),
      spool: spoolOptions(values, place.dataDir),
    },
    listen: values.listen ?? [],
    port: values.port ?? portOf(environment) ?? DEFAULT_PORT,
    backlog: values.backlog,
    ...place,
    log: quiet ? { ...log, file: 'none' } : log,
    daemon: values.daemon ?? false,
    pidFile: values['pid-file'],
    user: values.user,
    checkOnly: values['check-args'] ?? false,
    warnings: [
      ...warnings,
      ...tlsWarnings(values),
      ...httpWarnings(values),
      ...jobRulesWarnings(values),
      ...spoolWarnings(values, place.dataDir),
      ...(quiet ? [NO_LOG] : []),
    ],
  };
}

function logSettings(values: OptionValues): LogSettings {
  return {
    file: values['log-file'] ?? 'stderr',
    format: values['log-format'] ?? 'text',
    syslog: values.syslog ?? false,
    level: values.verbose ?? 'ERROR',
  };
}

function serverOptions(values: OptionValues, logLevel: LogLevel): ServerOptions {
  const idleSeconds = values['keepalive-idle'] ?? KEEP_DEFAULT;
  return {
    jobRetries: values['job-retries'],
    jobHandlePrefix: values['job-handle-prefix'],
    workerWakeup: values['worker-wakeup'],
    roundRobin: values['round-robin'],
    exceptions: values.exceptions,
    keepAliveMs: idleSeconds === KEEP_DEFAULT ? undefined : idleSeconds * SECOND_MS,
    logLevel,
    http: httpOptions(values),
    limits: limitsOf(values),
  };
}

/** Where background jobs are kept. An option counts before both variables of the environment. */
function placeOf(values: OptionValues, environment: Environment): Pick<Settings, 'dataDir' | 'store'> {
  const isGiven = values['data-dir'] !== undefined || values.store !== undefined;
  const { GEARMAND_DATA_DIR, GEARMAND_STORE } = isGiven ? {} : environment;
  const directory = (values['data-dir'] ?? GEARMAND_DATA_DIR) || undefined;
  const store = (values.store ?? GEARMAND_STORE) || undefined;
  if (directory !== undefined && store !== undefined) {
    throw new FatalError('--data-dir and --store exclude each other: jobs are kept in one place', {
      exitCode: EXIT.usage,
    });
  }
  return { dataDir: directory === undefined ? undefined : resolve(directory), store };
}

function portOf({ GEARMAND_PORT: text }: Environment): number | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return parsePort(text);
  } catch (error) {
    throw new FatalError(`the environment variable GEARMAND_PORT is "${text}", which is no port`, {
      exitCode: EXIT.usage,
      cause: error,
    });
  }
}

/** The options of `server.listen()`, one for each `--listen`. */
export function listenOptions(settings: Settings, address: string, port: number): ListenOptions {
  const { backlog } = settings;
  if (address.includes('/')) return { path: address.replace(/^unix:/, ''), backlog };
  return { host: address.replace(/^\[(.*)\]$/, '$1'), port, backlog };
}
