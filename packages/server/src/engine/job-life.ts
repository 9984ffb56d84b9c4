import type { FunctionTable } from './function-table.ts';
import { isAbandoned, type Job } from './job.ts';
import type { JobTable } from './job-table.ts';
import type { JobTimers } from './job-timers.ts';
import { isOver, type Ledger } from './ledger.ts';
import type { EngineObserver, JobEnd, RequeueReason } from './observer.ts';
import type { Peer } from './peer.ts';
import type { WakeUps } from './wake-ups.ts';
import type { Watchers } from './watchers.ts';

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
  /** How many lost workers end a job; −1: no number does. */
  readonly jobRetries: number;
  /** Where a job goes that comes back from a worker. */
  readonly requeue: 'head' | 'tail';
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
  readonly #jobRetries: number;
  readonly #requeue: 'head' | 'tail';
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
    this.#jobRetries = parts.jobRetries;
    this.#requeue = parts.requeue;
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
    if (isOver(job)) return;
    job.commit = 'stored';
    if (job.state === 'storing') this.#enterStored(job, runAtMs);
  }

  /** A job cannot be made durable: it is there for those who wait for its result, if there are any. */
  refused(job: Job, runAtMs: number): void {
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
      this.#forget(job);
      this.#functions.noteUse(job.fn);
    }
  }

  /** A job comes back after a restart. */
  restore(job: Job, runAtMs: number): void {
    job.commit = 'stored';
    this.#jobs.addRestored(job);
    this.#enter(job, runAtMs);
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
      job.fn.delayed++;
      this.#timers.startAt(job, runAtMs);
    } else {
      this.#functions.queue(job, 'tail');
      this.#wakeUps.jobReady(job.fn);
    }
    this.#functions.noteUse(job.fn);
  }

  /** Delayed jobs whose time has come take the place in the queue that they got when they were submitted. */
  startDue(): void {
    for (let job = this.#timers.takeStarting(); job !== undefined; job = this.#timers.takeStarting()) {
      job.fn.delayed--;
      job.state = 'queued';
      this.#functions.queue(job, 'due');
      this.#wakeUps.jobReady(job.fn);
    }
  }

  /** A worker takes a queued job. */
  run(job: Job, worker: Peer): void {
    this.#functions.unqueue(job);
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

  /** A worker is not to finish a job any more: it goes back to its queue, or ends if it has lost too many workers. */
  giveBack(job: Job, reason: RequeueReason): void {
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
    } else if (this.#jobRetries >= 0 && job.retries >= this.#jobRetries) {
      this.failWatchers(job);
      this.end(job, 'retries-used-up');
    } else {
      this.#leaveWorker(job);
      job.numerator = 0;
      job.denominator = 0;
      job.state = 'queued';
      job.order = this.#requeue === 'head' ? --this.#firstOrder : ++this.#lastOrder;
      this.#functions.queue(job, this.#requeue);
      if (job.commit !== undefined) this.#ledger?.change(job);
      this.#observer?.jobRequeued(job, reason);
      this.#wakeUps.jobReady(job.fn);
    }
  }

  failWatchers(job: Job): void {
    const handle = this.#jobs.handleOf(job);
    for (let watcher = job.watchers; watcher !== undefined; watcher = watcher.nextOfJob) {
      watcher.peer.port.fail(handle);
    }
  }

  /** A worker is through with a job. */
  finish(job: Job, how: 'complete' | 'fail' | 'exception'): void {
    if (job.state === 'cancelled') this.#forget(job);
    else this.end(job, how);
  }

  /** A job ends wherever it is. */
  end(job: Job, how: JobEnd): void {
    this.#leavePlace(job);
    this.#watchers.detachAll(job);
    this.#jobs.freeUniqueId(job);
    if (job.commit !== undefined) this.#ledger?.done(job);
    this.#observer?.jobEnded(job, how);
    this.#forget(job);
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
    if (job.commit !== undefined) this.#ledger?.done(job);
    this.#observer?.jobEnded(job, 'cancelled');
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
    if (job.state === 'running') {
      this.#leaveWorker(job);
    } else if (job.state === 'queued') {
      this.#functions.unqueue(job);
    } else if (job.state === 'delayed') {
      this.#timers.cancel(job);
      job.fn.delayed--;
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
