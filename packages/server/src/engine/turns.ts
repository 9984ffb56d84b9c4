import type { Effort } from './effort.ts';
import type { FunctionTable } from './function-table.ts';
import { type GearmanFunction, NONE } from './gearman-function.ts';
import { HIGH, type Job, LOW, NORMAL, type Priority } from './job.ts';
import type { Peer, Registration } from './peer.ts';

const MOST_URGENT_FIRST: readonly Priority[] = [HIGH, NORMAL, LOW];

/**
 * Chooses what a connection runs next: all high jobs of any of its functions before all normal ones, and within a
 * priority its functions take turns, the newest registration beginning.
 *
 * @see gearmand 2.0 `gearman_server_job_take`
 */
export class Turns {
  readonly #functions: FunctionTable;
  readonly #effort: Effort;
  #lastTurn = 0;
  #newest = 0;

  constructor(functions: FunctionTable, effort: Effort) {
    this.#functions = functions;
    this.#effort = effort;
  }

  /** Puts a new registration in front. */
  add(registration: Registration): void {
    const { peer } = registration;
    registration.turn = --this.#newest;
    registration.nextTurn = peer.firstTurn;
    if (peer.firstTurn === undefined) peer.lastTurn = registration;
    else peer.firstTurn.previousTurn = registration;
    peer.firstTurn = registration;
  }

  remove(registration: Registration): void {
    const { peer, previousTurn, nextTurn } = registration;
    if (previousTurn === undefined) peer.firstTurn = nextTurn;
    else previousTurn.nextTurn = nextTurn;
    if (nextTurn === undefined) peer.lastTurn = previousTurn;
    else nextTurn.previousTurn = previousTurn;
    registration.previousTurn = undefined;
    registration.nextTurn = undefined;
  }

  /** The job whose turn it is, still in its queue. */
  next(peer: Peer): Job | undefined {
    const registration = this.#find(peer);
    if (registration === undefined) return undefined;
    this.#hadItsTurn(registration);
    const { urgency } = registration.fn;
    return urgency === NONE ? undefined : registration.fn.peek(urgency);
  }

  /** True when a job waits that this connection could run. */
  hasNext(peer: Peer): boolean {
    return this.#find(peer) !== undefined;
  }

  #find(peer: Peer): Registration | undefined {
    const { readyCount } = this.#functions;
    if (readyCount === 0) return undefined;
    // Whichever is shorter: the connection's functions, or the functions with jobs.
    return readyCount < peer.registrationCount ? this.#findReady(peer) : this.#findOwn(peer);
  }

  /** Goes through the functions with jobs. */
  #findReady(peer: Peer): Registration | undefined {
    for (const priority of MOST_URGENT_FIRST) {
      const ready = this.#functions.ready(priority);
      this.#effort.steps += ready.size;
      const registration = earliest(peer, ready);
      if (registration !== undefined) return registration;
    }
    return undefined;
  }

  /** Goes through the connection's functions. */
  #findOwn(peer: Peer): Registration | undefined {
    const { urgency } = this.#functions;
    let best: Registration | undefined;
    for (let next = peer.firstTurn; next !== undefined; next = next.nextTurn) {
      this.#effort.steps++;
      if (next.fn.urgency < (best?.fn.urgency ?? NONE)) best = next;
      // Nothing can be more urgent.
      if (best?.fn.urgency === urgency) break;
    }
    return best;
  }

  #hadItsTurn(registration: Registration): void {
    registration.turn = ++this.#lastTurn;
    const { peer } = registration;
    if (peer.lastTurn === registration) return;
    this.remove(registration);
    registration.previousTurn = peer.lastTurn;
    if (peer.lastTurn === undefined) peer.firstTurn = registration;
    else peer.lastTurn.nextTurn = registration;
    peer.lastTurn = registration;
  }
}

/** The registration that comes first in the peer's turns among those of the given functions. */
function earliest(peer: Peer, functions: ReadonlySet<GearmanFunction>): Registration | undefined {
  let best: Registration | undefined;
  for (const fn of functions) {
    for (let twin = peer.registrations?.get(fn); twin !== undefined; twin = twin.olderTwin) {
      if (best === undefined || twin.turn < best.turn) best = twin;
    }
  }
  return best;
}
