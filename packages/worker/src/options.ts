import { parseOptions } from '@gearman/events';
import { createPool, type Pool, type PoolOptions, parsePoolOptions } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { EXCEPTION_FORMATS, type ExceptionFormat } from './exception.ts';
import { EXCEPTION_MODES, type ExceptionMode, parseVersion } from './exception-rule.ts';
import type { JobClient } from './job-client.ts';

/** What a worker does, apart from how it connects. */
export interface WorkerSettings {
  /**
   * How many jobs may run at once, over all servers and functions together; with `perServer`, on each server.
   *
   * More than one lets a worker keep its connections busy while handlers wait for something else: results and requests
   * for more jobs then travel together, several times as many per second. For handlers that only compute, start more
   * processes instead.
   *
   * @defaultValue 1
   */
  readonly concurrency?: number;
  /** Whether `concurrency` counts for each server by itself. @defaultValue false */
  readonly perServer?: boolean;
  /**
   * How many jobs to take ahead of their time, 0 to 65,536: they wait here, and no other worker gets them, until one that
   * runs has ended. Worth it only where the way to the server takes longer than a job. What has not been started goes
   * back to the server when the worker stops.
   *
   * @defaultValue 0
   */
  readonly prefetch?: number;
  /**
   * How often a sleeping worker asks for jobs although no server woke it, in milliseconds, give or take a fifth. A
   * wake-up lost on the way, or never sent (gearmand 1.1.20 sends none for jobs that become due), costs no more than this.
   *
   * @defaultValue 10_000
   */
  readonly pollIntervalMs?: number;
  /**
   * How long a server may take to answer a request for a job, in milliseconds. After it the connection is dropped and
   * opened again, and a `grab-timeout` event tells so.
   *
   * @defaultValue 10_000
   */
  readonly grabTimeoutMs?: number;
  /**
   * Whether servers are asked which attempt each job is, and to understand `job.release()` and `NonRetryableError`: our
   * server does so; others refuse, once per connection, and go on as without.
   *
   * @defaultValue false
   */
  readonly attempts?: boolean;
  /**
   * With `attempts`: the `code`s of thrown errors after which another attempt would not help, such as `ENOENT`, as if the
   * handler had thrown a `NonRetryableError`.
   *
   * @defaultValue none
   */
  readonly noRetryCodes?: readonly (string | number)[];
  /** How often `job.progress()` may send for one job, in milliseconds; 0 for each call. @defaultValue 100 */
  readonly progressIntervalMs?: number;
  /**
   * What a client gets when a handler throws: `json` is `{"name","message","code"}`, `json-with-stack` adds `stack`,
   * `text` is the message alone.
   *
   * @defaultValue `'json'`
   */
  readonly exceptionFormat?: ExceptionFormat;
  /**
   * What a server is sent when a handler throws: WORK_EXCEPTION, which ends a job since gearmand 1.1.9; a WORK_FAIL
   * behind it, which older ones need; a warning and WORK_FAIL, or only that, for clients that do not know exceptions.
   * `auto` asks the server's version, once, over a short connection of its own, when a handler has thrown; a server that
   * does not tell it gets both.
   *
   * @defaultValue `'auto'`
   */
  readonly exceptionMode?: ExceptionMode;
  /** The version to take all servers for, such as `1.1.20`, instead of asking them. @defaultValue asked when it matters */
  readonly serverVersion?: string;
  /**
   * Put before the names of all functions, with `prefixSeparator` in between, so that several applications can share a
   * server. Clients need the same.
   *
   * @defaultValue none
   */
  readonly prefix?: string;
  /** Between prefix and name: Perl and Ruby have a tab, libgearman's namespaces nothing. @defaultValue `'\t'` */
  readonly prefixSeparator?: string;
  /** What `job.client` is: needed for jobs that submit jobs. The worker does not close it. @defaultValue none */
  readonly client?: JobClient;
  /** Called once by `start()`, before any server hears of a function. If it throws, `start()` rejects with that. */
  readonly setup?: () => void | Promise<void>;
}

