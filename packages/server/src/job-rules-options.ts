import { encodeText } from '@gearman/protocol';
import { z } from 'zod';
import type { DeadLimits } from './engine/dead-set.ts';
import { DEDUP_MODES, type DedupMode, type OwnDedupRules } from './engine/dedup.ts';
import type { JobRules, RulesOf } from './engine/job-policy.ts';
import { ATTEMPT_FAILURES, type AttemptFailure } from './engine/retry-policy.ts';

/** How long a job waits before its next attempt. */
export interface BackoffOptions {
  /** @defaultValue `'exponential'` */
  readonly type?: 'fixed' | 'exponential' | undefined;
  /**
   * The delay before the second attempt, in milliseconds; 0: at once.
   *
   * @defaultValue 1000
   */
  readonly delayMs?: number | undefined;
  /**
   * With `exponential`: how many times longer each delay is than the one before.
   *
   * @defaultValue 2
   */
  readonly factor?: number | undefined;
  /**
   * No delay is longer, in milliseconds.
   *
   * @defaultValue 3_600_000: an hour
   */
  readonly maxMs?: number | undefined;
  /**
   * Each delay is shortened by a random part of this part of it, 0 to 1, so that jobs that failed together do not come
   * back together.
   *
   * @defaultValue 0.2
   */
  readonly jitter?: number | undefined;
}

/** How often a job is tried. */
export interface ServerRetryOptions {
  /** Runs in all, the first one included; 1 to 1,000,000. */
  readonly attempts: number;
  readonly backoff?: BackoffOptions | undefined;
  /**
   * What another attempt follows on: the worker said that the job failed, sent an exception, took longer than it
   * registered for, or was lost (it disconnected or withdrew the function). What is not named is as without `retry`: a
   * failure ends the job, a lost worker puts it back at once, as often as `jobRetries` allows.
   *
   * @defaultValue all four
   */
  readonly on?: readonly AttemptFailure[] | undefined;
}

/** What holds for the jobs of a function beyond the protocol. */
export interface FunctionOptions {
  /**
   * How often its jobs are tried. While a job waits for its next attempt nobody is told of the failure; clients that wait
   * for it hear of the last one.
   *
   * @defaultValue once; only lost workers put a job back
   */
  readonly retry?: ServerRetryOptions | undefined;
  /**
   * How long a job may wait for its first run, in milliseconds, counted from when it may run. One that waits longer fails
   * and is never handed out.
   *
   * @defaultValue for ever
   */
  readonly ttlMs?: number | undefined;
  /**
   * A background job that fails for good goes on as a job of this function, with the same payload, in place of the dead
   * set. Workers that know the extension `x-attempts` are told what it was and why it failed.
   *
   * @defaultValue none
   */
  readonly deadLetterTo?: string | undefined;
  /**
   * Keeps the results of its jobs when they are over, for `client.result()`; with a store, those of background jobs also
   * over restarts.
   *
   * @defaultValue not kept, as in gearmand
   */
  readonly keepResult?: KeepResultOptions | undefined;
  /**
   * Which submits of it make no job, because an earlier one with the same unique id stands for them. Submits without
   * one, and the runs of schedules, always make a job.
   *
   * @defaultValue those whose unique id a job has that lives, as in gearmand
   */
  readonly dedup?: DedupOptions | undefined;
}

/** When an earlier submit stands for a later one with the same id; the later one is answered with the handle of that job. */
export interface DedupOptions {
  /**
   * `attach`: while the job lives. `drop`: while it lives, and within the window. `throttle`: within the window only, so
   * that there is at most one new job per window.
   */
  readonly mode: DedupMode;
  /**
   * How long the window is, in milliseconds from the submit that made the job, at most ten years. It goes on when that
   * job is over, and with a store over restarts. `throttle` needs one; `attach` does not heed it.
   *
   * @defaultValue 0
   */
  readonly windowMs?: number | undefined;
}

/** How the results of jobs are kept. All results together take at most the limit `maxResultBytes`; the oldest go first. */
export interface KeepResultOptions {
  /**
   * For how long, in milliseconds from the end of the job.
   *
   * @defaultValue 3_600_000: an hour
   */
  readonly ttlMs?: number | undefined;
  /**
   * How large a result may be, in bytes, at most 1 MiB. Of a larger one it is known only that the job completed.
   *
   * @defaultValue 64 KiB
   */
  readonly maxBytes?: number | undefined;
}

