import { type Clock, type Logger, parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import type { Keyv, KeyvStoreAdapter } from 'keyv';
import { z } from 'zod';
import type { WorkerJob } from '../worker-job.ts';
import type { ResultCache } from './cache.ts';
import type { CacheKey } from './cache-key.ts';
import { isEmptyResult } from './entry.ts';

/** Options of `createCache()`. */
export interface CacheOptions {
  /**
   * Where results are kept: a store of [keyv](https://keyv.org), such as `new KeyvRedis('redis://…')`, an instance of
   * Keyv, or a Map.
   *
   * @defaultValue the memory of this process, bounded by `maxEntries` and `maxBytes`
   */
  readonly store?: Keyv | KeyvStoreAdapter | Map<string, string>;
  /** What keys in the store begin with; an instance of Keyv has its own. @defaultValue `'gearman'` */
  readonly namespace?: string;
  /** How many results the store of this process keeps, when no `store` is given. @defaultValue 10_000 */
  readonly maxEntries?: number;
  /** How much they may be together, about. @defaultValue 67_108_864 (64 MiB) */
  readonly maxBytes?: number;
  /** A larger result is not kept, in any store. @defaultValue 8_388_608 (8 MiB) */
  readonly maxResultBytes?: number;
  /**
   * How long the store may take for one call, in milliseconds. A job whose result is not found by then runs; nothing of
   * the store ever fails a job.
   *
   * @defaultValue 1000
   */
  readonly storeTimeoutMs?: number;
  /** Changes every result before it is kept and sent. What it throws fails the job. @defaultValue nothing is changed */
  readonly transform?: (result: unknown) => unknown;
  /** Where trouble with the store is written. @defaultValue nothing is written */
  readonly logger?: Logger;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

/** {@link CacheOptions}, checked, with defaults. */
export interface CacheSettings
  extends Required<Omit<CacheOptions, 'store' | 'transform' | 'namespace' | 'maxEntries' | 'maxBytes'>> {
  readonly transform: (result: unknown) => unknown;
}

/** Jobs of any kind of handler. */
export type CacheableJob = Omit<WorkerJob, 'stream' | 'write' | 'complete'> & {
  readonly data?: unknown;
  write(chunk: never): Promise<void>;
  complete(result: never): void;
};

/** Options of `cached()`. */
export interface CachedOptions<J = CacheableJob> {
  /** Made by `createCache()`. Several functions may share one. */
  readonly cache: ResultCache;
  /** Sets the results of this function apart from those of others. @defaultValue the name of the job's function */
  readonly name?: string;
  /** How long a result is as good as new, in milliseconds. */
  readonly maxAgeMs: number;
  /**
   * How long after that a result may still be taken when there is no better one, in milliseconds.
   *
   * @defaultValue 604_800_000 (a week) if one of the two below is true
   */
  readonly maxStaleMs?: number;
  /**
   * Whether an old result is better than an empty one: no value, empty text or bytes, `[]`, `{}`. Empty results are not
   * kept then.
   *
   * @defaultValue true
   */
  readonly staleIfEmpty?: boolean;
  /** Whether an old result is better than a failure or an exception. @defaultValue false */
  readonly staleIfError?: boolean;
  /** Which results are empty. @defaultValue as `staleIfEmpty` says */
  readonly isEmpty?: (result: unknown) => boolean;
  /**
   * What jobs have in common that share a result: bytes, text, or a JSON value, in which the order of keys does not
   * matter.
   *
   * @defaultValue `job.data` for functions with a contract or a codec, else `job.payload`
   */
  readonly key?: (job: J) => CacheKey;
}

/** {@link CachedOptions}, checked, with defaults. */
export interface CachedSettings {
  readonly name: string | undefined;
  readonly maxAgeMs: number;
  /** How long a result is kept. */
  readonly keepMs: number;
  readonly staleIfEmpty: boolean;
  readonly staleIfError: boolean;
  readonly isEmpty: (result: unknown) => boolean;
}

const A_WEEK_MS = 604_800_000;
const whole = z.number().int().min(1);
const durationMs = z.number().positive();
const call = <T>() => z.custom<T>((value) => typeof value === 'function', 'must be a function');
const fail = (message: string): Error => new InvalidArgumentError(message);

const cacheSchema = z.strictObject({
  store: z
    .custom<Keyv | KeyvStoreAdapter | Map<string, string>>(
      isStore,
      'must be a store of keyv, a Keyv or a Map',
    )
    .optional(),
  namespace: z.string().min(1).default('gearman'),
  maxEntries: whole.default(10_000),
  maxBytes: whole.default(64 * 1024 * 1024),
  maxResultBytes: whole.default(8 * 1024 * 1024),
  storeTimeoutMs: durationMs.default(1000),
  transform: call<(result: unknown) => unknown>().default(() => (result: unknown) => result),
  logger: z.custom<Logger>((value) => typeof value === 'object' && value !== null).default(silentLogger),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null).default(systemClock),
});

const cachedSchema = z.strictObject({
  name: z.string().min(1).optional(),
  maxAgeMs: durationMs,
  maxStaleMs: z.number().nonnegative().default(A_WEEK_MS),
  staleIfEmpty: z.boolean().default(true),
  staleIfError: z.boolean().default(false),
  isEmpty: call<(result: unknown) => boolean>().default(() => isEmptyResult),
});

/** Checks the options of `createCache()`. */
export function parseCacheOptions(input: CacheOptions) {
  return parseOptions(cacheSchema, input, 'createCache()', fail);
}

/** Checks the options of `cached()`. */
export function parseCachedOptions(input: Omit<CachedOptions, 'cache' | 'key'>): CachedSettings {
  const { name, maxAgeMs, maxStaleMs, ...rest } = parseOptions(cachedSchema, input, 'cached()', fail);
  const keepsOld = rest.staleIfEmpty || rest.staleIfError;
  return { name, maxAgeMs, keepMs: maxAgeMs + (keepsOld ? maxStaleMs : 0), ...rest };
}

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ['get', 'set', 'delete', 'clear'].every((name) => typeof Reflect.get(value, name) === 'function');
}
