import { type Clock, type Logger, parseOptions } from '@gearman/events';
import {
  type Dial,
  type PoolSettings,
  parsePoolOptions,
  poolOptionsShape,
  type ServerInput,
  type TlsOptions,
} from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { type NamePrefix, namePrefix } from './prefix.ts';

/** Options of {@link createAdmin}. */
export interface AdminOptions {
  /**
   * The job servers: `host`, `host:port`, `[v6]:port`, `gearmans://host:port`, `unix:/path`, a list of them, or a string
   * with commas.
   *
   * @defaultValue the environment variable `GEARMAN_SERVERS`, else `127.0.0.1:4730`
   */
  readonly servers?: ServerInput | readonly ServerInput[];
  /**
   * Encrypts the connections to all servers whose address does not say otherwise; true uses the defaults of
   * {@link TlsOptions}.
   *
   * @defaultValue false
   */
  readonly tls?: boolean | TlsOptions;
  /**
   * What the function names of this application begin with on the servers, together with `prefixSeparator`. Reports show
   * only functions that have it, without it, and workers that offer such; calls add it to the names they are given. What
   * has no function name, such as `jobs()`, shows everything.
   *
   * @defaultValue the empty string: names are as they are
   */
  readonly prefix?: string;
  /** What stands between prefix and name. Clients, workers and admins must agree. @defaultValue a tab */
  readonly prefixSeparator?: string;
  /** Time to connect to a server, in milliseconds. There is one attempt per burst. @defaultValue 4000 */
  readonly connectTimeoutMs?: number;
  /** Time for the answer to a command, in milliseconds. @defaultValue 5000 */
  readonly replyTimeoutMs?: number;
  /** How long a connection is kept for the next command, in milliseconds. @defaultValue 5000 */
  readonly idleMs?: number;
  /** Largest line accepted from a server, in bytes. @defaultValue 64 MiB */
  readonly maxPacketBytes?: number;
  /** Where log lines go. @defaultValue nowhere */
  readonly logger?: Logger;
  /** Where time comes from. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** How connections are opened; excludes `tls`. @defaultValue TCP and Unix sockets, with TLS where asked for */
  readonly dial?: Dial;
}

/** {@link AdminOptions} with all defaults filled in. */
export interface AdminSettings {
  /** What the pool of one burst is built with. */
  readonly pool: PoolSettings;
  readonly idleMs: number;
  readonly prefix: NamePrefix;
}

/** Options of every call to one server. */
export interface ServerCallOptions {
  /** Time for the answer, in milliseconds. @defaultValue the admin's `replyTimeoutMs` */
  readonly timeoutMs?: number;
  /** Stops waiting; the call rejects with the signal's reason. What was sent stays sent. */
  readonly signal?: AbortSignal;
}

/** Options of every call. */
export interface CallOptions extends ServerCallOptions {
  /** Ask only these of the servers the admin was built with. @defaultValue all */
  readonly servers?: ServerInput | readonly ServerInput[];
}

/** Options of {@link Admin.poll$} and {@link Admin.changes$}. */
export interface PollOptions {
  /** From the start of one look to the start of the next, in milliseconds. @defaultValue 1000 */
  readonly intervalMs?: number;
  /** Look only at these of the servers the admin was built with. @defaultValue all */
  readonly servers?: ServerInput | readonly ServerInput[];
}

/** Limits of jobs that wait, by priority; what is left out is unlimited. */
export interface QueueLimits {
  readonly high?: number;
  readonly normal?: number;
  readonly low?: number;
}

const durationMs = z.number().positive();
const { servers, tls, connectTimeoutMs, maxPacketBytes, logger, clock, dial } = poolOptionsShape;

/** Names travel as words of one line. */
const namePart = z.string().regex(/^[^ \r\n\0]*$/, 'must hold no space, line end or NUL');

const adminSchema = z.strictObject({
  servers,
  tls,
  prefix: namePart.default(''),
  prefixSeparator: namePart.default('\t'),
  connectTimeoutMs,
  replyTimeoutMs: durationMs.default(5000),
  idleMs: z.number().nonnegative().default(5000),
  maxPacketBytes,
  logger,
  clock,
  dial,
});

const serverCallShape = {
  timeoutMs: durationMs.optional(),
  signal: z.instanceof(AbortSignal).optional(),
};
const serverCallSchema = z.strictObject(serverCallShape);
const callSchema = z.strictObject({ ...serverCallShape, servers });
const limit = z.number().int().nonnegative();
const limitsSchema = z.union([
  limit,
  z.null(),
  z.strictObject({ high: limit.optional(), normal: limit.optional(), low: limit.optional() }),
]);
const pollSchema = z.strictObject({ intervalMs: durationMs.default(1000), servers });

/** Checks admin options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseAdminOptions(input: AdminOptions): AdminSettings {
  const { idleMs, prefix, prefixSeparator, ...rest } = parse(adminSchema, input, 'createAdmin()');
  // What zod made optional may hold undefined, which means the same as leaving it out.
  const pool = parsePoolOptions({ ...rest, reconnect: { maxAttempts: 1 } } as object, 'createAdmin()');
  return { pool, idleMs, prefix: namePrefix(prefix, prefixSeparator) };
}

/** Checks the options of a call. */
export function parseCallOptions(input: CallOptions, where: string): CallOptions {
  return parse(callSchema, input, where) as CallOptions;
}

/** Checks the options of a call to one server. */
export function parseServerCallOptions(input: ServerCallOptions, where: string): ServerCallOptions {
  return parse(serverCallSchema, input, where) as ServerCallOptions;
}

/** Checks the options of `poll$()` and `changes$()`. */
export function parsePollOptions(
  input: PollOptions,
  where: string,
): Required<Pick<PollOptions, 'intervalMs'>> & PollOptions {
  return parse(pollSchema, input, where) as ReturnType<typeof parsePollOptions>;
}

/** Checks limits and returns the words for `maxqueue`: one for all priorities, three for each, none for no limit. */
export function parseLimits(input: number | null | QueueLimits): string[] {
  const limits = parse(limitsSchema, input, 'maxQueue()');
  if (limits === null) return [];
  if (typeof limits === 'number') return [String(limits)];
  return [limits.high, limits.normal, limits.low].map((each) => String(each ?? 0));
}

function parse<T>(schema: z.ZodType<T>, input: unknown, where: string): T {
  return parseOptions(schema, input, where, (message) => new InvalidArgumentError(message));
}
