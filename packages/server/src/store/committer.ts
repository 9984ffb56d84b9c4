import type { Engine } from '../engine/engine.ts';
import type { Ledger, LedgerBatch } from '../engine/ledger.ts';
import { commitTo } from './payload-files.ts';
import type { JobStore } from './store.ts';

/** Told how committing goes. */
export interface CommitterOwner {
  /** The store did not take these jobs. */
  storeRefused(error: Error, jobs: number): void;
  /** Nothing can be recorded any more. */
  storeBroken(error: Error): void;
  /** A batch is through. */
  committed(): void;
}

/**
 * Takes what the ledger gathers to the store: one commit at a time, and in each everything that came while the one before
 * was under way.
 */
export class Committer {
  readonly #store: JobStore;
  readonly #ledger: Ledger;
  readonly #engine: Engine;
  readonly #owner: CommitterOwner;
  #running: Promise<void> | undefined;
  #broken: Error | undefined;
  #lastRefusal: Error | undefined;
  /** Batches since the start. */
  commits = 0;
  /** Jobs since the start that the store did not take. */
  refusedJobs = 0;

  constructor(store: JobStore, ledger: Ledger, engine: Engine, owner: CommitterOwner) {
    this.#store = store;
    this.#ledger = ledger;
    this.#engine = engine;
    this.#owner = owner;
  }

  /** Why the last batch was refused; undefined when it was not. */
  get lastRefusal(): Error | undefined {
    return this.#lastRefusal;
  }

  /** Makes sure that what has been gathered is committed soon. */
  flush(): void {
    if (this.#running !== undefined || !this.#ledger.hasWork) return;
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

  async #run(): Promise<void> {
    for (let taken = this.#ledger.take(); taken !== undefined; taken = this.#ledger.take()) {
      const refused = await this.#commit(taken);
      this.#lastRefusal = refused;
      this.commits++;
      this.#engine.settle(taken, refused);
      const { puts } = taken.batch;
      if (refused !== undefined) {
        this.refusedJobs += puts.length;
        this.#owner.storeRefused(refused, puts.length);
      }
      this.#owner.committed();
    }
  }

  async #commit({ batch }: LedgerBatch): Promise<Error | undefined> {
    if (this.#broken !== undefined) return this.#broken;
    try {
      return (await commitTo(this.#store, batch)).refused;
    } catch (error) {
      this.#broken = error instanceof Error ? error : new Error(String(error));
      this.#owner.storeBroken(this.#broken);
      return this.#broken;
    }
  }
}