/** Which background jobs that failed for good are kept. */
export interface DeadOptions {
  /**
   * Until when, in milliseconds from their end.
   *
   * @defaultValue 180 days
   */
  readonly maxAgeMs?: number | undefined;
  /**
   * How many; the oldest go first.
   *
   * @defaultValue 10_000
   */
  readonly max?: number | undefined;
  /**
   * How much memory they may take, in bytes; the oldest go first. With a store their payloads stay there and do not count.
   *
   * @defaultValue 64 MiB
   */
  readonly maxBytes?: number | undefined;
}

const DAY_MS = 86_400_000;
/** The longest time that may be said of a job: ten years. */
export const LONGEST_MS = 3650 * DAY_MS;
const MOST_ATTEMPTS = 1_000_000;
const MIB = 1024 * 1024;
const milliseconds = z.number().min(0).max(LONGEST_MS);

const backoffSchema = z.strictObject({
  type: z.enum(['fixed', 'exponential']).default('exponential'),
  delayMs: milliseconds.default(1000),
  factor: z.number().min(1).max(1000).default(2),
  maxMs: milliseconds.default(3_600_000),
  jitter: z.number().min(0).max(1).default(0.2),
});

const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(MOST_ATTEMPTS),
  backoff: backoffSchema.default(() => backoffSchema.parse({})),
  on: z
    .array(z.enum(ATTEMPT_FAILURES))
    .min(1)
    .default([...ATTEMPT_FAILURES]),
});

/** What may be said of one job as well as of a function. */
export const jobRulesShape = {
  retry: retrySchema.optional(),
  ttlMs: milliseconds.min(1).optional(),
  keepResult: z
    .strictObject({
      ttlMs: milliseconds.min(1).default(3_600_000),
      maxBytes: z.int().min(0).max(MIB).default(65_536),
    })
    .optional(),
};

const dedupShape = { mode: z.enum(DEDUP_MODES), windowMs: milliseconds.default(0) };
const hasWindow = ({ mode, windowMs }: { mode: DedupMode; windowMs: number }): boolean =>
  mode !== 'throttle' || windowMs > 0;
const NO_WINDOW = 'throttle needs windowMs';

/** What one submit says of those that are the same. */
export const dedupSchema: z.ZodType<OwnDedupRules, unknown> = z
  .strictObject({
    ...dedupShape,
    id: z
      .string()
      .min(1)
      .max(256)
      .refine((id) => !id.includes('\0'), 'must not hold NUL')
      .transform(encodeText)
      .optional(),
  })
  .refine(hasWindow, NO_WINDOW);

const functionSchema: z.ZodType<JobRules, FunctionOptions> = z.strictObject({
  ...jobRulesShape,
  deadLetterTo: z.string().min(1).transform(encodeText).optional(),
  dedup: z.strictObject(dedupShape).refine(hasWindow, NO_WINDOW).optional(),
});

/** Names, or beginnings of names with a `*` behind them. */
const functionsSchema = z
  .record(z.string().min(1), functionSchema)
  .refine(
    (functions) => Object.keys(functions).every((name) => !name.slice(0, -1).includes('*')),
    'a * stands only at the end of a name',
  );

/** Turns the option `functions` into a look-up by name: an exact name first, then the longest beginning. */
export const rulesSchema: z.ZodType<
  RulesOf,
  Readonly<Record<string, FunctionOptions>>
> = functionsSchema.transform(toLookUp);

export const deadSchema: z.ZodType<DeadLimits, DeadOptions> = z.strictObject({
  maxAgeMs: milliseconds.default(180 * DAY_MS),
  max: z.int().min(1).default(10_000),
  maxBytes: z
    .int()
    .min(1)
    .default(64 * MIB),
});

function toLookUp(functions: Readonly<Record<string, JobRules>>): RulesOf {
  const entries = Object.entries(functions).map(([name, rules]) => ({ name: encodeText(name), rules }));
  const exact = new Map(entries.map(({ name, rules }) => [name, rules]));
  const beginnings = entries
    .filter(({ name }) => name.endsWith('*'))
    .map(({ name, rules }) => ({ start: name.slice(0, -1), rules }))
    .sort((a, b) => b.start.length - a.start.length);
  return (name) => exact.get(name) ?? beginnings.find(({ start }) => name.startsWith(start))?.rules;
}
