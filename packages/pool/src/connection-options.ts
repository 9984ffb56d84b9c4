import { DEFAULT_MAX_PACKET_BYTES } from '@gearman/protocol';
import { z } from 'zod';
import type { Reconnect, ReconnectOptions } from './backoff.ts';
import type { HeartbeatOptions } from './heartbeat.ts';

/** How one connection behaves. Set for a whole pool, or for one of its servers. */
export interface ConnectionOptions {
  /** Time for one attempt to connect, in milliseconds. @defaultValue 4000 */
  readonly connectTimeoutMs?: number;
  /** Time for the answer to a request such as ECHO_REQ or GET_STATUS, in milliseconds. @defaultValue 10_000 */
  readonly replyTimeoutMs?: number;
  /**
   * Delays between attempts to connect, or a function that says them. A server is tried for ever unless `maxAttempts`
   * is set or the function returns false.
   */
  readonly reconnect?: Reconnect;
  /** Finds connections whose other end is gone without a word, by an ECHO_REQ; false turns that off. */
  readonly heartbeat?: HeartbeatOptions | false;
  /** Largest packet accepted from a server, in bytes. @defaultValue 64 MiB */
  readonly maxPacketBytes?: number;
  /**
   * Shows what travels: `packets` one by one, or `bytes` as they come, as events `read` and `write`, and as lines to the
   * logger while nobody listens to those. Costs nothing when off.
   *
   * @defaultValue `'off'`
   */
  readonly dump?: 'off' | 'packets' | 'bytes';
  /**
   * Keeps workloads and results out of what `dump: 'packets'` shows; only their sizes remain. Refused with
   * `dump: 'bytes'`, which cannot tell them apart.
   *
   * @defaultValue false
   */
  readonly redactPayload?: boolean;
}

/** {@link ConnectionOptions} with all defaults filled in. */
export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly reconnect: Required<ReconnectOptions> | Extract<Reconnect, (...args: never) => unknown>;
  readonly heartbeat: Required<HeartbeatOptions> | false;
  readonly maxPacketBytes: number;
  readonly dump: 'off' | 'packets' | 'bytes';
  readonly redactPayload: boolean;
}

export const durationMs = z.number().positive();

const reconnectObject = z.strictObject({
  type: z.enum(['fibonacci', 'exponential', 'fixed']).default('fibonacci'),
  minMs: durationMs.default(10),
  maxMs: durationMs.default(10_000),
  jitter: z.number().min(0).max(1).default(0.15),
  maxAttempts: z
    .union([z.number().int().positive(), z.literal(Number.POSITIVE_INFINITY)])
    .default(Number.POSITIVE_INFINITY),
});

const heartbeatObject = z.strictObject({
  idleMs: durationMs.default(30_000),
  timeoutMs: durationMs.default(10_000),
});

export const connectionOptionsShape = {
  connectTimeoutMs: durationMs.default(4000),
  replyTimeoutMs: durationMs.default(10_000),
  reconnect: isOr(isFunction<Extract<Reconnect, (...args: never) => unknown>>, reconnectObject),
  heartbeat: isOr((value): value is false => value === false, heartbeatObject),
  maxPacketBytes: z.number().int().positive().default(DEFAULT_MAX_PACKET_BYTES),
  dump: z.enum(['off', 'packets', 'bytes']).default('off'),
  redactPayload: z.boolean().default(false),
};

const schema = z.strictObject(connectionOptionsShape);

/** The shape of options that override those of a pool for one server: checked, nothing filled in. */
export const overridesShape = Object.fromEntries(
  Object.entries(connectionOptionsShape).map(([name, each]) => [
    name,
    z
      .unknown()
      .optional()
      .superRefine((value, context) => {
        if (value === undefined) return;
        for (const issue of each.safeParse(value).error?.issues ?? []) {
          context.addIssue({ code: 'custom', path: [...issue.path], message: issue.message });
        }
      }),
  ]),
);

/** The settings of one server: the pool's, and instead of them what was said for this server. */
export function settingsFor(
  pool: ConnectionSettings,
  overrides: ConnectionOptions | undefined,
): ConnectionSettings {
  if (overrides === undefined) return pick(pool);
  // Checked before; this fills in the defaults inside of what was given.
  const parsed: Record<string, unknown> = { ...schema.parse(overrides) };
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...pick(pool), ...Object.fromEntries(given.map(([name]) => [name, parsed[name]])) };
}

function pick(pool: ConnectionSettings): ConnectionSettings {
  const { connectTimeoutMs, replyTimeoutMs, reconnect, heartbeat, maxPacketBytes, dump, redactPayload } =
    pool;
  return { connectTimeoutMs, replyTimeoutMs, reconnect, heartbeat, maxPacketBytes, dump, redactPayload };
}

/** True for options that would print what must not be printed. */
export function printsPayload({ dump, redactPayload }: ConnectionSettings): boolean {
  return dump === 'bytes' && redactPayload;
}

export function isFunction<T = unknown>(value: unknown): value is T {
  return typeof value === 'function';
}

/** Takes what `is` knows, or an object; unlike a union it says what is wrong with the object. */
function isOr<T, S extends z.ZodType>(is: (value: unknown) => value is T, object: S) {
  return z
    .unknown()
    .transform((value, context): T | z.output<S> => {
      if (is(value)) return value;
      const result = object.safeParse(value);
      if (result.success) return result.data;
      for (const { path, message } of result.error.issues) {
        context.addIssue({ code: 'custom', path: [...path], message });
      }
      return z.NEVER;
    })
    .prefault({});
}