/**
 * Options of `createWorker()`: how to work, and either how to connect or a pool to share.
 *
 * A shared pool is not closed by the worker and may serve one worker only, because a server does not tell which of two
 * workers on one connection a job is for. Clients and admins may share it. `maxPacketBytes` bounds results, too.
 */
export type WorkerOptions = WorkerSettings &
  ((PoolOptions & { readonly pool?: undefined }) | { readonly pool: Pool });

/** Worker settings, checked, with defaults. */
export interface ResolvedSettings
  extends Required<
    Omit<WorkerSettings, 'client' | 'setup' | 'serverVersion' | 'prefix' | 'prefixSeparator'>
  > {
  /** Prefix and separator; empty when there is none. */
  readonly namePrefix: string;
  readonly serverVersion: string | undefined;
  readonly client: JobClient | undefined;
  readonly setup: (() => void | Promise<void>) | undefined;
}

/** Worker options, checked, with defaults. */
export interface ResolvedWorkerOptions {
  readonly settings: ResolvedSettings;
  readonly pool: Pool;
  /** True when the pool belongs to the worker and ends with it. */
  readonly ownsPool: boolean;
}

const durationMs = z.number().positive();

const settingsShape = {
  concurrency: z.number().int().min(1).max(65_536).default(1),
  perServer: z.boolean().default(false),
  prefetch: z.number().int().min(0).max(65_536).default(0),
  pollIntervalMs: durationMs.default(10_000),
  grabTimeoutMs: durationMs.default(10_000),
  attempts: z.boolean().default(false),
  noRetryCodes: z.array(z.union([z.string(), z.number()])).default([]),
  progressIntervalMs: z.number().nonnegative().default(100),
  exceptionFormat: z.enum(EXCEPTION_FORMATS).default('json'),
  exceptionMode: z.enum(EXCEPTION_MODES).default('auto'),
  serverVersion: z
    .string()
    .refine((text) => parseVersion(text) !== undefined, 'must be a version such as 1.1.20')
    .optional(),
  prefix: z.string().min(1).optional(),
  prefixSeparator: z.string().default('\t'),
  client: z.custom<JobClient>(isClient, 'must have a method submit()').optional(),
  setup: z
    .custom<() => void | Promise<void>>((value) => typeof value === 'function', 'must be a function')
    .optional(),
};

const settingsSchema = z.strictObject(settingsShape);

const fail = (message: string): Error => new InvalidArgumentError(message);

/** Checks the options of `createWorker()` and opens a pool unless one is given. */
export function resolveWorkerOptions(input: WorkerOptions): ResolvedWorkerOptions {
  const where = 'createWorker()';
  if (typeof input !== 'object' || input === null) throw fail(`${where}: expected an object`);
  const { pool, ...others } = input;
  const own = Object.entries(others).filter(([key]) => key in settingsShape);
  const rest = Object.fromEntries(Object.entries(others).filter(([key]) => !(key in settingsShape)));
  const settings = resolveSettings(Object.fromEntries(own), where);
  if (pool === undefined) {
    parsePoolOptions(rest, where);
    return { settings, pool: createPool(rest), ownsPool: true };
  }
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw fail(`${where}: ${extra}: belongs to the pool; set it in createPool()`);
  return { settings, pool, ownsPool: false };
}

function resolveSettings(input: object, where: string): ResolvedSettings {
  const parsed = parseOptions(settingsSchema, input, where, fail);
  const { prefix, prefixSeparator, serverVersion, client, setup, ...settings } = parsed;
  const namePrefix = prefix === undefined ? '' : prefix + prefixSeparator;
  return { ...settings, namePrefix, serverVersion, client, setup };
}

function isClient(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'submit' in value && typeof value.submit === 'function'
  );
}
