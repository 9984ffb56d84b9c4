import { leadingUint32 } from '../decimal.ts';
import type { Effort } from './effort.ts';
import type { Job } from './job.ts';
import type { JobLife } from './job-life.ts';
import type { JobTable } from './job-table.ts';
import type { Peer, PeerPort } from './peer.ts';

/** What one more client that is told costs. */
const STEPS_PER_WATCHER = 8;

/** What workers say about the jobs they run. Each method returns false when this connection has no such job. */
export class Reports {
  readonly #jobs: JobTable;
  readonly #life: JobLife;
  readonly #effort: Effort;

  constructor(jobs: JobTable, life: JobLife, effort: Effort) {
    this.#jobs = jobs;
    this.#life = life;
    this.#effort = effort;
  }

  data(peer: Peer, handle: string, data: Uint8Array): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) to.peer.port.data(handle, data);
    return true;
  }

  warning(peer: Peer, handle: string, data: Uint8Array): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) to.peer.port.warning(handle, data);
    return true;
  }

  /** The numbers are kept as unsigned 32-bit integers and passed on as they are. */
  status(peer: Peer, handle: string, numerator: string, denominator: string): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    job.numerator = leadingUint32(numerator);
    job.denominator = leadingUint32(denominator);
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) {
      to.peer.port.status(handle, numerator, denominator);
    }
    return true;
  }

  complete(peer: Peer, handle: string, data: Uint8Array): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) to.peer.port.complete(handle, data);
    this.#life.finish(job, 'complete', data);
    return true;
  }

  /**
   * Ends the job, unless its policy has it run again.
   *
   * @param said why, for a job that is kept as dead
   * @param mayRetry false: it does not run again, whatever its policy says
   */
  fail(peer: Peer, handle: string, said?: Uint8Array, mayRetry = true): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    if (mayRetry && this.#life.retry(job, 'fail')) return true;
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) to.peer.port.fail(handle);
    this.#life.finish(job, 'fail', said);
    return true;
  }

  /** Gives the job back unharmed. @param counts whether that was one of its attempts */
  release(peer: Peer, handle: string, delayMs: number, counts: boolean): boolean {
    const job = this.#runningJob(peer, handle);
    if (job === undefined) return false;
    this.#life.release(job, delayMs, counts);
    return true;
  }

  /** Ends the job, unless its policy has it run again. Clients that did not ask for exceptions are told that it failed. */
  exception(peer: Peer, handle: string, data: Uint8Array, mayRetry = true): boolean {
    const job = this.#reportedJob(peer, handle);
    if (job === undefined) return false;
    if (mayRetry && this.#life.retry(job, 'exception')) return true;
    for (let to = job.watchers; to !== undefined; to = to.nextOfJob) {
      if (to.peer.exceptions) to.peer.port.exception(handle, data);
      else to.peer.port.fail(handle);
    }
    this.#life.finish(job, 'exception', data);
    return true;
  }

  /** The first of those whom a report about this job would reach for which `test` holds. */
  findReader(peer: Peer, handle: string, test: (port: PeerPort) => boolean): PeerPort | undefined {
    const job = this.#runningJob(peer, handle);
    for (let to = job?.watchers; to !== undefined; to = to.nextOfJob) {
      if (test(to.peer.port)) return to.peer.port;
    }
    return undefined;
  }

  /** The job, all of whose clients are about to be told something. */
  #reportedJob(peer: Peer, handle: string): Job | undefined {
    const job = this.#runningJob(peer, handle);
    if (job !== undefined) this.#effort.steps += job.watcherCount * STEPS_PER_WATCHER;
    return job;
  }

  #runningJob(peer: Peer, handle: string): Job | undefined {
    const job = this.#jobs.find(handle);
    return job !== undefined && job.worker === peer ? job : undefined;
  }
}
