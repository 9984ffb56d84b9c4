import type { StoreBatch, StoredChange, StoredJob } from '../store/store.ts';
import type { Job } from './job.ts';
import { payloadBytes, releasePayload, retainPayload } from './payload.ts';
import { PayloadFile } from './payload-file.ts';

/** Somebody whose answer waits for a {@link Commit}. */
export interface CommitWaiter {
  /** The commit has its outcome. Must not call back into the engine. */
  decided(): void;
  /** The server ends without an outcome: nobody knows whether there will be one. */
  abandoned?(): void;
}

/** Jobs that become durable together, or not at all. */
export class Commit {
  /** An error says why these jobs are not kept. */
  outcome: 'pending' | 'stored' | Error = 'pending';
  readonly jobs: Job[] = [];
  /** When those of them may run that may not run at once. */
  readonly runAtMs = new Map<Job, number>();
  readonly waiters = new Set<CommitWaiter>();
}

/** What goes to the store at once. */
export interface LedgerBatch {
  readonly commit: Commit;
  readonly changes: ReadonlySet<Job>;
  readonly deaths: ReadonlyMap<number, StoredChange>;
  readonly batch: StoreBatch;
}

/**
 * What has happened to background jobs and is not durable yet. Whoever owns the engine takes it from here to the store,
 * one batch at a time, and then calls `engine.settle()`.
 */
export class Ledger {
  readonly #wanted: () => void;
  #commit = new Commit();
  #changes = new Set<Job>();
  #deaths = new Map<number, StoredChange>();
  #dones: number[] = [];
  #settings = new Map<string, string | undefined>();
  /** What a full store refused: it goes with the next batch, and causes none. */
  #owedChanges = new Set<Job>();
  #owedDeaths = new Map<number, StoredChange>();
  #owedSettings = new Map<string, string | undefined>();
  /** Of the batch that is being committed. */
  #changesUnderWay: ReadonlySet<Job> = new Set();
  #isSealed = false;

  /** @param wanted called when something has come; {@link take} is then to be called soon */
  constructor(wanted: () => void) {
    this.#wanted = wanted;
  }

  /** True when {@link take} has something. */
  get hasWork(): boolean {
    return (
      this.#commit.jobs.length > 0 ||
      this.#dones.length > 0 ||
      this.#changes.size > 0 ||
      this.#deaths.size > 0 ||
      this.#settings.size > 0
    );
  }

  /** A job is to be kept. */
  put(job: Job, runAtMs: number): Commit {
    const commit = this.#commit;
    job.commit = commit;
    commit.jobs.push(job);
    // The store may be at it when the job is over.
    retainPayload(job.payload);
    if (runAtMs > 0) commit.runAtMs.set(job, runAtMs);
    this.#wanted();
    return commit;
  }

