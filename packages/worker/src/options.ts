import { parseOptions } from '@gearman/events';
import { createPool, type Pool, type PoolOptions, parsePoolOptions } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { EXCEPTION_FORMATS, type ExceptionFormat } from './exception.ts';

/** What a worker does, apart from how it connects. */
export interface WorkerSettings {
  /**
   * How many jobs may run at once, over all servers and functions together.
   *
   * More than one lets a worker keep its connections busy while handlers wait for something else: results and requests
   * for more jobs then travel together, several times as many per second. For handlers that only compute, start more
   * processes instead.
   *
   * @defaultValue 1
   */
  readonly concurrency?: number;
  /**
   * How often a sleeping worker asks for jobs although no server woke it, in milliseconds, give or take a fifth. A
   * wake-up lost on the way, or never sent (gearmand 1.1.20 sends none for jobs that become due), costs no more than this.
   *
   * @defaultValue 10_000
   */
  readonly pollIntervalMs?: number;
  /**
   * What a client gets when a handler throws: `json` is `{"name","message","code"}`, `json-with-stack` adds `stack`,
   * `text` is the message alone.
   *
   * @defaultValue `'json'`
   */
  readonly exceptionFormat?: ExceptionFormat;
}

/**
 * Options of `createWorker()`: how to work, and either how to connect or a pool to share.
 *
 * A shared pool is not closed by the worker and may serve one worker only, because a server does not tell which of two
 * workers on one connection a job is for. Clients and admins may share it. `maxPacketBytes` bounds results, too.
 */
export type WorkerOptions = WorkerSettings &
  ((PoolOptions & { readonly pool?: undefined }) | { readonly pool: Pool });

/** Options of `worker.register()`. */
export interface RegisterOptions {
  /**
   * How long a job may run, in milliseconds, from its arrival at this worker. After it the signal of the job aborts
   * with `ERR_GEARMAN_JOB_TIMEOUT`, and the server, which is told the limit, gives the job to another worker. gearmand
   * raises limits below 1000.
   *
   * @defaultValue no limit
   * @see gearmand `PROTOCOL`, "CAN_DO_TIMEOUT"
   */
  readonly timeoutMs?: number;
}

/** Options of `worker.stop()`. */
export interface StopOptions {
  /**
   * How long running jobs may go on, in milliseconds. Then their signals abort, what they return is thrown away, and
   * the server gives them to another worker.
   *
   * @defaultValue until they end
   */
  readonly timeoutMs?: number;
  /**
   * When to abort the signals of running jobs, in milliseconds, so that handlers can bring their work to an end until
   * `timeoutMs`. A job whose handler throws from then on is given back to the server.
   *
   * @defaultValue `timeoutMs`
   */
  readonly abortAfterMs?: number;
}

/** Worker options, checked, with defaults. */
export interface ResolvedWorkerOptions {
  readonly settings: Required<WorkerSettings>;
  readonly pool: Pool;
  /** True when the pool belongs to the worker and ends with it. */
  readonly ownsPool: boolean;
}

const settingsSchema = z.strictObject({
  concurrency: z.number().int().min(1).max(65_536).default(1),
  pollIntervalMs: z.number().positive().default(10_000),
  exceptionFormat: z.enum(EXCEPTION_FORMATS).default('json'),
});

const registerSchema = z.strictObject({
  timeoutMs: z.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional(),
});

const stopSchema = z.strictObject({
  timeoutMs: z.number().nonnegative().default(Number.POSITIVE_INFINITY),
  abortAfterMs: z.number().nonnegative().optional(),
});

const fail = (message: string): Error => new InvalidArgumentError(message);

/** Checks the options of `createWorker()` and opens a pool unless one is given. */
export function resolveWorkerOptions(input: WorkerOptions): ResolvedWorkerOptions {
  const where = 'createWorker()';
  if (typeof input !== 'object' || input === null) throw fail(`${where}: expected an object`);
  const { concurrency, pollIntervalMs, exceptionFormat, pool, ...rest } = input;
  const settings = parseOptions(
    settingsSchema,
    { concurrency, pollIntervalMs, exceptionFormat },
    where,
    fail,
  );
  if (pool === undefined) {
    parsePoolOptions(rest, where);
    return { settings, pool: createPool(rest), ownsPool: true };
  }
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw fail(`${where}: ${extra}: belongs to the pool; set it in createPool()`);
  return { settings, pool, ownsPool: false };
}

/** Checks the options of `worker.register()`. */
export function parseRegisterOptions(input: RegisterOptions): { readonly timeoutMs: number | undefined } {
  return { timeoutMs: parseOptions(registerSchema, input, 'register()', fail).timeoutMs };
}

/** Checks the options of `worker.stop()`. */
export function parseStopOptions(input: StopOptions): Required<StopOptions> {
  const { timeoutMs, abortAfterMs } = parseOptions(stopSchema, input, 'stop()', fail);
  return { timeoutMs, abortAfterMs: Math.min(timeoutMs, abortAfterMs ?? timeoutMs) };
}
