// What applications use.

export { createCache, type ResultCache } from './cache.ts';
export type { CacheEvent } from './cache-events.ts';
export type { CacheKey } from './cache-key.ts';
export { cached } from './cached.ts';
export type { CacheableJob, CachedOptions, CacheOptions } from './options.ts';
export { StoreTimeoutError } from './result-store.ts';
