import type { Clock, Logger } from '@gearman/events';
import { parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { DEFAULT_PORT, parseServers, type ServerAddress, type ServerInput } from './address.ts';
import {
  type ConnectionOptions,
  type ConnectionSettings,
  connectionOptionsShape,
  durationMs,
  isFunction,
  overridesShape,
  printsPayload,
  settingsFor,
} from './connection-options.ts';
import type { OpenStream } from './duplex-dial.ts';
import { isClientId, isOption } from './registration.ts';
import type { ConnectAttempts, LostInfo, LostVerdict } from './retry.ts';
import { createSocketDial } from './socket-dial.ts';
import type { ChooseServer, Strategy } from './strategies.ts';
import { loadTls, type TlsOptions, tlsOption, tlsSchema } from './tls-options.ts';
import type { Dial } from './transport.ts';

/** Options of {@link createPool}, and of everything that builds a pool of its own. */
export interface PoolOptions extends ConnectionOptions {
  /**
   * The job servers: `host`, `host:port`, `[v6]:port`, `gearmans://host:port`, `unix:/path`, a function that opens a
   * stream to one, a list of them, or a string with commas. See {@link ServerInput} for options of one server.
   *
   * @defaultValue the environment variable `GEARMAN_SERVERS`, else `127.0.0.1:4730`
   */
  readonly servers?: ServerInput | readonly ServerInput[];
  /**
   * Encrypts the connections to all servers whose address does not say otherwise; true uses the defaults of
   * {@link TlsOptions}. There is no way back to plain text: a server that cannot do TLS is not used.
   *
   * @defaultValue false; connections to `gearmans://host:port` are encrypted with the defaults then
   */
  readonly tls?: boolean | TlsOptions;
  /** Which connected server gets a request, see {@link Strategy}. @defaultValue `'auto'` */
  readonly strategy?: Strategy;
  /** Server options to ask for on each connect, for example `exceptions`. @defaultValue none */
  readonly options?: readonly (string | OptionInput)[];
  /** Name shown by the server's `workers` command, 1 to 127 bytes, no spaces. @defaultValue none */
  readonly clientId?: string;
  /** Whether to connect only when a connection is first asked for, or a function registered. @defaultValue false */
  readonly lazy?: boolean;
  /**
   * Connections to each server. More than one keeps small packets from waiting behind large ones; 1 to 64.
   *
   * @defaultValue 1
   */
  readonly connectionsPerServer?: number;
  /**
   * Most calls that may wait for a connection at once; further ones reject with `ERR_GEARMAN_NO_SERVERS`.
   *
   * @defaultValue Infinity
   */
  readonly maxPending?: number;
  /**
   * Ends the waiting of calls by attempts and not only by time: each server is tried `fast` times at once and `slow`
   * times with pauses; when all have failed that often, calls that wait reject with `ERR_GEARMAN_NO_SERVERS`. The next
   * call makes it start anew; meanwhile servers are tried as `reconnect` says.
   *
   * @defaultValue calls wait until their time-out
   */
  readonly connectAttempts?: ConnectAttempts;
  /**
   * Decides what to do about each lost connection and each failed attempt. If it throws, the server is tried again.
   *
   * @defaultValue `() => 'retry'`
   */
  readonly onServerLost?: (info: LostInfo) => LostVerdict;
  /** Where log lines go. @defaultValue nowhere */
  readonly logger?: Logger;
  /** Where time comes from. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Numbers from 0 up to 1 for jitter. @defaultValue Math.random */
  readonly random?: () => number;
  /** How connections are opened; excludes `tls`. @defaultValue TCP and Unix sockets, with TLS where asked for */
  readonly dial?: Dial;
}

/** A server option that is asked for on each connect. */
export interface OptionInput {
  readonly name: string;
  /**
   * Whether a server that refuses it is of no use: the connection is then closed before anything else happens on it,
   * with `ERR_GEARMAN_OPTION_REFUSED` (`ERR_GEARMAN_NO_STREAMING` for `streaming`), and tried again later.
   *
   * @defaultValue false: a refusal is an `option-refused` event
   */
  readonly required?: boolean;
}

/** {@link PoolOptions} with all defaults filled in. */
export interface PoolSettings extends ConnectionSettings {
  readonly servers: readonly ServerAddress[];
  readonly strategy: Strategy;
  readonly options: readonly Required<OptionInput>[];
  readonly clientId: string | undefined;
  readonly lazy: boolean;
  readonly connectionsPerServer: number;
  readonly maxPending: number;
  readonly connectAttempts: Required<ConnectAttempts> | undefined;
  readonly onServerLost: ((info: LostInfo) => LostVerdict) | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly dial: Dial;
  /** Says of an address without scheme whether it is encrypted. */
  readonly tls: boolean;
}

const STRATEGIES: ReadonlySet<unknown> = new Set([
  'auto',
  'hash-unique',
  'round-robin',
  'first',
  'random',
  'least-pending',
] satisfies Strategy[]);

const openStream = z.custom<OpenStream>(isFunction, 'must be a function that opens a stream');

const serverInput = z.union([
  z.string(),
  openStream,
  z.strictObject({
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).optional(),
    tls: z.union([z.boolean(), tlsSchema]).optional(),
    ...overridesShape,
  }),
  z.strictObject({ path: z.string().min(1), ...overridesShape }),
  z.strictObject({ name: z.string().min(1), open: openStream, ...overridesShape }),
]);
const serversSchema: z.ZodType<ServerInput | readonly ServerInput[]> = z.union([
  serverInput,
  z.array(serverInput),
]);

