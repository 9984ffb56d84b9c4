import type { GearmanFunction } from './gearman-function.ts';
import { isAbandoned } from './job.ts';
import type { JobLife } from './job-life.ts';
import type { Peer } from './peer.ts';
import type { Watchers } from './watchers.ts';

/** Jobs of one connection that are seen to before others have their turn. */
const JOBS_PER_SLICE = 2000;

/** One step per job. */
type Steps = Iterator<void, void, void>;

/** Connections that are gone or withdraw their functions, and what is to become of their jobs. */
export class Departures {
  readonly #life: JobLife;
  readonly #watchers: Watchers;
  readonly #unfinished = new Map<Peer, Steps>();

  constructor(life: JobLife, watchers: Watchers) {
    this.#life = life;
    this.#watchers = watchers;
  }

  /** True when {@link advance} has something to do. */
  get pending(): boolean {
    return this.#unfinished.size > 0;
  }

  /** A connection is gone: the jobs that only it waited for are given up, those it ran go back. */
  leave(peer: Peer): void {
    peer.withdrawing = false;
    this.#unfinished.delete(peer);
    if (peer.watching !== undefined || peer.running.head !== undefined)
      this.#begin(peer, this.#leaving(peer));
  }

  /** A connection gives back the jobs of one function that it runs, or all. */
  withdraw(peer: Peer, fn: GearmanFunction | undefined): void {
    if (peer.running.head === undefined) return;
    this.#begin(peer, this.#withdrawing(peer, fn));
    peer.withdrawing = this.#unfinished.has(peer);
  }

  /** Goes on with the next slice. */
  advance(): void {
    for (const [peer, steps] of this.#unfinished) {
      if (isDone(steps)) {
        this.#unfinished.delete(peer);
        if (peer.withdrawing) {
          peer.withdrawing = false;
          peer.port.settled();
        }
      }
      return;
    }
  }

  #begin(peer: Peer, steps: Steps): void {
    if (!isDone(steps)) this.#unfinished.set(peer, steps);
  }

  *#leaving(peer: Peer): Generator<void, void, void> {
    for (; peer.watching !== undefined; yield) {
      const { job } = peer.watching;
      this.#watchers.detach(peer.watching);
      // A running job is left to its worker, which cannot be told.
      if (isAbandoned(job) && job.state !== 'running') this.#life.end(job, 'abandoned');
    }
    for (; peer.running.head !== undefined; yield) this.#life.giveBack(peer.running.head, 'worker-lost');
  }

  *#withdrawing(peer: Peer, fn: GearmanFunction | undefined): Generator<void, void, void> {
    let job = peer.running.head;
    while (job !== undefined) {
      const next = job.next;
      if (fn === undefined || job.fn === fn) this.#life.giveBack(job, 'function-withdrawn');
      yield;
      // It may have timed out meanwhile; those seen already are either gone or not meant.
      job = next === undefined || next.worker === peer ? next : peer.running.head;
    }
  }
}

/** Takes the steps of one slice. @returns true when none is left */
function isDone(steps: Steps): boolean {
  for (let left = JOBS_PER_SLICE; left > 0; left--) if (steps.next().done === true) return true;
  return false;
}
