import type { GearmanError } from '@gearman/protocol';
import { z } from 'zod';

/** How often, how soon and after what a job is tried again. */
export interface RetryOptions {
  /** Most attempts after the first. @defaultValue 3 */
  readonly limit?: number;
  /** Delay before the first of them, in milliseconds. @defaultValue 100 */
  readonly minMs?: number;
  /** Longest delay, before its random part, in milliseconds. @defaultValue 10_000 */
  readonly maxMs?: number;
  /** Each delay is the one before times this, at least 1. @defaultValue 2 */
  readonly factor?: number;
  /** Random part of each delay, as a fraction of it in both directions, 0 to 1. @defaultValue 0.15 */
  readonly jitter?: number;
  /**
   * Whether to try again after this failure. It is not asked after a cancel, a close, an exception named
   * `NonRetryableError` in the worker, and where nobody knows whether the server took the job: there `resubmit` decides.
   * One that throws means no.
   *
   * @defaultValue yes for what went wrong on the way: never sent, queue full, connection lost after the job was created,
   * `tryTimeoutMs` over; no for what the worker reported, or the server refused
   */
  readonly retryIf?: (error: GearmanError) => boolean;
}

/** {@link RetryOptions} with all defaults filled in. */
export type RetrySettings = Required<Omit<RetryOptions, 'retryIf'>> & Pick<RetryOptions, 'retryIf'>;

const DEFAULTS = { limit: 3, minMs: 100, maxMs: 10_000, factor: 2, jitter: 0.15 } as const;

const limit = z.number().int().min(0);

/** A number of attempts, or everything. */
export const retriesOption = z
  .union([
    limit,
    z.strictObject({
      limit: limit.optional(),
      minMs: z.number().positive().optional(),
      maxMs: z.number().positive().optional(),
      factor: z.number().min(1).optional(),
      jitter: z.number().min(0).max(1).optional(),
      retryIf: z.custom<(error: GearmanError) => boolean>(isFunction, 'must be a function').optional(),
    }),
  ])
  .optional();

/** As a schema leaves them. */
export type GivenRetries = number | { readonly [K in keyof RetryOptions]?: RetryOptions[K] | undefined };

/** Fills in what was left out; undefined for none at all. */
export function toRetrySettings(retries: GivenRetries | undefined): RetrySettings | undefined {
  if (retries === undefined || retries === 0) return undefined;
  if (typeof retries === 'number') return { ...DEFAULTS, limit: retries };
  const { limit = DEFAULTS.limit, minMs = DEFAULTS.minMs, maxMs = DEFAULTS.maxMs } = retries;
  const { factor = DEFAULTS.factor, jitter = DEFAULTS.jitter, retryIf } = retries;
  return {
    limit,
    minMs,
    maxMs,
    factor,
    jitter,
    ...(retryIf === undefined ? {} : { retryIf: cautious(retryIf) }),
  };
}

/**
 * The delay before attempt `nth + 1`, in milliseconds.
 *
 * @param nth 1 after the first failure
 * @param random a number from 0 up to 1
 */
export function retryDelayMs(nth: number, settings: RetrySettings | undefined, random: number): number {
  const { minMs, maxMs, factor, jitter } = settings ?? DEFAULTS;
  const delayMs = Math.min(maxMs, minMs * factor ** (nth - 1));
  return Math.max(1, Math.round(delayMs * (1 + jitter * (2 * random - 1))));
}

/** It runs while packets are read, where nothing may throw. */
function cautious(retryIf: (error: GearmanError) => boolean): (error: GearmanError) => boolean {
  return (error) => {
    try {
      return retryIf(error);
    } catch {
      return false;
    }
  };
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
