import type { Afterlife } from './afterlife.ts';
import type { DeathReason } from './dead-set.ts';
import type { Dedup } from './dedup.ts';
import type { FunctionTable } from './function-table.ts';
import { isAbandoned, type Job, NORMAL } from './job.ts';
import type { JobTable } from './job-table.ts';
import type { JobTimers } from './job-timers.ts';
import { isOver, type Ledger } from './ledger.ts';
import type { EngineObserver, JobEnd, RequeueReason } from './observer.ts';
import type { Parking } from './parking.ts';
import { releasePayload, retainPayload } from './payload.ts';
import type { Peer } from './peer.ts';
import type { Results } from './results.ts';
import { type AttemptFailure, delayMsAfter } from './retry-policy.ts';
import type { WakeUps } from './wake-ups.ts';
import type { Watchers } from './watchers.ts';

type LostReason = 'worker-lost' | 'timeout' | 'function-withdrawn';

/** What {@link JobLife} needs. */
export interface JobLifeParts {
  readonly functions: FunctionTable;
  readonly jobs: JobTable;
  readonly timers: JobTimers;
  readonly wakeUps: WakeUps;
  readonly watchers: Watchers;
  readonly observer: EngineObserver | undefined;
  /** What background jobs do is written there, if anything keeps them. */
  readonly ledger: Ledger | undefined;
  /** Where jobs go that memory has no room for, if they may go somewhere. */
  readonly parking: Parking | undefined;
  /** How many lost workers end a job; −1: no number does. */
  readonly jobRetries: number;
  /** Where a job goes that comes back from a worker. */
  readonly requeue: 'head' | 'tail';
  readonly afterlife: Afterlife;
  readonly results: Results;
  readonly dedup: Dedup;
  /** From 0 to 1, for the jitter of delays. */
  readonly random: () => number;
}

/** The ways of a job from one {@link Job.state} to the next; nothing else changes it. */
export class JobLife {
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #timers: JobTimers;
  readonly #wakeUps: WakeUps;
  readonly #watchers: Watchers;
  readonly #observer: EngineObserver | undefined;
  readonly #ledger: Ledger | undefined;
  readonly #parking: Parking | undefined;
  readonly #jobRetries: number;
  readonly #where: 'head' | 'tail';
  readonly #afterlife: Afterlife;
  readonly #results: Results;
  readonly #dedup: Dedup;
  readonly #random: () => number;
  #lastOrder = 0;
  #firstOrder = 0;
  #runningCount = 0;

  constructor(parts: JobLifeParts) {
    this.#functions = parts.functions;
    this.#jobs = parts.jobs;
    this.#timers = parts.timers;
    this.#wakeUps = parts.wakeUps;
    this.#watchers = parts.watchers;
    this.#observer = parts.observer;
    this.#ledger = parts.ledger;
    this.#parking = parts.parking;
    this.#jobRetries = parts.jobRetries;
    this.#where = parts.requeue;
    this.#afterlife = parts.afterlife;
    this.#results = parts.results;
    this.#dedup = parts.dedup;
    this.#random = parts.random;
  }

  /** How many jobs run. */
  get runningCount(): number {
    return this.#runningCount;
  }

  /** A new job enters, to run at once or not before `runAtMs`. */
  begin(job: Job, runAtMs: number): void {
    this.#jobs.add(job);
    this.#enter(job, runAtMs);
    this.#observer?.jobQueued(job);
  }

  /** A new job is there for others to merge into; it enters when it is durable. */
  store(job: Job, runAtMs: number, ledger: Ledger): void {
    this.#jobs.add(job);
    job.state = 'storing';
    job.fn.storing++;
    this.#functions.noteUse(job.fn);
    ledger.put(job, runAtMs);
  }

  /** A job is durable from now on. */
  stored(job: Job, runAtMs: number): void {
    this.#afterlife.moved(job);
    if (isOver(job)) return;
    job.commit = 'stored';
    if (job.state === 'storing') this.#enterStored(job, runAtMs);
  }