const optionName = z.string().refine(isOption, 'must be 1 to 63 bytes without NUL');
const count = z.number().int().positive();

/** The shape of {@link PoolOptions}, for packages that extend it. */
export const poolOptionsShape = {
  ...connectionOptionsShape,
  servers: serversSchema.optional(),
  tls: tlsOption,
  strategy: z
    .custom<Strategy>(
      (value) => isFunction<ChooseServer>(value) || STRATEGIES.has(value),
      `must be a function or one of ${[...STRATEGIES].join(', ')}`,
    )
    .default('auto'),
  options: z
    .array(
      z.union([
        optionName.transform((name) => ({ name, required: false })),
        z.strictObject({ name: optionName, required: z.boolean().default(false) }),
      ]),
    )
    .default([]),
  clientId: z.string().refine(isClientId, 'must be 1 to 127 bytes without spaces').optional(),
  lazy: z.boolean().default(false),
  connectionsPerServer: count.max(64).default(1),
  maxPending: z.union([count, z.literal(Number.POSITIVE_INFINITY)]).default(Number.POSITIVE_INFINITY),
  connectAttempts: z
    .strictObject({
      fast: count.default(1),
      slow: z.number().int().nonnegative().default(10),
      delayMs: durationMs.default(1000),
    })
    .optional(),
  onServerLost: z.custom<(info: LostInfo) => LostVerdict>(isFunction, 'must be a function').optional(),
  logger: z.custom<Logger>(isObject, 'must be a logger').default(silentLogger),
  clock: z.custom<Clock>(isObject, 'must be a clock').default(systemClock),
  random: z.custom<() => number>(isFunction, 'must be a function').default(() => Math.random),
  dial: z.custom<Dial>(isFunction, 'must be a function').optional(),
};

const schema = z.strictObject(poolOptionsShape);

/** Checks pool options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parsePoolOptions(input: PoolOptions, where = 'createPool()'): PoolSettings {
  const { tls, ...options } = parseOptions(
    schema,
    input,
    where,
    (message) => new InvalidArgumentError(message),
  );
  const named = options.servers === undefined ? defaultServers() : parseServers(options.servers);
  const servers = tls === undefined ? named : named.map(encrypted);
  checkDump(servers, options, where);
  return {
    ...options,
    clientId: options.clientId,
    connectAttempts: options.connectAttempts,
    onServerLost: options.onServerLost,
    servers,
    tls: tls !== undefined,
    dial: options.dial === undefined ? socketDial(servers, tls, where) : ownDial(options.dial, tls, where),
  };
}

/** What must not be printed must not be printed of any server. */
function checkDump(servers: readonly ServerAddress[], options: ConnectionSettings, where: string): void {
  if (
    ![undefined, ...servers.map((each) => each.options)].some((each) =>
      printsPayload(settingsFor(options, each)),
    )
  ) {
    return;
  }
  throw new InvalidArgumentError(
    `${where}: redactPayload: cannot be had with dump: 'bytes'; use dump: 'packets'`,
  );
}

/**
 * Reads the servers that are added to a pool.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
 */
export function parseMoreServers(input: unknown, settings: PoolSettings, where: string): ServerAddress[] {
  const fail = (message: string): Error => new InvalidArgumentError(message);
  const given = parseOptions(serversSchema, input, where, fail);
  if (Array.isArray(given) && given.length === 0) return [];
  const addresses = parseServers(given);
  checkDump(addresses, settings, where);
  return settings.tls ? addresses.map(encrypted) : addresses;
}

/** Unless the address says otherwise. */
function encrypted(address: ServerAddress): ServerAddress {
  return address.kind === 'tcp' ? { ...address, tls: address.tls ?? true } : address;
}

function socketDial(servers: readonly ServerAddress[], tls: TlsOptions | undefined, where: string): Dial {
  // Wrong files are the caller's to hear of now, not a connection's later.
  const wanted = servers.some((address) => address.kind === 'tcp' && address.tls === true);
  for (const address of servers) {
    if (address.kind === 'tcp' && typeof address.tls === 'object') loadTls(address.tls, where);
  }
  if (wanted || tls !== undefined) loadTls(tls ?? {}, where);
  return createSocketDial({ tls });
}

function ownDial(dial: Dial, tls: TlsOptions | undefined, where: string): Dial {
  if (tls === undefined) return dial;
  throw new InvalidArgumentError(`${where}: tls: excludes dial; give it to createSocketDial() instead`);
}

function defaultServers(): ServerAddress[] {
  const fromEnvironment = process.env['GEARMAN_SERVERS']?.trim() ?? '';
  if (fromEnvironment === '') return parseServers(`127.0.0.1:${DEFAULT_PORT}`);
  try {
    return parseServers(fromEnvironment);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`environment variable GEARMAN_SERVERS: ${reason}`, { cause: error });
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
