/** How a server is chosen among those that are connected. */
export type Strategy = 'auto' | 'round-robin' | 'first';

/** What a choice needs to know of a server. */
export interface Candidate {
  /** The server as `host:port`. */
  readonly server: string;
  readonly ready: boolean;
}

/**
 * Builds the chooser of a pool.
 *
 * The result takes the candidates in the order of the list, and the caller's unique id if there is one, and returns a
 * ready one, or undefined when none is.
 */
export function createChooser(
  strategy: Strategy,
): <C extends Candidate>(candidates: readonly C[], uniqueId?: string) => C | undefined {
  let turn = 0;
  return (candidates, uniqueId) => {
    if (strategy === 'auto' && uniqueId !== undefined && uniqueId !== '')
      return rendezvous(candidates, uniqueId);
    const start = strategy === 'first' ? 0 : turn;
    for (let i = 0; i < candidates.length; i++) {
      const at = (start + i) % candidates.length;
      const candidate = candidates[at];
      if (candidate?.ready !== true) continue;
      turn = at + 1;
      return candidate;
    }
    return undefined;
  };
}

/**
 * The ready candidate with the highest hash of server and id. Equal ids meet on one server, whatever the order of the
 * list, and when a server leaves only its own ids move.
 */
function rendezvous<C extends Candidate>(candidates: readonly C[], uniqueId: string): C | undefined {
  let best: C | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    if (!candidate.ready) continue;
    const score = fnv1a(uniqueId, fnv1a(candidate.server));
    // Equal scores are settled by name, so that the order of the list does not matter.
    if (score < bestScore || (score === bestScore && best !== undefined && candidate.server > best.server))
      continue;
    [best, bestScore] = [candidate, score];
  }
  return best;
}

function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The last bytes reach only the low bits; mix, or similar ids would all choose alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
