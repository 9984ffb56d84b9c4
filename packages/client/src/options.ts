import { parseOptions } from '@gearman/events';
import type { Pool, PoolOptions } from '@gearman/pool';
import { poolOptionsShape } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** Which of a function's jobs go first. */
export type Priority = 'high' | 'normal' | 'low';

/** What can be set for every job of a client, and for one job. */
export interface SubmitDefaults {
  /** Jobs of one function go high before normal before low. @defaultValue `'normal'` */
  readonly priority?: Priority;
  /**
   * Whether a job without `uniqueId` gets a random one.
   *
   * By default background jobs do, because the stores of gearmand keep only one job per function and unique id, and an
   * empty id is one, too. Foreground jobs do not: nothing stores them, and gearmand slows down with many ids.
   *
   * @defaultValue true for background jobs, false for others
   */
  readonly generateUnique?: boolean;
  /**
   * How long a job may wait for a connected server, in milliseconds, or `Infinity`. After it nothing was sent.
   *
   * @defaultValue 10_000
   */
  readonly submitTimeoutMs?: number;
  /**
   * How long the server may take to accept a job that was sent, in milliseconds, or `Infinity`. After it nobody knows
   * whether the job will run.
   *
   * @defaultValue 10_000
   */
  readonly createdTimeoutMs?: number;
}

/** Options of one background job. */
export interface BackgroundOptions extends SubmitDefaults {
  /**
   * What identifies the job within its function, at most 64 bytes (gearmand merges only up to 63). Two jobs with the
   * same id that are alive at the same time are one job: the second gets the handle of the first.
   *
   * `'payload'` stands for a hash of function and data; `'-'` leaves that to the server; `''` is none.
   *
   * @defaultValue as `generateUnique` says
   */
  readonly uniqueId?: string;
  /** Gives the job up: it is not sent any more, or nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** Options of one job whose result is waited for. */
export interface SubmitOptions extends BackgroundOptions {
  /**
   * How long the result may take from the moment the server accepted the job, in milliseconds. The job itself goes on.
   *
   * @defaultValue the client's, else Infinity
   */
  readonly responseTimeoutMs?: number;
  /**
   * What happens to the parts of a result that a worker sends before it completes: `join` collects them and puts them
   * before the last part; `events` only shows them, as events and in the job's async iteration, and forgets them.
   *
   * @defaultValue `'join'`
   */
  readonly dataMode?: 'join' | 'events';
}

/** What only the client itself has. */
export interface ClientSettings extends SubmitDefaults {
  /**
   * Whether to ask servers to pass on the exceptions of workers. Without it they arrive as plain failures.
   *
   * @defaultValue true
   */
  readonly exceptions?: boolean;
  /** {@link SubmitOptions.responseTimeoutMs} of all jobs. @defaultValue Infinity */
  readonly responseTimeoutMs?: number;
}

/** Options of `createClient()`: those of a pool of its own, or a pool to share, which `close()` then leaves open. */
export type ClientOptions = (PoolOptions | { readonly pool: Pool }) & ClientSettings;

/** What is left to decide for one job when its options are parsed. */
export interface JobSettings {
  readonly priority: Priority;
  readonly uniqueId: string | undefined;
  readonly generateUnique: boolean | undefined;
  readonly submitTimeoutMs: number;
  readonly createdTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly dataMode: 'join' | 'events';
  readonly signal: AbortSignal | undefined;
}

const timeoutMs = z.union([z.number().positive(), z.literal(Number.POSITIVE_INFINITY)]);

const defaultsShape = {
  priority: z.enum(['high', 'normal', 'low']).optional(),
  generateUnique: z.boolean().optional(),
  submitTimeoutMs: timeoutMs.optional(),
  createdTimeoutMs: timeoutMs.optional(),
};

const backgroundShape = {
  ...defaultsShape,
  uniqueId: z.string().optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'must be an AbortSignal').optional(),
};

const backgroundSchema = z.strictObject(backgroundShape);

const submitSchema = z.strictObject({
  ...backgroundShape,
  responseTimeoutMs: timeoutMs.optional(),
  dataMode: z.enum(['join', 'events']).optional(),
});

const settingsShape = {
  ...defaultsShape,
  responseTimeoutMs: timeoutMs.optional(),
  exceptions: z.boolean().optional(),
};

const clientSchema = z.strictObject({ ...poolOptionsShape, ...settingsShape });
const sharedPoolSchema = z.strictObject({
  pool: z.custom<Pool>((value) => typeof (value as Pool | null)?.attach === 'function', 'must be a pool'),
  ...settingsShape,
});

const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);

/** Client options in their parts, checked. */
export interface ParsedClientOptions {
  /** The pool to share, or the options of one to build. */
  readonly pool: { readonly shared: Pool } | { readonly own: PoolOptions };
  readonly exceptions: boolean;
  /** What a job without options gets. */
  readonly defaults: JobSettings;
}

/** Checks client options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseClientOptions(options: ClientOptions): ParsedClientOptions {
  const shares = 'pool' in options;
  parseOptions<unknown>(shares ? sharedPoolSchema : clientSchema, options, 'createClient()', fail);
  const {
    priority,
    generateUnique,
    submitTimeoutMs,
    createdTimeoutMs,
    responseTimeoutMs,
    exceptions = true,
    ...rest
  } = options;
  return {
    pool: 'pool' in rest ? { shared: rest.pool } : { own: rest },
    exceptions,
    defaults: {
      priority: priority ?? 'normal',
      uniqueId: undefined,
      generateUnique,
      submitTimeoutMs: submitTimeoutMs ?? 10_000,
      createdTimeoutMs: createdTimeoutMs ?? 10_000,
      responseTimeoutMs: responseTimeoutMs ?? Number.POSITIVE_INFINITY,
      dataMode: 'join',
      signal: undefined,
    },
  };
}

/** Checks the options of one foreground job. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseSubmitOptions(options: SubmitOptions | undefined, defaults: JobSettings): JobSettings {
  // Most jobs have none: nothing to parse, nothing to build.
  if (options === undefined) return defaults;
  return fillIn(parseOptions<SubmitInput>(submitSchema, options, 'submit()', fail), defaults);
}

/** Checks the options of one background job. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseBackgroundOptions(
  options: BackgroundOptions | undefined,
  defaults: JobSettings,
): JobSettings {
  if (options === undefined) return defaults;
  return fillIn(parseOptions<SubmitInput>(backgroundSchema, options, 'submitBackground()', fail), defaults);
}

type SubmitInput = { readonly [K in keyof JobSettings]?: JobSettings[K] | undefined };

function fillIn(given: SubmitInput, defaults: JobSettings): JobSettings {
  return {
    priority: given.priority ?? defaults.priority,
    uniqueId: given.uniqueId,
    generateUnique: given.generateUnique ?? defaults.generateUnique,
    submitTimeoutMs: given.submitTimeoutMs ?? defaults.submitTimeoutMs,
    createdTimeoutMs: given.createdTimeoutMs ?? defaults.createdTimeoutMs,
    responseTimeoutMs: given.responseTimeoutMs ?? defaults.responseTimeoutMs,
    dataMode: given.dataMode ?? defaults.dataMode,
    signal: given.signal,
  };
}
