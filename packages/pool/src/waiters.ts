import type { Clock } from '@gearman/events';
import type { Connection } from './connection.ts';
import { ClosedError, NoServersError } from './errors.ts';

/** What waiting needs of the pool. */
export interface WaitersHost {
  readonly clock: Clock;
  /** Most calls that may wait at once. */
  readonly maxPending: number;
  /** Failures in a row after which waiting for a server makes no sense; Infinity waits for the time-out. */
  readonly maxFailures: number;
  readonly closed: () => boolean;
  /** Keeps the process alive until as many calls of `release`. */
  readonly hold: () => void;
  readonly release: () => void;
}

/** What to wait for, and how long. */
export interface Wait<T> {
  /** The connections that may bring it, now. */
  readonly from: () => readonly Connection[];
  /** How many of them it takes. */
  readonly needed: () => number;
  /** Looks whether it is there. */
  readonly find: () => T | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

// However many calls wait, one server is not tried more often than this because of them, in milliseconds.
const SOONEST_RETRY_MS = 1000;

/** The calls that wait for connections. */
export class Waiters {
  readonly #host: WaitersHost;
  readonly #checks = new Set<() => void>();

  constructor(host: WaitersHost) {
    this.#host = host;
  }

  /** Something has changed: everybody looks again. */
  wake(): void {
    for (const check of this.#checks) check();
  }

  /** Resolves when `find` finds something. Rejects as `Pool.acquire()` says. */
  wait<T>(wait: Wait<T>): Promise<T> {
    const { clock, hold, release, closed, maxPending } = this.#host;
    const { from, find, needed, timeoutMs, signal } = wait;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#checks.delete(check);
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
        release();
        settle();
      };
      const fail = (fact: string): void => finish(() => reject(noServers(fact, from())));
      const check = (): void => {
        const found = closed() ? undefined : find();
        if (closed()) finish(() => reject(new ClosedError('the pool is closed')));
        else if (found !== undefined) finish(() => resolve(found));
        else {
          const hopeless = this.#whyHopeless(from(), needed());
          if (hopeless !== undefined) fail(hopeless);
        }
      };
      // The reason is whatever the caller gave to abort(), usually an Error.
      const onAbort = (): void => finish(() => reject(signal?.reason as Error));
      const onTimeout = (): void => {
        const who = needed() === 1 ? 'no job server' : `fewer than ${needed()} job servers`;
        fail(`${who} accepted a connection within ${timeoutMs} ms`);
      };

      hold();
      const timer = Number.isFinite(timeoutMs)
        ? clock.setTimer(timeoutMs, onTimeout, { unref: true })
        : undefined;
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      if (!closed()) {
        const found = find();
        if (found !== undefined) return finish(() => resolve(found));
        if (this.#checks.size >= maxPending) {
          return fail(`${maxPending} calls wait for a job server already (maxPending)`);
        }
        this.#tryAllAtOnce(from());
      }
      this.#checks.add(check);
      check();
    });
  }

  /** Undefined while enough servers may still come. */
  #whyHopeless(connections: readonly Connection[], needed: number): string | undefined {
    const left = connections.filter(({ state }) => state.name !== 'closed');
    if (left.length < needed) {
      return connections.length === 0 ? 'the pool has no job servers' : 'too many job servers were given up';
    }
    const { maxFailures } = this.#host;
    const hopeful = left.filter(({ ready, failures }) => ready || failures < maxFailures);
    return hopeful.length < needed ? `too many job servers failed ${maxFailures} times in a row` : undefined;
  }

  /** When every server is known to be bad, none is any worse than the others. */
  #tryAllAtOnce(connections: readonly Connection[]): void {
    if (!connections.every(({ state }) => state.name === 'waiting' || state.name === 'closed')) return;
    const { maxFailures } = this.#host;
    const exhausted = connections.every(({ failures }) => failures >= maxFailures);
    for (const connection of connections) connection.retryNow(exhausted ? 0 : SOONEST_RETRY_MS, exhausted);
  }
}

function noServers(fact: string, connections: readonly Connection[]): NoServersError {
  const failures = connections
    .filter(({ ready }) => !ready)
    .map(({ server, lastError }) => ({ server, error: lastError }));
  const reasons = failures.map(({ server, error }) => error?.message ?? `${server}: still connecting`);
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  return new NoServersError(`${fact}${why}; is gearmand running?`, failures);
}
