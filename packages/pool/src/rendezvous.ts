import type { Candidate } from './strategies.ts';

/**
 * The usable candidate with the highest score for a key. Equal keys meet on one server, whatever the order of the list,
 * in every process and every language; when a server leaves, only its own keys move, each to its next best.
 *
 * With 32-bit numbers, `fnv1a` the usual one and `mix` a finalizer, the score of a server is
 * `mix(mix(fnv1a(server)) ^ fnv1a(functionName + NUL + uniqueId))`, over the bytes of `host:port` and those that travel;
 * an unknown function counts as empty. Equal scores are settled by the name of the server: the smaller one wins.
 */
export function byRendezvous<C extends Candidate>(
  candidates: readonly C[],
  mode: 'healthy' | 'available',
  uniqueId: string,
  functionName = '',
): C | undefined {
  const key = fnv1a(uniqueId, fnv1a('\0', fnv1a(functionName)));
  let best: C | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    if (!candidate[mode]) continue;
    const score = mix(mix(fnv1a(candidate.server)) ^ key);
    if (score < bestScore) continue;
    if (score > bestScore || best === undefined) [best, bestScore] = [candidate, score];
    // The same server may be there more than once, with several connections: the least busy one is taken.
    else if (candidate.server < best.server || isIdler(candidate, best)) best = candidate;
  }
  return best;
}

function isIdler(one: Candidate, other: Candidate): boolean {
  return one.server === other.server && one.pending < other.pending;
}

/** Over one byte for each character: names and ids are byte strings. */
function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The last bytes reach only the low bits of FNV; without this, similar ids would all choose alike. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
