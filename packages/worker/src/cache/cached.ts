import { InvalidArgumentError } from '@gearman/protocol';
import { ResultCache } from './cache.ts';
import { keyOf } from './cache-key.ts';
import { type CacheableJob, type CachedOptions, parseCachedOptions } from './options.ts';

/**
 * A handler that keeps its results: a job whose result is known, and not older than `maxAgeMs`, gets that, with
 * everything the handler wrote ahead of it.
 *
 * Jobs that want the same at the same time share one run of the handler: all of them get its progress, its warnings and
 * what it writes. Its signal aborts when none of them wants the result any more. Results are bytes, text, or JSON values,
 * also in parts; `job.stream()` and handlers that leave their job open (`manual`) do not go together with it.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options; a job whose key is not JSON ends with it
 */
export function cached<J extends CacheableJob, R>(
  handler: (job: J) => R | Promise<R>,
  options: CachedOptions<J>,
): (job: J) => Promise<R> {
  const { cache, key = keyOf, ...rest } = options;
  if (typeof handler !== 'function')
    throw new InvalidArgumentError('cached(): the handler must be a function');
  if (!(cache instanceof ResultCache)) {
    throw new InvalidArgumentError('cached(): cache: make it with createCache()');
  }
  if (typeof key !== 'function') throw new InvalidArgumentError('cached(): key: must be a function');
  const settings = parseCachedOptions(rest);
  return async (job) => {
    const result = await cache.resultFor(job, handler, key(job), settings);
    // Made by this handler, now or before.
    return result as R;
  };
}
