import { getHeapStatistics } from 'node:v8';
import { type Clock, type Logger, parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

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
   * Connections that may wait to be accepted.
   *
   * @defaultValue 511
   */
  readonly backlog?: number | undefined;
}

/** Bounds of everything a peer can make grow. */
export interface ServerLimits {
  /**
   * Largest packet body accepted, in bytes. A larger one is answered with ERROR and skipped.
   *
   * @defaultValue 64 MiB
   */
  readonly maxPacketBytes?: number | undefined;
  /**
   * Longest text line, in bytes. A longer one closes the connection.
   *
   * @defaultValue 8191
   */
  readonly maxLineBytes?: number | undefined;
  /**
   * Connections at the same time. Further ones are closed at once.
   *
   * @defaultValue 65_536
   */
  readonly maxConnections?: number | undefined;
  /**
   * Functions the server knows. At the limit functions nobody uses are given up, then new ones are refused.
   *
   * @defaultValue 65_536
   */
  readonly maxFunctions?: number | undefined;
  /**
   * CAN_DO packets of one connection that are in force at the same time.
   *
   * @defaultValue 4096
   */
  readonly maxFunctionsPerConnection?: number | undefined;
  /**
   * Memory of all jobs together, in bytes. Submits past it get ERROR `QUEUE_ERROR`.
   *
   * @defaultValue half of Node's heap limit
   */
  readonly maxQueueBytes?: number | undefined;
  /**
   * Bytes waiting to be read by a peer at which the server stops reading from that peer.
   *
   * @defaultValue 8 MiB
   */
  readonly outboxSoftBytes?: number | undefined;
  /**
   * Bytes waiting to be read by a peer at which it is disconnected as soon as there is more for it.
   *
   * @defaultValue 64 MiB
   */
  readonly outboxHardBytes?: number | undefined;
  /**
   * How long a message may take to arrive, in milliseconds: the header of a packet or a text line in all, the body of
   * a packet from one piece to the next. Slower peers are disconnected. Idle connections may stay for ever.
   *
   * @defaultValue 30_000
   */
  readonly messageTimeoutMs?: number | undefined;
  /**
   * How long a peer past `outboxSoftBytes` may read nothing before it is disconnected, in milliseconds.
   *
   * @defaultValue 10_000
   */
  readonly stallTimeoutMs?: number | undefined;
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
  readonly limits?: ServerLimits | undefined;
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
  readonly backlog: number;
}
/** {@link ServerLimits} with their defaults. */
export type CheckedLimits = { readonly [K in keyof ServerLimits]-?: Exclude<ServerLimits[K], undefined> };
/** {@link ServerOptions} with their defaults. */
export type CheckedOptions = {
  readonly [K in Exclude<keyof ServerOptions, 'limits' | 'jobHandlePrefix'>]-?: Exclude<
    ServerOptions[K],
    undefined
  >;
} & { readonly limits: CheckedLimits; readonly jobHandlePrefix?: string | undefined };

const MAX_PREFIX_BYTES = 38;
const MIB = 1024 * 1024;
const count = z.int().min(1);
const milliseconds = z.number().min(0);

const limitsSchema: z.ZodType<CheckedLimits, ServerLimits> = z.strictObject({
  maxPacketBytes: count.default(64 * MIB),
  maxLineBytes: count.default(8191),
  maxConnections: count.default(65_536),
  maxFunctions: count.default(65_536),
  maxFunctionsPerConnection: count.default(4096),
  maxQueueBytes: count.default(() => Math.floor(getHeapStatistics().heap_size_limit / 2)),
  outboxSoftBytes: count.default(8 * MIB),
  outboxHardBytes: count.default(64 * MIB),
  messageTimeoutMs: milliseconds.default(30_000),
  stallTimeoutMs: milliseconds.default(10_000),
});

const optionsSchema: z.ZodType<CheckedOptions, ServerOptions> = z.strictObject({
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
  logLevel: z.enum(LOG_LEVELS).default('ERROR'),
  keepAliveMs: milliseconds.default(5000),
  limits: limitsSchema.default(() => limitsSchema.parse({})),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null).default(systemClock),
  logger: z.custom<Logger>((value) => typeof value === 'object' && value !== null).default(silentLogger),
});

const listenSchema: z.ZodType<CheckedListenOptions, ListenOptions> = z.strictObject({
  port: z.int().min(0).max(65_535).default(4730),
  host: z.string().min(1).default('127.0.0.1'),
  path: z.string().min(1).optional(),
  backlog: count.default(511),
});

const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);

/** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseServerOptions(options: unknown): CheckedOptions {
  return parseOptions(optionsSchema, options ?? {}, 'createServer()', fail);
}

/** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseListenOptions(options: unknown): CheckedListenOptions {
  return parseOptions(listenSchema, options ?? {}, 'listen()', fail);
}
