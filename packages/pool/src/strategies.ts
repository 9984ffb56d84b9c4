import { byRendezvous } from './rendezvous.ts';

/** What a choice needs to know of a server. */
export interface Candidate {
  /** The server as `host:port`. */
  readonly server: string;
  /** True while it may be given new work. */
  readonly available: boolean;
  /** True while it is available and did not fail last time, or has answered since. Preferred to all that are not. */
  readonly healthy: boolean;
  /** Requests that wait for their answer. */
  readonly pending: number;
}

/** What the choice is for. */
export interface ChoiceFor {
  /** The unique id that the caller gave; undefined if it gave none. As it travels, see `encodeText()`. */
  readonly uniqueId: string | undefined;
  /** The function, as it travels; undefined if it is not known. */
  readonly functionName: string | undefined;
}

/** Chooses one of the servers, all of which may be used; undefined leaves it to a round robin. */
export type ChooseServer = (servers: readonly Candidate[], choice: ChoiceFor) => Candidate | undefined;

/**
 * How a server is chosen among those that are connected:
 *
 * - `auto`: a job with a unique id of the caller's goes to the server that id and function belong to, in every process
 *   with the same list; all others go round robin
 * - `hash-unique`: the same, but jobs without such an id go to the server that their function belongs to
 * - `round-robin`, `random`, `least-pending` (fewest requests without an answer)
 * - `first`: the first of the list; the next one only while it is not there
 * - a function of your own
 */
export type Strategy =
  | 'auto'
  | 'hash-unique'
  | 'round-robin'
  | 'first'
  | 'random'
  | 'least-pending'
  | ChooseServer;

/** What strategies need from outside. */
export interface StrategyHost {
  readonly random: () => number;
  /** A function of the user's threw. */
  readonly onError: (error: unknown) => void;
}

type Chooser = <C extends Candidate>(
  candidates: readonly C[],
  uniqueId?: string,
  functionName?: string,
) => C | undefined;
type Mode = 'healthy' | 'available';

/**
 * Builds the chooser of a pool.
 *
 * The result takes the candidates in the order of the list, the caller's unique id and the function, and returns a healthy
 * one, an available one when none is healthy, or undefined.
 */
export function createChooser(strategy: Strategy, host: StrategyHost): Chooser {
  const choose = chooserOf(strategy, host);
  return (candidates, uniqueId, functionName) =>
    choose(candidates, 'healthy', uniqueId, functionName) ??
    choose(candidates, 'available', uniqueId, functionName);
}

type InMode = <C extends Candidate>(
  candidates: readonly C[],
  mode: Mode,
  uniqueId: string | undefined,
  functionName: string | undefined,
) => C | undefined;

function chooserOf(strategy: Strategy, host: StrategyHost): InMode {
  if (typeof strategy === 'function') return own(strategy, host.onError);
  const turns = roundRobin();
  switch (strategy) {
    case 'auto':
      return (candidates, mode, uniqueId, functionName) =>
        hasId(uniqueId)
          ? byRendezvous(candidates, mode, uniqueId, functionName)
          : turns(candidates, mode, undefined, undefined);
    case 'hash-unique':
      return (candidates, mode, uniqueId, functionName) =>
        hasId(uniqueId) || functionName !== undefined
          ? byRendezvous(candidates, mode, uniqueId ?? '', functionName)
          : turns(candidates, mode, undefined, undefined);
    case 'first':
      return (candidates, mode) => candidates.find((each) => each[mode]);
    case 'random':
      return (candidates, mode) => {
        const usable = candidates.filter((each) => each[mode]);
        return usable[Math.floor(host.random() * usable.length)];
      };
    case 'least-pending':
      return leastPending();
    default:
      return turns;
  }
}

function hasId(uniqueId: string | undefined): uniqueId is string {
  return uniqueId !== undefined && uniqueId !== '';
}

function roundRobin(): InMode {
  let turn = 0;
  return (candidates, mode) => {
    for (let i = 0; i < candidates.length; i++) {
      const at = (turn + i) % candidates.length;
      const candidate = candidates[at];
      if (candidate?.[mode] !== true) continue;
      turn = at + 1;
      return candidate;
    }
    return undefined;
  };
}

/** Equal ones take turns. */
function leastPending(): InMode {
  let turn = 0;
  return (candidates, mode) => {
    let best: (typeof candidates)[number] | undefined;
    let bestAt = 0;
    for (let i = 0; i < candidates.length; i++) {
      const at = (turn + i) % candidates.length;
      const candidate = candidates[at];
      if (candidate?.[mode] !== true || (best !== undefined && candidate.pending >= best.pending)) continue;
      [best, bestAt] = [candidate, at];
    }
    if (best !== undefined) turn = bestAt + 1;
    return best;
  };
}

function own(choose: ChooseServer, onError: (error: unknown) => void): InMode {
  const turns = roundRobin();
  return (candidates, mode, uniqueId, functionName) => {
    const usable = candidates.filter((each) => each[mode]);
    if (usable.length === 0) return undefined;
    try {
      const chosen = choose(usable, { uniqueId, functionName });
      const known = usable.find((each) => each === chosen);
      if (known !== undefined) return known;
    } catch (error) {
      onError(error);
    }
    return turns(usable, mode, uniqueId, functionName);
  };
}
