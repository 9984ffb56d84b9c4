import { parseOptions } from '@gearman/events';
import type { Pool, PoolOptions } from '@gearman/pool';
import { poolOptionsShape } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { JobCallbacks } from './callbacks.ts';
import type { JobRules } from './job-rules.ts';
import { defaultsShape, initialSettings, type JobSettings } from './job-settings.ts';
import type { RetryOptions } from './retry.ts';

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
   * How long a job may wait for a connected server, in milliseconds, or `Infinity`. After it nothing was sent
   * (`ERR_GEARMAN_SUBMIT_TIMEOUT`). Counts for each attempt.
   *
   * @defaultValue 10_000
   */
  readonly submitTimeoutMs?: number;
  /**
   * How long the server may take to accept a job that was sent, in milliseconds, or `Infinity`. After it nobody knows
   * whether the job will run (`ERR_GEARMAN_SUBMIT_UNKNOWN`). Counts for each attempt.
   *
   * @defaultValue 10_000
   */
  readonly createdTimeoutMs?: number;
  /**
   * How long the job may take from `submit()` to its result, all attempts and delays together, in milliseconds; of a
   * background job, until a server has it. The error says how far it came: `ERR_GEARMAN_SUBMIT_TIMEOUT` (never sent),
   * `ERR_GEARMAN_SUBMIT_UNKNOWN` (sent, not acknowledged), `ERR_GEARMAN_RESPONSE_TIMEOUT` (no result), or what the last
   * attempt failed with.
   *
   * @defaultValue Infinity
   */
  readonly timeoutMs?: number;
  /**
   * The same for one attempt. One that takes longer counts as a failure that `retries` may try again; the job it was
   * lives on in the server, unless `cancelOnTimeout` is set.
   *
   * @defaultValue Infinity
   */
  readonly tryTimeoutMs?: number;
  /**
   * How often a failed job is tried again: a number, or how often, how soon and after what. A background job fails only
   * until a server has taken it. Each attempt is a new job for the server; the payload is kept in memory meanwhile.
   *
   * @defaultValue 0
   */
  readonly retries?: number | RetryOptions;
  /**
   * Whether a job is sent again when it was sent and never acknowledged: its connection was lost, or
   * `createdTimeoutMs` ran out, so that nobody knows whether the server has it.
   *
   * `'if-unique'` does so for jobs with a `uniqueId`, and only to the same server: as long as that has the first copy
   * waiting or running, the second becomes the same job. So two copies never wait or run at a time in one server
   * process. The job does run again if the first copy was over before the second came, or if the server was restarted,
   * as gearmand keeps foreground jobs in memory only, while a worker still had the first. A foreground job that joined a
   * running first copy hears only what that sends from then on, so parts of its result (WORK_DATA) may be missing.
   *
   * `'always'` does so without a unique id, to any server: the job may run twice. At most `retries` times, or 3.
   *
   * @defaultValue `'if-unique'`
   */
  readonly resubmit?: 'never' | 'if-unique' | 'always';
  /**
   * What to do when the server has as many jobs of the function as it may: fail with `ERR_GEARMAN_QUEUE_FULL`, or try
   * again, with the delays of `retries`, until `submitTimeoutMs` is over.
   *
   * @defaultValue `'fail'`
   */
  readonly onQueueFull?: 'fail' | 'wait';
}

/** What can be set for every foreground job of a client, and for one. */
export interface JobDefaults extends SubmitDefaults {
  /**
   * How long the result may take from the moment the server accepted the job, in milliseconds
   * (`ERR_GEARMAN_RESPONSE_TIMEOUT`). Counts for each attempt. The job itself goes on, see `cancelOnTimeout`.
   *
   * @defaultValue Infinity
   */
  readonly responseTimeoutMs?: number;
  /**
   * Whether the server is asked to end a job that took too long, as `job.cancel()` does; nobody hears how that went.
   *
   * @defaultValue false
   */
  readonly cancelOnTimeout?: boolean;
  /** The same for a job whose `signal` is aborted. @defaultValue false */
  readonly cancelOnAbort?: boolean;
  /**
   * What happens to the parts of a result that a worker sends before it completes: `join` collects them and puts them
   * before the last part; `events` only shows them, as events and in the job's async iteration, and forgets them.
   *
   * @defaultValue `'join'`
   */
  readonly dataMode?: 'join' | 'events';
}

