import { randomInt } from 'node:crypto';
import type { Clock, Logger, Timer } from '@gearman/events';
import type { Engine } from '../engine/engine.ts';
import type { Ledger } from '../engine/ledger.ts';
import { RefusalLog } from '../net/refusal-log.ts';
import { Committer } from './committer.ts';
import { HandleNumbers } from './handle-numbers.ts';
import { withKey } from './payload-files.ts';
import { Recaller } from './recaller.ts';
import type { JobStore, StoreContent } from './store.ts';

/** How a server's store does, at one moment. */
export interface StoreStats {
  /** What it is: `journal /var/lib/gearman`. */
  readonly name: string;
  /** Jobs that a restart would find. */
  readonly jobs: number;
  /** What the store occupies, and what of it is needed, in bytes. */
  readonly bytes: number;
  readonly liveBytes: number;
  /** Why it takes no jobs at present. */
  readonly full: string | undefined;
  /** Jobs that were found at the start. */
  readonly restoredJobs: number;
  /** Jobs since the start that it did not take. */
  readonly refusedJobs: number;
  /** Commits since the start; each is for all jobs that came during the one before. */
  readonly commits: number;
}

/** What {@link Durability} needs of its server. */
export interface DurabilityParts {
  readonly store: JobStore;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlePrefix: string;
  readonly maxQueueBytes: number;
  readonly maxMemoryBytes: number;
  /** How long the store may take to answer. */
  readonly storeTimeoutMs: number;
  /** Jobs were not taken. */
  refused(error: Error, jobs: number): void;
  /** Nothing can be recorded any more. */
  broken(error: Error): void;
  /** It has not answered for too long. */
  silent(error: Error): void;
  /** A batch is through: there may be output, and something to do in time. */
  committed(): void;
}

/** How many numbers are skipped when none can be set aside: as good as certainly past what any server has used. */
const LARGEST_LEAP = 2 ** 38;

/** The store of a server from its opening to its end. */
export class Durability {
  readonly #parts: DurabilityParts;
  readonly #committer: Committer;
  readonly #numbers: HandleNumbers;
  readonly #recaller: Recaller | undefined;
  readonly #log: RefusalLog;
  #opening: Promise<void> | undefined;
  #isOpen = false;
  #restoredJobs = 0;

