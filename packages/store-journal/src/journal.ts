import { DirectoryLock, findHolder } from '@gearman/events';
import type {
  JobStore,
  StoreBatch,
  StoreContent,
  StoredJob,
  StoreOpenOptions,
  StoreOutcome,
  StoreUsage,
} from '@gearman/server';
import { Catalogue } from './catalogue.ts';
import { Compaction } from './compaction.ts';
import { asStoreError, StoreLockedError, StoreUnusableError } from './errors.ts';
import { listJournal, noJournalIn } from './journal-files.ts';
import { JournalWriter } from './journal-writer.ts';
import { type JournalOptions, type JournalSettings, parseJournalOptions } from './options.ts';
import { PayloadFiles } from './payload-files.ts';
import { Recovery, type RecoveryReport } from './recovery.ts';
import { SegmentReader } from './segment-reader.ts';
import { SpareFiles } from './spare-files.ts';

/**
 * A durable store of background jobs in a directory of the local disk: files that are only appended to, one write and one
 * fdatasync for everything that is committed at once.
 *
 * What was acknowledged survives the death of the process, of the machine, and a full disk. A damaged place costs the
 * records that stand there, never those behind it.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options. Its `open()` rejects with
 * `ERR_GEARMAN_STORE_LOCKED`, `ERR_GEARMAN_STORE_UNUSABLE`, `ERR_GEARMAN_STORE_VERSION` or `ERR_GEARMAN_STORE_FULL`
 */
export function createJournal(options: JournalOptions): Journal {
  return new Journal(parseJournalOptions(options));
}

/** See {@link createJournal}. */
export class Journal implements JobStore {
  readonly name: string;
  readonly adoptsFiles = true;
  readonly #settings: JournalSettings;
  readonly #catalogue = new Catalogue();
  readonly #spares: SpareFiles;
  readonly #payloads: PayloadFiles;
  readonly #reader: SegmentReader;
  #lock: DirectoryLock | undefined;
  #writer: JournalWriter | undefined;
  #compaction: Compaction | undefined;
  #recovery: Recovery | undefined;
  /** One thing at a time touches the files. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal use {@link createJournal} */
  constructor(settings: JournalSettings) {
    this.#settings = settings;
    this.name = `journal ${settings.directory}`;
    this.#spares = new SpareFiles(settings.disk, settings.directory, settings.segmentBytes);
    this.#payloads = new PayloadFiles(settings.disk, settings.directory);
    this.#reader = new SegmentReader(this.#catalogue, this.#payloads, settings.logger, (lost) =>
      this.#recovery?.dropJob(lost),
    );
  }

  /** What the last {@link open} found, and what reading its jobs did; undefined before. */
  get report(): RecoveryReport | undefined {
    return this.#recovery?.report;
  }

  async open({ payloadFiles = false }: StoreOpenOptions = {}): Promise<StoreContent> {
    const { disk, directory, clock, mustExist } = this.#settings;
    try {
      if (!mustExist) await disk.makeDirectory(directory);
      const holder = await findHolder(directory);
      this.#lock = await DirectoryLock.take(
        directory,
        clock,
        (holder) => new StoreLockedError(directory, holder),
      );
      await this.#recover(holder !== undefined);
    } catch (error) {
      await this.close();
      throw asStoreError(error, directory);
    }
    return {
      jobs: this.#reader.jobs(payloadFiles),
      settings: this.#catalogue.settings,
      lastNumber: this.#catalogue.lastNumber,
    };
  }

  commit(batch: StoreBatch): Promise<StoreOutcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#opened().commit(batch);
      if (this.#compaction?.isDue === true) void this.#compact();
      return outcome;
    });
  }

  read(numbers: readonly number[]): Promise<readonly StoredJob[]> {
    return this.#inTurn(() => this.#reader.read(numbers));
  }

  usage(): StoreUsage {
    const { segments, jobCount, liveBytes } = this.#catalogue;
    return {
      jobs: jobCount,
      bytes: (segments.size + this.#spares.count) * this.#settings.segmentBytes,
      liveBytes,
      full: this.#writer?.full,
    };
  }

  /** Rewrites what is live and frees the rest, however little that is. */
  async compact(): Promise<void> {
    const compaction = this.#compaction;
    if (compaction === undefined) throw new StoreUnusableError('the journal is not open');
    compaction.demand();
    await this.#compact();
  }

  async close(): Promise<void> {
    this.#compaction?.stop();
    await this.#last;
    this.#writer = undefined;
    this.#compaction = undefined;
    await this.#spares.close();
    for (const { file } of this.#catalogue.segments.values()) await file.close();
    this.#catalogue.segments.clear();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #recover(afterCrash: boolean): Promise<void> {
    const { disk, directory, logger, strict, mustExist } = this.#settings;
    const { segments, spares } = await listJournal(disk, directory);
    if (mustExist && segments.length + spares.length === 0) throw noJournalIn(directory);
    this.#spares.open();
    for (const name of spares) await this.#spares.adopt(name);
    const catalogue = this.#catalogue;
    const recovery = new Recovery({ disk, directory, catalogue, logger, strict, afterCrash });
    await recovery.read(segments);
    await this.#payloads.open((number) => this.#catalogue.find(number) !== undefined);
    for (const lost of await this.#payloads.lost(this.#catalogue.largeJobs, false)) recovery.dropJob(lost);
    this.#recovery = recovery;

    const writer = new JournalWriter(
      this.#settings,
      this.#catalogue,
      this.#spares,
      this.#payloads,
      recovery.sequence,
    );
    await writer.begin();
    this.#writer = writer;
    this.#compaction = new Compaction(this.#settings, this.#catalogue, this.#spares, writer);
  }

  /** In steps, between which commits go on. */
  async #compact(): Promise<void> {
    const compaction = this.#compaction;
    if (compaction === undefined || compaction.isRunning) return;
    compaction.isRunning = true;
    try {
      while (await this.#inTurn(() => compaction.step()));
    } catch (error) {
      compaction.rest();
      this.#settings.logger.error({ error }, 'compaction failed; it is tried again');
    } finally {
      compaction.isRunning = false;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  #opened(): JournalWriter {
    if (this.#writer === undefined) throw new StoreUnusableError(`${this.name} is not open`);
    return this.#writer;
  }
}
