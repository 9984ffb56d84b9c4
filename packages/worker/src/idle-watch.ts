import type { GrabLoop } from './grab-loop.ts';

/** Notices when a worker has nothing to do: no job runs and no connected server has one. */
export class IdleWatch {
  #idle = false;

  /** True when that has just come about. @param loop where something has just come to an end */
  check(loop: GrabLoop, wanted: boolean, loops: () => readonly GrabLoop[]): boolean {
    if (isBusy(loop)) {
      this.#idle = false;
      return false;
    }
    if (this.#idle || !wanted) return false;
    const all = loops();
    if (all.some(isBusy)) return false;
    this.#idle = all.some(({ state }) => state === 'asleep' || state === 'dozing');
    return this.#idle;
  }
}

function isBusy({ jobs, state }: GrabLoop): boolean {
  return jobs.size > 0 || state === 'grabbing' || state === 'hungry';
}