  constructor(parts: DurabilityParts) {
    const { ledger, engine, clock, logger, storeTimeoutMs: timeoutMs } = parts;
    this.#parts = parts;
    this.#log = new RefusalLog(clock, logger);
    this.#numbers = new HandleNumbers(engine, ledger);
    this.#committer = new Committer(
      { ...parts, timeoutMs },
      {
        storeSilent: (error) => parts.silent(error),
        storeBack: () => logger.info({ store: parts.store.name }, 'the store answers again'),
        storeRefused: (error, jobs) => this.#refused(error, jobs),
        storeBroken: (error) => this.#broken(error),
        committed: () => parts.committed(),
      },
    );
    const { parking } = engine;
    if (parking === undefined) return;
    const recalled = (): void => parts.committed();
    this.#recaller = new Recaller({ store: parts.store, parking, clock, logger, recalled });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get stats(): StoreStats {
    const { store } = this.#parts;
    const { jobs, bytes, liveBytes, full } = store.usage();
    return {
      ...{ name: store.name, jobs, bytes, liveBytes, full: (this.#committer.silent ?? full)?.message },
      restoredJobs: this.#restoredJobs,
      refusedJobs: this.#committer.refusedJobs,
      commits: this.#committer.commits,
    };
  }

  /** Opens the store and gives the engine what it has; further calls wait for the first. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Call at the end of every turn. */
  flush(): void {
    if (!this.#isOpen) return;
    this.#numbers.check();
    this.#committer.flush();
    this.#recaller?.check();
  }

  /** Resolves when everything so far is durable or refused, or the store does not answer any more. */
  async idle(): Promise<void> {
    if (!this.#isOpen || (await this.#inTime(this.#committer.idle()))) return;
    const { store, logger, storeTimeoutMs } = this.#parts;
    this.#committer.abandon();
    void this.#recaller?.stop();
    this.#isOpen = false;
    logger.error(
      { store: store.name, storeTimeoutMs },
      'the store does not answer, and the server ends without it: of what nobody was told it is not known whether it is stored',
    );
    store.close().catch((error: unknown) => logger.error({ err: error }, 'the store could not be closed'));
  }

  /** From now on nothing more is recorded: what the end of the server does to jobs is not theirs. */
  seal(): void {
    if (!this.#isOpen) return;
    this.#numbers.giveBack();
    this.#parts.ledger.seal();
  }

  async close(): Promise<void> {
    // One that could not be opened has closed itself.
    await this.#opening?.catch(() => {});
    await this.idle();
    if (!this.#isOpen) return;
    if (this.#recaller !== undefined) await this.#inTime(this.#recaller.stop());
    this.#isOpen = false;
    const { store, logger, storeTimeoutMs } = this.#parts;
    if (await this.#inTime(store.close())) return;
    logger.error(
      { store: store.name, storeTimeoutMs },
      'the store does not close, and the server ends without it',
    );
  }

  /** Whether something of the store comes to an end within the time that it has. */
  async #inTime(work: Promise<void>): Promise<boolean> {
    const { clock, storeTimeoutMs } = this.#parts;
    if (storeTimeoutMs === 0) return work.then(() => true);
    const { promise, cancel } = timeLimit(clock, storeTimeoutMs);
    try {
      return await Promise.race([work.then(() => true), promise]);
    } finally {
      cancel();
    }
  }

  async #open(): Promise<void> {
    const { store, engine, logger, handlePrefix, maxQueueBytes, maxMemoryBytes } = this.#parts;
    const content = await this.#content();
    try {
      await this.#restore(content);
    } catch (error) {
      await store.close();
      throw error;
    }
    const adopted = this.#numbers.adopt(content, handlePrefix);
    await this.#committer.idle();
    if (this.#committer.lastRefusal !== undefined) this.#numbers.leap(randomInt(LARGEST_LEAP));
    this.#isOpen = true;
    const { jobCount: jobs, sizeBytes, memoryBytes } = engine;
    logger.info({ store: store.name, jobs, handles: adopted }, 'the store is open');
    const limit =
      sizeBytes > maxQueueBytes ? 'maxQueueBytes' : memoryBytes > maxMemoryBytes ? 'maxMemoryBytes' : '';
    if (limit === '') return;
    logger.warn(
      { jobs, sizeBytes, maxQueueBytes, memoryBytes, maxMemoryBytes },
      `the stored jobs take more than ${limit}: no new ones are accepted until enough of them have run`,
    );
  }

  async #content(): Promise<StoreContent> {
    try {
      return await this.#parts.store.open({ payloadFiles: true });
    } catch (error) {
      // Nothing has happened yet, so that another attempt may succeed: whoever has the lock may be gone.
      this.#opening = undefined;
      throw error;
    }
  }

  async #restore({ jobs, settings }: StoreContent): Promise<void> {
    const { engine, store, logger } = this.#parts;
    for (const [key, value] of settings) {
      const problem = engine.restoreSetting(key, value);
      // It stays in the store, for a server that understands it.
      if (problem !== undefined)
        logger.error({ store: store.name, setting: key, problem }, 'a setting is not understood');
    }
    for await (const job of jobs) {
      // Without a promise for each of millions.
      engine.restore(job.payloadFile === undefined ? job : await withKey(job));
      if (job.state === 'waiting') this.#restoredJobs++;
    }
  }

  #refused(error: Error, jobs: number): void {
    const { store } = this.#parts;
    this.#log.error({ store: store.name, err: error, jobs }, 'the store takes no jobs; those it has go on');
    if (jobs > 0) this.#parts.refused(error, jobs);
  }

  #broken(error: Error): void {
    const { store, logger } = this.#parts;
    logger.error(
      { store: store.name, err: error },
      'the store is broken: nothing is recorded any more, and jobs that run now run again after a restart',
    );
    this.#parts.broken(error);
  }
}

/** Resolves with false when the time is over. */
function timeLimit(clock: Clock, ms: number): { readonly promise: Promise<false>; cancel(): void } {
  let timer: Timer | undefined;
  const promise = new Promise<false>((resolve) => {
    timer = clock.setTimer(ms, () => resolve(false));
  });
  return { promise, cancel: () => timer?.cancel() };
}
