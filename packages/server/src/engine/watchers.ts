import type { Job } from './job.ts';
import type { Peer } from './peer.ts';

/** A client that waits for a job: a member of two lists at once, the job's and the client's. */
export class Watcher {
  readonly job: Job;
  readonly peer: Peer;
  nextOfJob: Watcher | undefined = undefined;
  previousOfJob: Watcher | undefined = undefined;
  nextOfPeer: Watcher | undefined = undefined;
  previousOfPeer: Watcher | undefined = undefined;

  constructor(job: Job, peer: Peer) {
    this.job = job;
    this.peer = peer;
  }
}

/** Who waits for which job. */
export class Watchers {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Attaches a client to a job. The newest is served first. Twice means that it gets everything twice. */
  attach(job: Job, peer: Peer): void {
    const watcher = new Watcher(job, peer);
    watcher.nextOfJob = job.watchers;
    if (job.watchers !== undefined) job.watchers.previousOfJob = watcher;
    job.watchers = watcher;
    job.watcherCount++;
    watcher.nextOfPeer = peer.watching;
    if (peer.watching !== undefined) peer.watching.previousOfPeer = watcher;
    peer.watching = watcher;
    this.#count++;
  }

  /** Undoes one {@link attach}. */
  detach(watcher: Watcher): void {
    const { job, peer, previousOfJob, nextOfJob, previousOfPeer, nextOfPeer } = watcher;
    if (previousOfJob === undefined) job.watchers = nextOfJob;
    else previousOfJob.nextOfJob = nextOfJob;
    if (nextOfJob !== undefined) nextOfJob.previousOfJob = previousOfJob;
    job.watcherCount--;
    if (previousOfPeer === undefined) peer.watching = nextOfPeer;
    else previousOfPeer.nextOfPeer = nextOfPeer;
    if (nextOfPeer !== undefined) nextOfPeer.previousOfPeer = previousOfPeer;
    this.#count--;
  }

  /** Detaches every client of a job. */
  detachAll(job: Job): void {
    for (let watcher = job.watchers; watcher !== undefined; watcher = job.watchers) this.detach(watcher);
  }
}
