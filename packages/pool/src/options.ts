import type { Clock, Logger } from '@gearman/events';
import { parseOptions, silentLogger, systemClock } from '@gearman/events';
import { DEFAULT_MAX_PACKET_BYTES, InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { DEFAULT_PORT, parseServers, type ServerAddress, type ServerInput } from './address.ts';
import type { ReconnectOptions } from './backoff.ts';
import { isClientId, isOption } from './registration.ts';
import { createSocketDial } from './socket-dial.ts';
import type { Strategy } from './strategies.ts';
import { loadTls, type TlsOptions, tlsOption } from './tls-options.ts';
import type { Dial } from './transport.ts';

/** Options of {@link createPool}, and of everything that builds a pool of its own. */
export interface PoolOptions {
  /**
   * The job servers: `host`, `host:port`, `[v6]:port`, `gearmans://host:port`, `unix:/path`, a list of them, or a string
   * with commas.
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
  /**
   * Which connected server gets a request: `auto` sends equal unique ids to the same server and everything else round
   * robin; `round-robin` ignores unique ids; `first` prefers the order of the list.
   *
   * @defaultValue `'auto'`
   */
  readonly strategy?: Strategy;
  /** Time for one attempt to connect, in milliseconds. @defaultValue 4000 */
  readonly connectTimeoutMs?: number;
  /** Time for the answer to a request such as ECHO_REQ or GET_STATUS, in milliseconds. @defaultValue 10_000 */
  readonly replyTimeoutMs?: number;
  /** Delays between attempts to connect. A server is tried for ever unless `maxAttempts` is set. */
  readonly reconnect?: ReconnectOptions;
  /** Server options to ask for on each connect, for example `exceptions`. @defaultValue none */
  readonly options?: readonly string[];
  /** Name shown by the server's `workers` command, 1 to 127 bytes, no spaces. @defaultValue none */
  readonly clientId?: string;
  /** Largest packet accepted from a server, in bytes. @defaultValue 64 MiB */
  readonly maxPacketBytes?: number;
  /** Where log lines go. @defaultValue nowhere */
  readonly logger?: Logger;
  /** Where time comes from. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Numbers from 0 up to 1 for jitter. @defaultValue Math.random */
  readonly random?: () => number;
  /** How connections are opened; excludes `tls`. @defaultValue TCP and Unix sockets, with TLS where asked for */
  readonly dial?: Dial;
}

/** {@link PoolOptions} with all defaults filled in. */
export interface PoolSettings {
  readonly servers: readonly ServerAddress[];
  readonly strategy: Strategy;
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly reconnect: Required<ReconnectOptions>;
  readonly options: readonly string[];
  readonly clientId: string | undefined;
  readonly maxPacketBytes: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly dial: Dial;
}

const durationMs = z.number().positive();

const serverInput = z.union([
  z.string(),
  z.strictObject({
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).optional(),
    tls: z.boolean().optional(),
  }),
  z.strictObject({ path: z.string().min(1) }),
]);

/** The shape of {@link PoolOptions}, for packages that extend it. */
export const poolOptionsShape = {
  servers: z.union([serverInput, z.array(serverInput)]).optional(),
  tls: tlsOption,
  strategy: z.enum(['auto', 'round-robin', 'first']).default('auto'),
  connectTimeoutMs: durationMs.default(4000),
  replyTimeoutMs: durationMs.default(10_000),
  reconnect: z
    .strictObject({
      type: z.enum(['fibonacci', 'exponential', 'fixed']).default('fibonacci'),
      minMs: durationMs.default(10),
      maxMs: durationMs.default(10_000),
      jitter: z.number().min(0).max(1).default(0.15),
      maxAttempts: z
        .union([z.number().int().positive(), z.literal(Number.POSITIVE_INFINITY)])
        .default(Number.POSITIVE_INFINITY),
    })
    .prefault({}),
  options: z.array(z.string().refine(isOption, 'must be 1 to 63 bytes without NUL')).default([]),
  clientId: z.string().refine(isClientId, 'must be 1 to 127 bytes without spaces').optional(),
  maxPacketBytes: z.number().int().positive().default(DEFAULT_MAX_PACKET_BYTES),
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
  return {
    ...options,
    clientId: options.clientId,
    servers,
    dial: options.dial === undefined ? socketDial(servers, tls, where) : ownDial(options.dial, tls, where),
  };
}

/** Unless the address says otherwise. */
function encrypted(address: ServerAddress): ServerAddress {
  return address.kind === 'tcp' ? { tls: true, ...address } : address;
}

function socketDial(servers: readonly ServerAddress[], tls: TlsOptions | undefined, where: string): Dial {
  // Wrong files are the caller's to hear of now, not a connection's later.
  const wanted = servers.some((address) => address.kind === 'tcp' && address.tls === true);
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

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