  /** A job cannot be made durable: it is there for those who wait for its result, if there are any. */
  refused(job: Job, runAtMs: number): void {
    this.#afterlife.notStored(job);
    if (isOver(job)) return;
    job.commit = undefined;
    job.background = false;
    if (job.state !== 'storing') {
      if (isAbandoned(job) && job.state !== 'running') this.end(job, 'abandoned');
    } else if (job.watchers !== undefined) {
      this.#enterStored(job, runAtMs);
    } else {
      job.fn.storing--;
      this.#jobs.freeUniqueId(job);
      this.#dedup.ended(job, true);
      this.#forget(job);
      this.#functions.noteUse(job.fn);
    }
  }

  /** A job comes back after a restart. */
  restore(job: Job, runAtMs: number): void {
    this.#jobs.addRestored(job);
    this.#enter(job, runAtMs);
  }

  /** A dead job lives again, or goes on under another name. */
  revive(job: Job): void {
    this.#jobs.addRestored(job);
    if (job.commit !== undefined) this.#ledger?.change(job);
    this.#enter(job, 0);
    this.#observer?.jobQueued(job);
  }

  /** A dead letter enters its function. */
  admit(job: Job): void {
    if (this.#ledger === undefined) {
      this.revive(job);
      return;
    }
    this.#jobs.addRestored(job);
    job.state = 'storing';
    job.fn.storing++;
    this.#functions.noteUse(job.fn);
    this.#ledger.put(job, 0);
  }

