import { isAbandoned } from './job.ts';
import type { JobLife } from './job-life.ts';
import type { Peer } from './peer.ts';
import type { Watchers } from './watchers.ts';

/** Jobs of a lost connection that are seen to before others have their turn. */
const JOBS_PER_SLICE = 2000;

/** Connections that are gone, and what is to become of their jobs. */
export class Departures {
  readonly #life: JobLife;
  readonly #watchers: Watchers;
  readonly #unfinished = new Set<Peer>();

  constructor(life: JobLife, watchers: Watchers) {
    this.#life = life;
    this.#watchers = watchers;
  }

  /** True when {@link advance} has something to do. */
  get pending(): boolean {
    return this.#unfinished.size > 0;
  }

  /** Gives up the jobs that only this connection waited for, and gives back those it ran. */
  begin(peer: Peer): void {
    if (!this.#slice(peer)) this.#unfinished.add(peer);
  }

  /** Goes on with the next slice. */
  advance(): void {
    for (const peer of this.#unfinished) {
      if (this.#slice(peer)) this.#unfinished.delete(peer);
      return;
    }
  }

  /** @returns true when nothing is left of the connection */
  #slice(peer: Peer): boolean {
    let left = JOBS_PER_SLICE;
    for (; peer.watching !== undefined && left > 0; left--) {
      const { job } = peer.watching;
      this.#watchers.detach(peer.watching);
      // A running job is left to its worker, which cannot be told.
      if (isAbandoned(job) && job.state !== 'running') this.#life.end(job, 'abandoned');
    }
    for (; peer.running.head !== undefined && left > 0; left--) {
      this.#life.giveBack(peer.running.head, 'worker-lost');
    }
    return peer.watching === undefined && peer.running.head === undefined;
  }
}
