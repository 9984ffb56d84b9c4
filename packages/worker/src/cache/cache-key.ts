import { createHash } from 'node:crypto';
import { toCanonicalJson } from './json.ts';
import type { CacheableJob } from './options.ts';

/** What two jobs have in common that may share a result: bytes, text, or a JSON value. */
export type CacheKey = unknown;

/** The key in the store: readable by its name, and of a length that every store takes. */
export function storeKey(name: string, key: CacheKey): string {
  const hash = createHash('sha256');
  if (key instanceof Uint8Array) hash.update('b').update(key);
  else hash.update('j').update(toCanonicalJson(key, `the cache key of "${name}"`));
  return `${name}:${hash.digest('base64url')}`;
}

/** What a job is about, unless the user says otherwise: its decoded data, without a contract its payload. */
export function keyOf(job: CacheableJob): CacheKey {
  return 'data' in job ? job.data : job.payload;
}