  #enterStored(job: Job, runAtMs: number): void {
    job.fn.storing--;
    job.state = 'queued';
    this.#enter(job, runAtMs);
    this.#observer?.jobQueued(job);
  }

  #enter(job: Job, runAtMs: number): void {
    job.order = ++this.#lastOrder;
    if (runAtMs > 0 && this.#timers.isFuture(runAtMs)) {
      job.state = 'delayed';
      job.fn.delayedOf[job.priority]++;
      this.#timers.startAt(job, runAtMs);
    } else if (this.#parking?.takesLast(job) !== true) {
      this.#queue(job, 'tail');
    }
    if (job.policy !== undefined) this.#timers.watchExpiry(job);
    this.#functions.noteUse(job.fn);
  }

  #queue(job: Job, where: 'head' | 'tail' | 'due'): void {
    if (this.#functions.queue(job, where)) this.#wakeUps.jobReady(job.fn);
  }

  /** The store knows how often a job has come back: if memory is short, its copy will do. */
  noted(job: Job): void {
    const parking = this.#parking;
    const backlog = job.fn.backlogs[job.priority];
    if (parking?.isOver !== true || backlog?.precedes(job) !== true || !parking.canPark(job)) return;
    this.#functions.unqueue(job);
    // Those that were parked since it came back cannot be parted again.
    if (job.order < backlog.run.lastOrder) job.order = ++this.#lastOrder;
    parking.parkLast(job);
  }

  /**
   * Delayed jobs whose time has come: epoch jobs take the place in the queue that they got when they were submitted, those
   * that have failed before go where such jobs go.
   */
  startDue(): void {
    for (let job = this.#timers.takeStarting(); job !== undefined; job = this.#timers.takeStarting()) {
      job.fn.delayedOf[job.priority]--;
      job.state = 'queued';
      if (job.retries === 0 && job.priority === NORMAL) this.#queue(job, 'due');
      else if (this.#queueAgain(job)) this.#wakeUps.jobReady(job.fn);
    }
  }

  /** A worker takes a queued job. */
  run(job: Job, worker: Peer): void {
    this.#functions.unqueue(job);
    if (job.policy !== undefined) {
      this.#timers.stopExpiry(job);
      job.policy.begun();
    }
    job.state = 'running';
    job.worker = worker;
    worker.running.pushFront(job);
    job.fn.running++;
    this.#runningCount++;
    const timeoutMs = worker.registrations?.get(job.fn)?.timeoutMs ?? 0;
    if (timeoutMs > 0) this.#timers.timeOutAfter(job, timeoutMs);
    this.#observer?.jobAssigned(job, worker);
  }

  /** Jobs that have run for too long go back; their workers are not told. */
  timeOut(): void {
    for (let job = this.#timers.takeTimedOut(); job !== undefined; job = this.#timers.takeTimedOut()) {
      this.giveBack(job, 'timeout');
    }
  }

  /** Jobs that have waited for too long end. */
  expire(): void {
    for (let job = this.#timers.takeExpired(); job !== undefined; job = this.#timers.takeExpired()) {
      this.failWatchers(job);
      this.end(job, 'expired', 'expired');
    }
  }

  /** A worker is not to finish a job any more: it goes back to its queue, or ends if it has lost too many workers. */
  giveBack(job: Job, reason: LostReason): void {
    if (job.state === 'cancelled') {
      this.#forget(job);
      return;
    }
    job.retries++;
    if (isAbandoned(job)) {
      this.end(job, 'abandoned');
    } else if (job.worker?.streaming === true && !job.background) {
      // Its clients have a part of the output; another run would send them that part again.
      this.failWatchers(job);
      this.end(job, 'stream-broken');
    } else {
      const delayMs = this.#delayOfLost(job, reason);
      if (delayMs === undefined) {
        this.failWatchers(job);
        this.end(job, 'retries-used-up', reason);
      } else {
        this.#putBack(job, reason, delayMs);
      }
    }
  }

  /** An attempt has failed. @returns false when it was the last: the job is to {@link finish} */
  retry(job: Job, failure: 'fail' | 'exception'): boolean {
    if (job.policy?.rules.retry?.on.includes(failure) !== true || job.state === 'cancelled') return false;
    // Its clients have a part of the output already, or are gone.
    if (!job.background && (job.worker?.streaming === true || job.watchers === undefined)) return false;
    const delayMs = this.#delayAfter(job, job.retries + 1);
    if (delayMs === undefined) return false;
    job.retries++;
    this.#putBack(job, failure, delayMs);
    return true;
  }

  /** A worker gives a job back unharmed. @param counts whether that was one of its attempts */
  release(job: Job, delayMs: number, counts: boolean): void {
    if (job.state === 'cancelled') {
      this.#forget(job);
      return;
    }
    if (counts) job.retries++;
    const attempts = job.policy?.rules.retry?.attempts ?? Number.POSITIVE_INFINITY;
    if (isAbandoned(job)) {
      this.end(job, 'abandoned');
    } else if (counts && job.retries >= attempts) {
      this.failWatchers(job);
      this.end(job, 'retries-used-up', 'fail');
    } else {
      this.#putBack(job, 'released', delayMs);
    }
  }

  /** How long a job waits that has lost its worker; undefined when it has lost too many. */
  #delayOfLost(job: Job, reason: LostReason): number | undefined {
    const failure: AttemptFailure = reason === 'timeout' ? 'timeout' : 'lost';
    if (job.policy?.rules.retry?.on.includes(failure) === true) return this.#delayAfter(job, job.retries);
    return this.#jobRetries >= 0 && job.retries >= this.#jobRetries ? undefined : 0;
  }

  /** How long a job waits after so many failed attempts; undefined when there is to be no further one. */
  #delayAfter({ policy }: Job, failed: number): number | undefined {
    const { retry, deadlineMs = Number.POSITIVE_INFINITY } = policy?.rules ?? {};
    if (retry === undefined || failed >= retry.attempts) return undefined;
    const delayMs = delayMsAfter(retry.backoff, failed, this.#random());
    return this.#timers.now() + delayMs < deadlineMs ? delayMs : undefined;
  }

  #putBack(job: Job, reason: RequeueReason, delayMs: number): void {
    let isRunnable = false;
    this.#leaveWorker(job);
    job.numerator = 0;
    job.denominator = 0;
    if (delayMs > 0) {
      job.state = 'delayed';
      job.fn.delayedOf[job.priority]++;
      this.#timers.startAt(job, this.#timers.now() + delayMs);
    } else {
      job.state = 'queued';
      isRunnable = this.#queueAgain(job);
    }
    if (job.policy !== undefined) this.#timers.watchExpiry(job);
    if (job.commit !== undefined) this.#ledger?.change(job);
    this.#observer?.jobRequeued(job, reason, delayMs);
    if (isRunnable) this.#wakeUps.jobReady(job.fn);
  }

  /** @returns whether a worker could take it now */
  #queueAgain(job: Job): boolean {
    const where = job.retries === 0 ? 'tail' : this.#where;
    job.order = where === 'head' ? --this.#firstOrder : ++this.#lastOrder;
    return this.#functions.queue(job, where);
  }

  failWatchers(job: Job): void {
    const handle = this.#jobs.handleOf(job);
    for (let watcher = job.watchers; watcher !== undefined; watcher = watcher.nextOfJob) {
      watcher.peer.port.fail(handle);
    }
  }

  /** A worker is through with a job. @param said its result, or what it said of a failure */
  finish(job: Job, how: 'complete' | 'fail' | 'exception', said?: Uint8Array): void {
    if (job.state === 'cancelled') {
      this.#forget(job);
    } else if (how === 'complete') {
      this.end(job, how, undefined, said);
    } else {
      job.retries++;
      this.end(job, how, how, said);
    }
  }

  /** A job ends wherever it is. @param reason of a failure after which a background job may be kept or go on elsewhere */
  end(job: Job, how: JobEnd, reason?: DeathReason, said?: Uint8Array): void {
    this.#leavePlace(job);
    this.#watchers.detachAll(job);
    this.#jobs.freeUniqueId(job);
    this.#dedup.ended(job, how === 'abandoned');
    const fate = reason === undefined ? undefined : this.#afterlife.fateOf(job);
    if (fate === undefined && job.commit !== undefined) this.#ledger?.done(job);
    this.#observer?.jobEnded(job, how, fate);
    if (job.policy !== undefined) this.#results.keep(job, how, said);
    if (fate !== undefined) retainPayload(job.payload);
    this.#forget(job);
    if (job.policy !== undefined) this.#afterlife.settleMove(job.policy);
    if (reason !== undefined && fate !== undefined) this.#afterlife.receive(job, fate, reason, said);
    if (fate !== undefined) releasePayload(job.payload);
    this.#functions.noteUse(job.fn);
  }

  /** A job ends for its clients at once; what its worker still sends about it is swallowed, not answered. */
  cancel(job: Job): void {
    this.failWatchers(job);
    const { worker } = job;
    if (worker === undefined) {
      this.end(job, 'cancelled');
      return;
    }
    this.#leavePlace(job);
    this.#watchers.detachAll(job);
    this.#jobs.freeUniqueId(job);
    this.#dedup.ended(job, false);
    if (job.commit !== undefined) this.#ledger?.done(job);
    this.#observer?.jobEnded(job, 'cancelled', undefined);
    if (job.policy !== undefined) {
      this.#results.keep(job, 'cancelled', undefined);
      this.#afterlife.settleMove(job.policy);
    }
    this.#functions.noteUse(job.fn);
    // libgearman's worker gives up when an ERROR comes where it expects the answer to its next GRAB_JOB, so the
    // job stays known until its worker is through with it.
    job.state = 'cancelled';
    job.worker = worker;
    worker.running.pushFront(job);
  }

  #forget(job: Job): void {
    if (job.state === 'cancelled') job.worker?.running.remove(job);
    job.worker = undefined;
    job.state = 'ended';
    this.#jobs.delete(job);
  }

  #leavePlace(job: Job): void {
    if (job.policy !== undefined) this.#timers.stopExpiry(job);
    if (job.state === 'running') {
      this.#leaveWorker(job);
    } else if (job.state === 'queued') {
      this.#functions.unqueue(job);
    } else if (job.state === 'delayed') {
      this.#timers.cancel(job);
      job.fn.delayedOf[job.priority]--;
    } else if (job.state === 'storing') {
      job.fn.storing--;
    }
  }

  #leaveWorker(job: Job): void {
    this.#timers.cancel(job);
    job.worker?.running.remove(job);
    job.worker = undefined;
    job.fn.running--;
    this.#runningCount--;
  }
}
