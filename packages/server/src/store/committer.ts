import type { Clock } from '@gearman/events';
import type { Engine } from '../engine/engine.ts';
import type { Commit, Ledger, LedgerBatch } from '../engine/ledger.ts';
import { StoreSilentError } from '../errors.ts';
import { commitTo } from './payload-files.ts';
import type { JobStore } from './store.ts';

/** Told how committing goes. */
export interface CommitterOwner {
  /** The store did not take these jobs. */
  storeRefused(error: Error, jobs: number): void;
  /** Nothing can be recorded any more. */
  storeBroken(error: Error): void;
  /** The store has not answered for too long. */
  storeSilent(error: Error): void;
  /** The store has answered after all. */
  storeBack(): void;
  /** A batch is through. */
  committed(): void;
}

/** What {@link Committer} works with. */
export interface CommitterParts {
  readonly store: JobStore;
  readonly ledger: Ledger;
  readonly engine: Engine;
  readonly clock: Clock;
  /** How long one commit may take before the jobs behind it are refused; 0 is for ever. */
  readonly timeoutMs: number;
}

/**
 * Takes what the ledger gathers to the store: one commit at a time, and in each everything that came while the one before
 * was under way.
 */
export class Committer {
  readonly #parts: CommitterParts;
  readonly #owner: CommitterOwner;
  #running: Promise<void> | undefined;
  #broken: Error | undefined;
  #lastRefusal: Error | undefined;
  #silent: StoreSilentError | undefined;
  #isAbandoned = false;
  #underWay: Commit | undefined;
  /** Batches since the start. */
  commits = 0;
  /** Jobs since the start that the store did not take. */
  refusedJobs = 0;

  constructor(parts: CommitterParts, owner: CommitterOwner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** Set while the store has not answered for too long. */
  get silent(): Error | undefined {
    return this.#silent;
  }

  /** Why the last batch was refused; undefined when it was not. */
  get lastRefusal(): Error | undefined {
    return this.#lastRefusal;
  }

  /** Makes sure that what has been gathered is committed soon. */
  flush(): void {
    if (this.#silent !== undefined) this.#refuse(this.#silent);
    if (this.#running !== undefined || this.#isAbandoned || !this.#parts.ledger.hasWork) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is under way and nothing is gathered. */
  async idle(): Promise<void> {
    this.flush();
    while (this.#running !== undefined) {
      await this.#running;
      this.flush();
    }
  }

  /** The server ends without the store's answer: nothing more is asked of it. */
  abandon(): void {
    this.#isAbandoned = true;
    const { store, timeoutMs } = this.#parts;
    this.#refuse(this.#silent ?? new StoreSilentError(store.name, timeoutMs));
    for (const waiter of this.#underWay?.waiters ?? []) waiter.abandoned?.();
  }

  async #run(): Promise<void> {
    const { ledger } = this.#parts;
    for (let taken = ledger.take(); taken !== undefined; taken = ledger.take()) {
      this.#underWay = taken.commit;
      const refused = await this.#commit(taken);
      this.#underWay = undefined;
      if (this.#isAbandoned) return;
      this.#lastRefusal = refused;
      this.commits++;
      this.#settle(taken, refused);
      this.#owner.committed();
    }
  }

  #settle(taken: LedgerBatch, refused: Error | undefined): void {
    this.#parts.engine.settle(taken, refused);
    if (refused === undefined) return;
    const { length } = taken.commit.jobs;
    this.refusedJobs += length;
    this.#owner.storeRefused(refused, length);
  }

  /** Answers those whose jobs no store has seen yet. Ends of jobs are recorded when the store is back. */
  #refuse(error: Error): void {
    const taken = this.#parts.ledger.takeJobs();
    if (taken === undefined) return;
    this.#settle(taken, error);
    this.#owner.committed();
  }

  async #commit({ batch }: LedgerBatch): Promise<Error | undefined> {
    if (this.#broken !== undefined) return this.#broken;
    const { store, clock, timeoutMs } = this.#parts;
    const watch =
      timeoutMs === 0
        ? undefined
        : clock.setTimer(timeoutMs, () => this.#isSilentFor(timeoutMs), { unref: true });
    try {
      return (await commitTo(store, batch)).refused;
    } catch (error) {
      this.#broken = error instanceof Error ? error : new Error(String(error));
      this.#owner.storeBroken(this.#broken);
      return this.#broken;
    } finally {
      watch?.cancel();
      if (this.#silent !== undefined) this.#owner.storeBack();
      this.#silent = undefined;
    }
  }

  #isSilentFor(timeoutMs: number): void {
    this.#silent = new StoreSilentError(this.#parts.store.name, timeoutMs);
    this.#owner.storeSilent(this.#silent);
    this.#refuse(this.#silent);
  }
}