interface OneJob {
  /**
   * What identifies the job within its function, at most 64 bytes (gearmand merges only up to 63). Two jobs with the
   * same id that are alive at the same time are one job: the second gets the handle of the first.
   *
   * `'payload'` stands for a hash of function and data; `'-'` leaves that to the server; `''` is none.
   *
   * @defaultValue as `generateUnique` says
   */
  readonly uniqueId?: string;
  /**
   * The only server to send to, `host:port`, one of the client's: it waits for that one.
   *
   * @defaultValue any, by the pool's strategy
   */
  readonly server?: string;
  /**
   * How large a payload may be that is still to come (a stream, a promise), in bytes. It is kept in memory until it is
   * whole; more than this ends the job with `ERR_GEARMAN_PAYLOAD`, and nothing is sent.
   *
   * @defaultValue 64 MiB
   */
  readonly maxPayloadBytes?: number;
  /** Gives the job up: it is not sent any more, or nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** Options of one background job. */
export interface BackgroundOptions extends SubmitDefaults, OneJob, JobRules {}

/** Options of one job whose result is waited for. */
export interface SubmitOptions extends JobDefaults, OneJob, JobRules, JobCallbacks {}

/** What only the client itself has. */
export interface ClientSettings extends JobDefaults {
  /**
   * Whether to ask servers to pass on the exceptions of workers. Without it they arrive as plain failures.
   *
   * @defaultValue true
   */
  readonly exceptions?: boolean;
  /**
   * Most jobs that may be submitted and not over, background jobs until a server has taken them. One more fails with
   * `ERR_GEARMAN_OVERFLOW` and is not sent.
   *
   * @defaultValue Infinity
   */
  readonly maxPending?: number;
  /**
   * Put before every function name, with `prefixSeparator` between, as the Perl and Ruby libraries do. Jobs, errors and
   * events show the name without it.
   *
   * @defaultValue none
   */
  readonly prefix?: string;
  /** What stands between prefix and name; `''` for what libgearman calls a namespace. @defaultValue a tab */
  readonly prefixSeparator?: string;
}

/** Options of `createClient()`: those of a pool of its own, or a pool to share, which `close()` then leaves open. */
export type ClientOptions = (PoolOptions | { readonly pool: Pool }) & ClientSettings;

const settingsShape = {
  ...defaultsShape,
  exceptions: z.boolean().optional(),
  maxPending: z.union([z.number().int().positive(), z.literal(Number.POSITIVE_INFINITY)]).optional(),
  prefix: z.string().optional(),
  prefixSeparator: z.string().optional(),
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
  readonly maxPending: number;
  /** What stands before every function name; mostly nothing. */
  readonly prefix: string;
  /** What a job without options gets. */
  readonly defaults: JobSettings;
}

/** Checks client options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseClientOptions(options: ClientOptions): ParsedClientOptions {
  const shares = 'pool' in options;
  parseOptions<unknown>(shares ? sharedPoolSchema : clientSchema, options, 'createClient()', fail);
  const {
    exceptions = true,
    maxPending = Number.POSITIVE_INFINITY,
    prefix = '',
    prefixSeparator = '\t',
    ...others
  } = options;
  const rest = withoutDefaults(others);
  return {
    pool: 'pool' in rest ? { shared: rest.pool } : { own: rest },
    exceptions,
    maxPending,
    prefix: prefix === '' ? '' : prefix + prefixSeparator,
    defaults: initialSettings(options),
  };
}

/** Pool options are what is left when all of ours are taken out. */
function withoutDefaults(options: ClientOptions): PoolOptions | { readonly pool: Pool } {
  const ours = new Set(Object.keys(defaultsShape));
  return Object.fromEntries(Object.entries(options).filter(([name]) => !ours.has(name)));
}
