import type { StoredJob } from '../store/store.ts';
import { Afterlife } from './afterlife.ts';
import { Dedup } from './dedup.ts';
import { Departures } from './departures.ts';
import { Effort } from './effort.ts';
import type { EngineOptions } from './engine-options.ts';
import { FunctionSettings } from './function-settings.ts';
import { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { Job } from './job.ts';
import { JobLife } from './job-life.ts';
import { JobSource } from './job-source.ts';
import { type JobPage, JobTable } from './job-table.ts';
import { JobTimers } from './job-timers.ts';
import type { Ledger, LedgerBatch } from './ledger.ts';
import { Parking } from './parking.ts';
import { Peer, type PeerPort } from './peer.ts';
import { Registrations } from './registrations.ts';
import { Reports } from './reports.ts';
import { restoredJob } from './restored-job.ts';
import { Results } from './results.ts';
import { Schedules } from './schedules.ts';
import type { RegisterRefusal, Submission, Submitted } from './submission.ts';
import { Submissions } from './submissions.ts';
import { Turns } from './turns.ts';
import { WakeUps } from './wake-ups.ts';
import { Watchers } from './watchers.ts';

const MAX_CLIENT_ID_BYTES = 127;
/** When memory is short: jobs that are parked for each new one, and in any case. */
const MOST_PARKED_PER_JOB = 4;
const LEAST_PARKED = 256;

/**
 * The job system: submit, grab, progress, finish, cancel, lose a worker, time passes.
 *
 * Commands in, effects out through {@link PeerPort} and `EngineObserver`. No socket, no packet, no timer and no
 * promise: whoever owns it calls {@link advance} after {@link nextDelayMs}.
 */
export class Engine {
  /** What workers say about their jobs. */
  readonly reports: Reports;
  /** Recurring jobs. */
  readonly schedules: Schedules;
  /** Background jobs that have failed for good. */
  readonly afterlife: Afterlife;
  /** Results of jobs that are over. */
  readonly results: Results;
  /** Which jobs are in memory; undefined when all of them are, as nothing else has them. */
  readonly parking: Parking | undefined;
  /** Submits that stand for those that come later. */
  readonly dedup: Dedup;
  readonly #maxFunctionsPerConnection: number;
  readonly #ledger: Ledger | undefined;
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #timers: JobTimers;
  readonly #wakeUps: WakeUps;
  readonly #turns: Turns;
  readonly #life: JobLife;
  readonly #registrations: Registrations;
  readonly #departures: Departures;
  readonly #settings: FunctionSettings;
  readonly #submissions: Submissions;
  readonly #peers = new Set<Peer>();
  readonly #effort = new Effort();
  #lastPeerId = 0;

  constructor(options: EngineOptions) {
    const { clock, observer, ledger } = options;
    const watchers = new Watchers();
    this.#maxFunctionsPerConnection = options.maxFunctionsPerConnection;
    this.#ledger = ledger;
    this.#jobs = new JobTable(options.handlePrefix);
    this.#timers = new JobTimers(clock);
    this.#wakeUps = new WakeUps(
      options.workerWakeup,
      options.wakeupLookMs,
      () => clock.monotonicMs(),
      this.#effort,
    );
    this.#functions = new FunctionTable(options.maxFunctions, this.#wakeUps, observer, options.rulesOf);
    this.#turns = new Turns(this.#functions, this.#effort);
    this.afterlife = new Afterlife({
      ...{ limits: options.dead, jobs: this.#jobs, ledger, now: () => clock.now() },
      hasRoom: (bytes) => this.#submissions.hasRoom(bytes),
      useFunction: (name) => this.#functions.restore(name),
      admit: (job) => this.#life.admit(job),
      revive: (job) => this.#life.revive(job),
    });
    this.results = new Results(options.maxResultBytes ?? 0, ledger, () => clock.now());
    const { maxMemoryBytes, parkAboveBytes } = options;
    const parts = { functions: this.#functions, jobs: this.#jobs, wakeUps: this.#wakeUps };
    this.parking =
      ledger === undefined ? undefined : new Parking({ ...parts, ledger, maxMemoryBytes, parkAboveBytes });
    this.dedup = new Dedup(options.maxDedupIds ?? 0, this.#jobs, ledger, () => clock.now());
    this.#life = new JobLife({
      ...parts,
      timers: this.#timers,
      watchers,
      observer,
      ledger,
      parking: this.parking,
      jobRetries: options.jobRetries,
      requeue: options.requeue,
      afterlife: this.afterlife,
      results: this.results,
      dedup: this.dedup,
      random: options.random ?? Math.random,
    });
    this.#registrations = new Registrations(this.#functions, this.#turns, this.#wakeUps, this.#effort);
    this.#departures = new Departures(this.#life, watchers);
    this.#submissions = new Submissions(this.#functions, this.#jobs, this.#life, watchers, this.parking, {
      ...options,
      dedup: this.dedup,
      otherBytes: () => (this.afterlife.dead?.sizeBytes ?? 0) + this.dedup.sizeBytes,
      now: () => clock.now(),
    });
    this.reports = new Reports(this.#jobs, this.#life, this.#effort);
    this.#settings = new FunctionSettings(this.#functions, ledger);
    const jobSource = new JobSource({ ...parts, life: this.#life, parking: this.parking }, this.#submissions);
    this.schedules = new Schedules(options, jobSource, this.#effort);
  }

  // Connections

  connect(port: PeerPort, address: string, exceptions: boolean): Peer {
    const peer = new Peer(++this.#lastPeerId, port, address, exceptions);
    this.#peers.add(peer);
    return peer;
  }

  /**
   * The connection is gone: its jobs go back to their queues, jobs that only it waited for are given up. With very many
   * jobs that takes some calls of {@link advance}.
   */
  disconnect(peer: Peer): void {
    if (!this.#peers.delete(peer)) return;
    peer.connected = false;
    const wokenFor = peer.sleep === 'awake' ? undefined : this.#wakeUps.wakeUp(peer);
    this.#registrations.removeAll(peer);
    this.#departures.leave(peer);
    if (wokenFor !== undefined) this.#wakeUps.refill(wokenFor);
  }

  // Workers

  /** @returns why not, or undefined when the connection runs the function from now on */
  canDo(peer: Peer, functionName: string, timeoutMs: number): RegisterRefusal | undefined {
    if (peer.registrationCount >= this.#maxFunctionsPerConnection) return 'too-many-registrations';
    const fn = this.#functions.use(functionName);
    if (fn === undefined) return 'too-many-functions';
    this.#registrations.add(peer, fn, timeoutMs);
    this.#functions.feedAll(fn);
    return undefined;
  }

  /**
   * Withdraws a function; its jobs that this connection runs go back. With very many jobs {@link Peer.withdrawing}
   * holds for some calls of {@link advance}; until then, no command of this connection may follow.
   */
  cantDo(peer: Peer, functionName: string): void {
    const fn = this.#functions.get(functionName);
    if (fn === undefined || peer.registrations?.has(fn) !== true) return;
    this.#registrations.remove(peer, fn);
    this.#departures.withdraw(peer, fn);
  }

  /** Withdraws all functions; all jobs that this connection runs go back, as with {@link cantDo}. */
  resetAbilities(peer: Peer): void {
    this.#registrations.removeAll(peer);
    this.#departures.withdraw(peer, undefined);
  }

  setClientId(peer: Peer, clientId: string): void {
    peer.clientId = clientId.slice(0, MAX_CLIENT_ID_BYTES);
  }

  /** The worker wants to be told of the next job: at once, if one waits already. */
  preSleep(peer: Peer): void {
    if (this.#turns.hasNext(peer)) {
      const wokenFor = this.#wakeUps.wakeUp(peer);
      peer.port.noop();
      if (wokenFor !== undefined) this.#wakeUps.refill(wokenFor);
    } else {
      this.#wakeUps.fallAsleep(peer);
    }
  }

  /** Gives the worker the job whose turn it is. */
  grab(peer: Peer): Job | undefined {
    const wokenFor = peer.sleep === 'awake' ? undefined : this.#wakeUps.wakeUp(peer);
    this.#life.expire();
    const job = this.#turns.next(peer);
    if (job !== undefined) this.#life.run(job, peer);
    if (wokenFor !== undefined) this.#wakeUps.refill(wokenFor);
    return job;
  }

  // Clients

  /** Makes a job, or attaches the client to that which stands for it; one in the state `ended` is over: see {@link Results.tell}. */
  submit(peer: Peer, submission: Submission): Submitted {
    return this.#submissions.submit(peer, submission);
  }

  handleOf(job: Pick<Job, 'number'>): string {
    return this.#jobs.handleOf(job);
  }

  /** The job of a handle, unless it has ended. */
  find(handle: string): Job | undefined {
    const job = this.#jobs.find(handle);
    return job?.state === 'cancelled' ? undefined : job;
  }

  /** The number in a handle of this server; undefined for any other text. */
  numberOf(handle: string): number | undefined {
    return this.#jobs.numberOf(handle);
  }

  /**
   * The newest job with this unique id, of whatever function. It asks each: one more index would cost every job for what is asked
   * rarely.
   */
  findUnique(uniqueId: string): Job | undefined {
    let newest: Job | undefined;
    this.#effort.steps += this.#functions.size;
    for (const { uniques } of this.#functions.values()) {
      const job = uniques.size === 0 ? undefined : uniques.get(uniqueId);
      if (job !== undefined && job.number > (newest?.number ?? 0)) newest = job;
    }
    return newest;
  }

  // Administrators

  /** Ends a job for good, or a schedule. @returns false when there is neither */
  cancel(handle: string): boolean {
    const job = this.find(handle);
    if (job === undefined) return this.schedules.cancel(handle);
    this.#life.cancel(job);
    return true;
  }

  /** No worker can have the whole payload of a job: it has failed for good, and is kept as dead where such are kept. */
  payloadDamaged(handle: string): void {
    const job = this.find(handle);
    if (job === undefined) return;
    this.#life.failWatchers(job);
    this.#life.finish(job, 'fail', Buffer.from('its payload is damaged'));
  }

  /** @returns false when the server has too many functions */
  createFunction(name: string): boolean {
    const fn = this.#functions.use(name);
    if (fn === undefined) return false;
    fn.pinned = true;
    this.#functions.noteUse(fn);
    return true;
  }

  /** Forgets a function that nobody uses. */
  dropFunction(name: string): 'dropped' | 'in-use' | 'has-jobs' | 'unknown' {
    const fn = this.#functions.get(name);
    if (fn === undefined) return 'unknown';
    if (fn.registrationCount > 0 || fn.running > 0) return 'in-use';
    if (fn.total > 0) return 'has-jobs';
    this.#settings.forget(fn);
    this.#functions.forget(fn);
    return 'dropped';
  }

  /** The function of exactly this name, or else all whose names differ only in letter case. */
  functionNames(name: string): string[] {
    if (this.#functions.get(name) !== undefined) return [name];
    this.#effort.steps += this.#functions.size;
    const lower = name.toLowerCase();
    const names: string[] = [];
    for (const fn of this.#functions.values()) if (fn.name.toLowerCase() === lower) names.push(fn.name);
    return names;
  }

  /** Sets how many jobs a submit of each priority may find; 0 means any number. Unknown functions stay unknown. */
  setMaxQueue(name: string, limits: readonly [high: number, normal: number, low: number]): void {
    const fn = this.#functions.get(name);
    if (fn !== undefined) this.#settings.setMaxQueue(fn, limits);
  }

  /** The function hands out no jobs any more; those that run go on. @returns false when there are too many functions */
  pause(name: string): boolean {
    const fn = this.#functions.use(name);
    if (fn !== undefined) this.#settings.pause(fn);
    return fn !== undefined;
  }

  /** It hands out jobs again. @returns false when there is no such function */
  resume(name: string): boolean {
    const fn = this.#functions.get(name);
    if (fn !== undefined) this.#settings.resume(fn);
    return fn !== undefined;
  }

  /** From now on submits are refused, everything else goes on. */
  drain(): void {
    this.#submissions.draining = true;
  }

  // Durability

  /** A job that an earlier server has kept, oldest first; before anything else happens. Dead ones may be among them. */
  restore(stored: StoredJob): void {
    if (stored.state === 'dead') {
      this.afterlife.restore(stored);
      return;
    }
    this.#life.restore(restoredJob(stored, this.#functions), stored.runAtMs);
    this.parking?.relieve(MOST_PARKED_PER_JOB);
  }

  /** A setting that an earlier server has kept. @returns why it is not understood, or undefined */
  restoreSetting(key: string, value: string): string | undefined {
    this.#settings.restore(key, value);
    this.results.restore(key, value);
    this.dedup.restore(key, value);
    return this.schedules.restore(key, value);
  }

  /** Handles go on where those of an earlier server ended. @param lastNumber the largest that it may have used */
  adoptHandles(handlePrefix: string, lastNumber: number): void {
    this.#jobs.adopt(handlePrefix, lastNumber);
    this.afterlife.restored();
  }

  /** What every handle begins with. */
  get handlePrefix(): string {
    return this.#jobs.handlePrefix;
  }

  /** The number of the job made last. */
  get lastNumber(): number {
    return this.#jobs.lastNumber;
  }

  /** What the ledger gave is durable now, or all of it but the ends of jobs is refused. */
  settle(taken: LedgerBatch, refused: Error | undefined): void {
    this.#ledger?.settle(taken, refused);
    const { jobs, runAtMs, waiters } = taken.commit;
    for (const job of jobs) {
      if (refused === undefined) this.#life.stored(job, runAtMs.get(job) ?? 0);
      else this.#life.refused(job, runAtMs.get(job) ?? 0);
    }
    this.schedules.settle(taken.commit);
    for (const waiter of waiters) waiter.decided();
    if (refused === undefined) for (const job of taken.changes) this.#life.noted(job);
    this.parking?.relieve(LEAST_PARKED + MOST_PARKED_PER_JOB * jobs.length);
  }

  // Time

  /** In how many milliseconds {@link advance} has something to do; undefined for nothing. */
  nextDelayMs(): number | undefined {
    if (this.#departures.pending) return 0;
    const wallAt = earlier(earlier(this.afterlife.nextAtMs, this.results.nextAtMs), this.dedup.nextAtMs);
    const delayMs = this.#timers.nextDelayMs(this.#wakeUps.nextAt, wallAt);
    return earlier(delayMs, this.schedules.nextDelayMs());
  }

  /** Does what is due by now. */
  advance(): void {
    this.#departures.advance();
    this.#life.startDue();
    this.schedules.advance();
    this.#life.expire();
    this.afterlife.purge();
    this.results.purge();
    this.dedup.purge();
    this.#life.timeOut();
    this.#wakeUps.advance();
  }

  // Queries

  functions(): IterableIterator<GearmanFunction> {
    return this.#functions.values();
  }

  get functionCount(): number {
    return this.#functions.size;
  }

  /** Every job that has not ended, oldest first; jobs may come and go while one looks. */
  *jobs(): IterableIterator<Job> {
    const last = this.#jobs.lastNumber;
    for (const job of this.#jobs.values()) {
      if (job.number > last) return;
      if (job.state !== 'cancelled') yield job;
    }
  }

  /** Every job that has not ended, oldest first, also those that are parked. */
  pages(): IterableIterator<JobPage> {
    return this.#jobs.pages();
  }

  get peers(): ReadonlySet<Peer> {
    return this.#peers;
  }

  get jobCount(): number {
    return this.#jobs.size;
  }

  get runningCount(): number {
    return this.#life.runningCount;
  }

  get sleeperCount(): number {
    return this.#wakeUps.sleepers;
  }

  /** What all jobs would take in memory. */
  get sizeBytes(): number {
    return this.#submissions.sizeBytes;
  }

  /** What they do take. */
  get memoryBytes(): number {
    return this.#submissions.memoryBytes;
  }

  /** What commands have cost since the start, beyond the usual; see {@link Effort}. */
  get steps(): number {
    return this.#effort.steps;
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