  /** A job that is kept has lost a worker, or waits for its next attempt, or lives again. */
  change(job: Job): void {
    if (this.#isSealed) return;
    if (job.commit === this.#commit) {
      this.#commit.runAtMs.set(job, startOf(job));
      return;
    }
    this.#changes.add(job);
    this.#wanted();
  }

  /** A job that is kept is over. */
  done(job: Job): void {
    if (this.#isSealed) return;
    this.forgetChanges(job);
    this.doneNumber(job.number);
  }

  /** What has changed about a job does not matter any more. */
  forgetChanges(job: Job): void {
    this.#changes.delete(job);
    this.#owedChanges.delete(job);
  }

  /** A job that is kept, and that nobody has in memory any more, is over. */
  doneNumber(number: number): void {
    if (this.#isSealed) return;
    this.#dones.push(number);
    this.#wanted();
  }

  /** A job that is kept will not run again, and stays. */
  bury(death: StoredChange): void {
    if (this.#isSealed) return;
    this.#deaths.set(death.number, death);
    this.#wanted();
  }

  /** True while something about a job that the store has is not as it is here. */
  owes(job: Job): boolean {
    return this.#changes.has(job) || this.#owedChanges.has(job) || this.#changesUnderWay.has(job);
  }

  /** A job that the store has can not be read: it shall not come back at the next start either. */
  giveUp(number: number): void {
    if (this.#isSealed) return;
    this.#dones.push(number);
    this.#wanted();
  }

  /** A setting is to outlive a restart; undefined removes it. */
  set(key: string, value: string | undefined): void {
    if (this.#isSealed) return;
    this.#owedSettings.delete(key);
    this.#settings.set(key, value);
    this.#wanted();
  }

  /** The same for a setting that becomes durable together with the jobs that are put now, or not at all. */
  setTogether(key: string, value: string | undefined): Commit {
    this.set(key, value);
    return this.#commit;
  }

  /** The server ends: what that does to jobs is not to be found after a restart. */
  seal(): void {
    this.#isSealed = true;
  }

  /** Everything since the last call, if there is anything. */
  take(): LedgerBatch | undefined {
    if (!this.hasWork) return undefined;
    const commit = this.#commit;
    const changes = new Set([...this.#owedChanges, ...this.#changes]);
    const deaths = new Map([...this.#owedDeaths, ...this.#deaths]);
    // Who lives again is there as a change, whatever was to be said before.
    if (deaths.size > 0) for (const { number } of changes) deaths.delete(number);
    const batch: StoreBatch = {
      puts: commit.jobs.map((job) => toStored(job, commit.runAtMs.get(job) ?? 0)),
      changes: [...[...changes].map(toChanged), ...deaths.values()],
      dones: this.#dones,
      settings: new Map([...this.#owedSettings, ...this.#settings]),
    };
    this.#changesUnderWay = changes;
    this.#commit = new Commit();
    this.#changes = new Set();
    this.#owedChanges = new Set();
    this.#deaths = new Map();
    this.#owedDeaths = new Map();
    this.#dones = [];
    this.#settings = new Map();
    this.#owedSettings = new Map();
    return { commit, changes, deaths, batch };
  }

  /** The jobs of {@link take} alone, and whoever waits for them: for a store that is not even asked. */
  takeJobs(): LedgerBatch | undefined {
    const commit = this.#commit;
    if (commit.jobs.length === 0 && commit.waiters.size === 0) return undefined;
    this.#commit = new Commit();
    const batch = { puts: [], changes: [], dones: [], settings: new Map() };
    return { commit, changes: new Set(), deaths: new Map(), batch };
  }

  /** What became of a batch. */
  settle({ commit, changes, deaths, batch }: LedgerBatch, refused: Error | undefined): void {
    commit.outcome = refused ?? 'stored';
    for (const { payload } of commit.jobs) releasePayload(payload);
    this.#changesUnderWay = new Set();
    if (refused === undefined) return;
    for (const job of changes) if (job.commit === 'stored' && !isOver(job)) this.#owedChanges.add(job);
    for (const [number, death] of deaths) if (!this.#deaths.has(number)) this.#owedDeaths.set(number, death);
    for (const [key, value] of batch.settings) {
      if (!this.#settings.has(key)) this.#owedSettings.set(key, value);
    }
  }
}

/** A job that is kept as it is now. */
function toChanged(job: Job): StoredJob {
  return toStored(job, startOf(job));
}

/** True when nothing that happens to the job matters any more. */
export function isOver(job: Job): boolean {
  return job.state === 'ended' || job.state === 'cancelled';
}

/** When a delayed job may run; 0 for any other. */
export function startOf({ state, alarm }: Job): number {
  return state === 'delayed' ? (alarm?.at ?? 0) : 0;
}

function toStored(job: Job, runAtMs: number): StoredJob {
  return {
    number: job.number,
    functionName: job.fn.name,
    uniqueId: job.uniqueId,
    payload: payloadBytes(job.payload),
    payloadFile: job.payload instanceof PayloadFile ? job.payload : undefined,
    priority: job.priority,
    runAtMs,
    attempts: job.retries,
    state: 'waiting',
    reducer: job.reducer,
    extra: job.policy?.toExtra() ?? '',
  };
}
