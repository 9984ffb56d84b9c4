import { getHeapStatistics } from 'node:v8';
import { z } from 'zod';

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
   * Connections at the same time from one address. Further ones are closed at once. Unix sockets have no address.
   *
   * @defaultValue 16_384
   */
  readonly maxConnectionsPerAddress?: number | undefined;
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
   * Jobs that have not ended. Submits past it get ERROR `QUEUE_ERROR`, except those that merge into another job.
   *
   * @defaultValue 10_000_000
   */
  readonly maxJobs?: number | undefined;
  /**
   * What all jobs together would take in memory, in bytes: payloads, and about 320 for each. Submits past it get ERROR
   * `QUEUE_ERROR`. With a store it may be larger than `maxMemoryBytes`.
   *
   * @defaultValue half of Node's heap limit; with a store none: its disk and `maxJobs` are the limit
   */
  readonly maxQueueBytes?: number | undefined;
  /**
   * What jobs may take in memory, in bytes; only with a store. When they take nearly that much, the store keeps those
   * background jobs whose turn is far away, and of each about 60 bytes are left, or 90 with a unique id; they come back when
   * their turn comes near. Submits for which that is not enough get ERROR `QUEUE_ERROR`.
   *
   * @defaultValue half of Node's heap limit
   */
  readonly maxMemoryBytes?: number | undefined;
  /**
   * Schedules, which submit jobs again and again. Further ones get ERROR `QUEUE_ERROR`.
   *
   * @defaultValue 10_000
   */
  readonly maxSchedules?: number | undefined;
  /**
   * Largest payload of a schedule, in bytes. A schedule with a larger one gets ERROR `ARGUMENT_TOO_LARGE`.
   *
   * @defaultValue 64 KiB
   */
  readonly maxScheduleBytes?: number | undefined;
  /**
   * Bytes of messages that have not come whole yet, of all connections together. Past it the connections that need
   * more are not read on, except one at a time; they have to be through within `messageTimeoutMs` in all.
   *
   * @defaultValue 128 MiB
   */
  readonly maxInputBytes?: number | undefined;
  /**
   * Large payloads in the directory of the option `spool` together, in bytes. Submits past it get ERROR `QUEUE_ERROR`.
   *
   * @defaultValue 16 GiB
   */
  readonly maxSpoolBytes?: number | undefined;
  /**
   * Large payloads that are on their way into files at the same time. Who sends a further one is not read on until another is
   * through; meanwhile each of them has to be through within `messageTimeoutMs` in all.
   *
   * @defaultValue 256
   */
  readonly maxSpoolingFiles?: number | undefined;
  /**
   * Bytes waiting to be read by all peers together. Past it those with the most are disconnected.
   *
   * @defaultValue 256 MiB
   */
  readonly maxOutputBytes?: number | undefined;
  /**
   * Memory of all results that are kept, in bytes; see `functions`. The oldest go first.
   *
   * @defaultValue 64 MiB
   */
  readonly maxResultBytes?: number | undefined;
  /**
   * Submits that stand for later ones with the same id, see `dedup` of `functions`. Further ones that ask for that get ERROR
   * `QUEUE_ERROR`. Each takes about 400 bytes of `maxQueueBytes`.
   *
   * @defaultValue 100_000
   */
  readonly maxDedupIds?: number | undefined;
  /**
   * Bytes waiting to be read by a peer at which the server stops reading from that peer, and from the workers that send
   * it more, until it has read.
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
   * a packet from one piece to the next. Slower peers are disconnected.
   *
   * @defaultValue 30_000
   */
  readonly messageTimeoutMs?: number | undefined;
  /**
   * How long a connection may be idle, in milliseconds, before it is closed: it sends nothing, runs no job, waits for
   * none and has not asked to be woken for one. It may take a quarter longer. 0: for ever.
   *
   * @defaultValue 0
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How long a TLS handshake may take from the connect, in milliseconds.
   *
   * @defaultValue 5000
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * How long a peer past `outboxSoftBytes` may read nothing before it is disconnected, in milliseconds.
   *
   * @defaultValue 10_000
   */
  readonly stallTimeoutMs?: number | undefined;
  /**
   * How long the store may take for one commit, in milliseconds; 0: for ever. After it new background jobs are answered with
   * QUEUE_ERROR until the store answers; those that are on their way to it wait on. `close()` waits for the store as long.
   *
   * @defaultValue 4000
   */
  readonly storeTimeoutMs?: number | undefined;
}

/** {@link ServerLimits} with their defaults. */
export type CheckedLimits = { readonly [K in keyof ServerLimits]-?: Exclude<ServerLimits[K], undefined> };

/** Before it is known whether there is a store. */
export type GivenLimits = Omit<CheckedLimits, 'maxQueueBytes' | 'maxMemoryBytes'> &
  Pick<ServerLimits, 'maxQueueBytes' | 'maxMemoryBytes'>;

const MIB = 1024 * 1024;
const count = z.int().min(1);
const milliseconds = z.number().min(0);

export const limitsSchema: z.ZodType<GivenLimits, ServerLimits> = z.strictObject({
  maxPacketBytes: count.default(64 * MIB),
  maxLineBytes: count.default(8191),
  maxConnections: count.default(65_536),
  maxConnectionsPerAddress: count.default(16_384),
  maxFunctions: count.default(65_536),
  maxFunctionsPerConnection: count.default(4096),
  maxJobs: count.default(10_000_000),
  maxQueueBytes: count.optional(),
  maxMemoryBytes: count.optional(),
  maxSchedules: count.default(10_000),
  maxScheduleBytes: count.default(64 * 1024),
  maxInputBytes: count.default(128 * MIB),
  maxSpoolBytes: count.default(16 * 1024 * MIB),
  maxSpoolingFiles: count.default(256),
  maxOutputBytes: count.default(256 * MIB),
  maxResultBytes: count.default(64 * MIB),
  maxDedupIds: count.default(100_000),
  outboxSoftBytes: count.default(8 * MIB),
  outboxHardBytes: count.default(64 * MIB),
  messageTimeoutMs: milliseconds.default(30_000),
  idleTimeoutMs: milliseconds.default(0),
  handshakeTimeoutMs: milliseconds.default(5000),
  stallTimeoutMs: milliseconds.default(10_000),
  storeTimeoutMs: milliseconds.default(4000),
});

/** Without a store everything is in memory; with one, what memory has no room for is there. */
export function withMemory(
  limits: GivenLimits,
  hasStore: boolean,
  fail: (message: string) => Error,
): CheckedLimits {
  const { maxQueueBytes, maxMemoryBytes } = limits;
  const usual = Math.floor(getHeapStatistics().heap_size_limit / 2);
  if (hasStore) {
    const { MAX_SAFE_INTEGER } = Number;
    return {
      ...limits,
      maxQueueBytes: maxQueueBytes ?? MAX_SAFE_INTEGER,
      maxMemoryBytes: maxMemoryBytes ?? usual,
    };
  }
  if (maxMemoryBytes !== undefined)
    throw fail('createServer(): limits.maxMemoryBytes: only with a store; use limits.maxQueueBytes');
  return { ...limits, maxQueueBytes: maxQueueBytes ?? usual, maxMemoryBytes: maxQueueBytes ?? usual };
}
