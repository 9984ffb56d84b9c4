import { type Clock, type Logger, parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { DeadLimits } from './engine/dead-set.ts';
import type { RulesOf } from './engine/job-policy.ts';
import { type DeadOptions, deadSchema, type FunctionOptions, rulesSchema } from './job-rules-options.ts';
import {
  type CheckedLimits,
  type GivenLimits,
  limitsSchema,
  type ServerLimits,
  withMemory,
} from './limits.ts';
import { isTimeZone } from './schedules/timetable.ts';
import { type CheckedSpoolOptions, type SpoolOptions, spoolSchema } from './spool/spool-options.ts';
import type { JobStore } from './store/store.ts';
import { type ServerTlsOptions, serverTlsSchema } from './tls-options.ts';

/** The names of the log levels that the text command `verbose` answers. */
export const LOG_LEVELS = [
  'FATAL',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where to listen. */
export interface ListenOptions {
  /**
   * TCP port; 0 takes a free one, see `server.addresses`.
   *
   * @defaultValue 4730
   */
  readonly port?: number | undefined;
  /**
   * Address or host name to bind. `0.0.0.0` and `::` open the server to everybody who reaches this machine: there is
   * no login in the protocol.
   *
   * @defaultValue `127.0.0.1`
   */
  readonly host?: string | undefined;
  /** A Unix socket instead of a port. */
  readonly path?: string | undefined;
  /**
   * A socket that listens already, by its descriptor, instead of a port: handed over by the parent process, by systemd
   * for example, whose first one is 3.
   */
  readonly fd?: number | undefined;
  /**
   * False serves plain text here although the server has certificates: for local clients, say. A Unix socket is always
   * plain.
   *
   * @defaultValue true if the server has the option `tls`
   */
  readonly tls?: boolean | undefined;
  /**
   * Connections that may wait to be accepted.
   *
   * @defaultValue 511
   */
  readonly backlog?: number | undefined;
}

/** Where to take jobs over HTTP. */
export interface HttpOptions {
  /**
   * TCP port; 0 takes a free one, see `server.httpAddress`.
   *
   * @defaultValue 8080
   */
  readonly port?: number | undefined;
  /**
   * Address or host name to bind. Whoever reaches it may submit jobs, without TLS and without a login.
   *
   * @defaultValue `127.0.0.1`
   */
  readonly host?: string | undefined;
}

/** Options of `createServer()`. */
export interface ServerOptions {
  /**
   * How many lost workers end a job with WORK_FAIL; −1: no number does. 0 and 1: the first one.
   *
   * A worker is lost when it disconnects, takes too long, or withdraws the function.
   *
   * @defaultValue -1
   */
  readonly jobRetries?: number | undefined;
  /**
   * How many sleeping workers a new job wakes: `'auto'` as many as there are runnable jobs, 0 all of them (as
   * gearmand), or a number.
   *
   * @defaultValue `'auto'`
   */
  readonly workerWakeup?: 'auto' | number | undefined;
  /**
   * With `'auto'`: how long a woken worker may take to ask for a job before another one is woken, in milliseconds.
   *
   * @defaultValue 100
   */
  readonly wakeupLookMs?: number | undefined;
  /**
   * What job handles begin with, 1 to 38 bytes. A part that differs at every start and a number follow.
   *
   * @defaultValue `H:` and the host name
   */
  readonly jobHandlePrefix?: string | undefined;
  /**
   * Sends every client WORK_EXCEPTION as it is, as if it had asked for it.
   *
   * @defaultValue false
   */
  readonly exceptions?: boolean | undefined;
  /**
   * Where in the queue of its priority a job goes whose worker was lost.
   *
   * @defaultValue `'tail'`, as gearmand
   */
  readonly requeue?: 'head' | 'tail' | undefined;
  /**
   * What becomes of a foreground job that nobody could run when it is submitted, because no worker has registered its
   * function: `'queue'` lets it wait for one, `'fail'` refuses it with ERROR `NO_WORKER`. A job that is there already may
   * be joined in any case, and background jobs always wait.
   *
   * @defaultValue `'queue'`, as gearmand
   */
  readonly noWorker?: 'queue' | 'fail' | undefined;
  /**
   * The time zone of schedules that name none, as an IANA name such as `Europe/Berlin`.
   *
   * @defaultValue that of the process
   */
  readonly timeZone?: string | undefined;
  /**
   * Takes over gearmand's `--round-robin`. It changes nothing, and `false` is refused: as in gearmand 2.0, the most
   * urgent job of all functions of a worker comes first, and functions take turns at the same priority.
   *
   * @defaultValue true
   */
  readonly roundRobin?: true | undefined;
  /**
   * What the text command `verbose` answers.
   *
   * @defaultValue `'ERROR'`
   */
  readonly logLevel?: LogLevel | undefined;
  /**
   * When the kernel begins to ask whether a silent peer still lives, in milliseconds; 0 means never.
   *
   * @defaultValue 5000
   */
  readonly keepAliveMs?: number | undefined;
  /**
   * Certificates. With them every `listen()` encrypts its connections unless it says otherwise.
   *
   * @defaultValue none: plain text
   */
  readonly tls?: ServerTlsOptions | undefined;
  /**
   * Takes jobs over HTTP, too: `POST /FUNCTION`, answered with the result.
   *
   * @defaultValue none: not
   */
  readonly http?: HttpOptions | undefined;
  readonly limits?: ServerLimits | undefined;
  /**
   * Keeps background jobs over restarts: JOB_CREATED is sent when the job is durable. Opened by the first `listen()`, or by
   * `open()`; it belongs to this server, which closes it.
   *
   * @defaultValue none: jobs are in memory only
   */
  readonly store?: JobStore | undefined;
  /**
   * What holds for the jobs of single functions beyond the protocol, by name; `mail*` stands for all whose names begin
   * with `mail`. An exact name counts before a beginning, a longer beginning before a shorter one; they are not combined.
   *
   * @defaultValue nothing: as gearmand
   */
  readonly functions?: Readonly<Record<string, FunctionOptions>> | undefined;
  /**
   * Keeps background jobs that failed for good, to be looked at, run again or deleted.
   *
   * @defaultValue none: they are forgotten, as in gearmand
   */
  readonly dead?: DeadOptions | undefined;
  /**
   * Puts large payloads of jobs into files, of foreground jobs, too: they are written as they arrive and read as a worker
   * takes them, and at no time in memory. Opened and closed with the server.
   *
   * @defaultValue none: all payloads of new jobs are in memory
   */
  readonly spool?: SpoolOptions | undefined;
  /**
   * Where time comes from.
   *
   * @defaultValue the system's clock
   */
  readonly clock?: Clock | undefined;
  /**
   * Told about refused peers and limits that were reached.
   *
   * @defaultValue says nothing
   */
  readonly logger?: Logger | undefined;
}

/** {@link ListenOptions} with their defaults. */
export interface CheckedListenOptions {
  readonly port: number;
  readonly host: string;
  readonly path?: string | undefined;
  readonly fd?: number | undefined;
  readonly tls?: boolean | undefined;
  readonly backlog: number;
}
/** {@link ServerOptions} with their defaults. */
export type CheckedOptions = {
  readonly [K in Exclude<
    keyof ServerOptions,
    'limits' | 'jobHandlePrefix' | 'timeZone' | 'tls' | 'http' | 'store' | 'spool' | 'functions' | 'dead'
  >]-?: Exclude<ServerOptions[K], undefined>;
} & {
  readonly limits: CheckedLimits;
  readonly jobHandlePrefix?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly tls?: ServerTlsOptions | undefined;
  readonly store?: JobStore | undefined;
  readonly functions?: RulesOf | undefined;
  readonly dead?: DeadLimits | undefined;
  readonly spool?: CheckedSpoolOptions | undefined;
  readonly http?: { readonly port: number; readonly host: string } | undefined;
};

const MAX_PREFIX_BYTES = 38;
const count = z.int().min(1);
const milliseconds = z.number().min(0);
const port = z.int().min(0).max(65_535);
const host = z.string().min(1);

/** Before it is known whether there is a store. */
type GivenOptions = Omit<CheckedOptions, 'limits'> & { readonly limits: GivenLimits };

const optionsSchema: z.ZodType<GivenOptions, ServerOptions> = z.strictObject({
  jobRetries: z.int().min(-1).default(-1),
  workerWakeup: z.union([z.literal('auto'), z.int().min(0)]).default('auto'),
  wakeupLookMs: milliseconds.default(100),
  jobHandlePrefix: z
    .string()
    .min(1)
    .max(MAX_PREFIX_BYTES)
    .refine(
      (prefix) => [...prefix].every((char) => char > ' ' && char <= '~'),
      'use printable ASCII without blanks',
    )
    .optional(),
  exceptions: z.boolean().default(false),
  requeue: z.enum(['head', 'tail']).default('tail'),
  noWorker: z.enum(['queue', 'fail']).default('queue'),
  timeZone: z.string().refine(isTimeZone, 'use an IANA name, such as Europe/Berlin').optional(),
  roundRobin: z.literal(true).default(true),
  logLevel: z.enum(LOG_LEVELS).default('ERROR'),
  keepAliveMs: milliseconds.default(5000),
  tls: serverTlsSchema.optional(),
  http: z.strictObject({ port: port.default(8080), host: host.default('127.0.0.1') }).optional(),
  store: z.custom<JobStore>((value) => typeof value === 'object' && value !== null).optional(),
  functions: rulesSchema.optional(),
  dead: deadSchema.optional(),
  spool: spoolSchema.optional(),
  limits: limitsSchema.default(() => limitsSchema.parse({})),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null).default(systemClock),
  logger: z.custom<Logger>((value) => typeof value === 'object' && value !== null).default(silentLogger),
});

const listenSchema: z.ZodType<CheckedListenOptions, ListenOptions> = z.strictObject({
  port: port.default(4730),
  host: host.default('127.0.0.1'),
  path: z.string().min(1).optional(),
  fd: z.int().min(0).optional(),
  tls: z.boolean().optional(),
  backlog: count.default(511),
});

const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);

/** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseServerOptions(options: unknown): CheckedOptions {
  const given = parseOptions(optionsSchema, options ?? {}, 'createServer()', fail);
  return { ...given, limits: withMemory(given.limits, given.store !== undefined, fail) };
}

/** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseListenOptions(options: unknown): CheckedListenOptions {
  return parseOptions(listenSchema, options ?? {}, 'listen()', fail);
}
