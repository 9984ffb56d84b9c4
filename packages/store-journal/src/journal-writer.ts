import { crc32 } from 'node:zlib';
import type { StoreBatch, StoredChange, StoredJob, StoreOutcome } from '@gearman/server';
import { Appender } from './appender.ts';
import type { Catalogue } from './catalogue.ts';
import { StoreFullError, StoreUnusableError } from './errors.ts';
import type { JournalSettings } from './options.ts';
import type { PayloadFiles } from './payload-files.ts';
import {
  CHANGE,
  changeBodyBytes,
  DONE,
  DONE_BODY_BYTES,
  type PayloadSum,
  PUT,
  type PutRecord,
  putBodyBytes,
  SETTING,
  settingBody,
  writeChange,
  writePut,
} from './record-bodies.ts';
import { recordSize, writeNumber } from './record-format.ts';
import type { Segment } from './segment.ts';
import { FIRST_RECORD_AT } from './segment-header.ts';
import type { SpareFiles } from './spare-files.ts';

/** A batch as it goes to the disk. */
export interface RecordBatch {
  readonly puts: readonly PutRecord[];
  readonly changes: readonly StoredChange[];
  readonly dones: readonly number[];
  readonly settings: Iterable<readonly [key: string, value: string | undefined]>;
}

interface NewPut {
  readonly put: PutRecord;
  readonly location: number;
  readonly sizeBytes: number;
  readonly segment: Segment;
}

interface NewSetting {
  readonly key: string;
  readonly value: string | undefined;
  readonly segment: Segment;
}

const ACCEPTED: StoreOutcome = { refused: undefined };
/** How long a full disk is left alone before a put tries again. */
const RETRY_MS = 250;

/** Puts records into the last segment, and begins a new one when that is full. */
export class JournalWriter {
  readonly #settings: JournalSettings;
  readonly #catalogue: Catalogue;
  readonly #spares: SpareFiles;
  readonly #payloads: PayloadFiles;
  #sequence: number;
  #appender: Appender | undefined;
  /** Ends that could not be recorded yet. */
  #owedDones: number[] = [];
  #full: { readonly error: Error; readonly sinceMs: number } | undefined;

  constructor(
    settings: JournalSettings,
    catalogue: Catalogue,
    spares: SpareFiles,
    payloads: PayloadFiles,
    sequence: number,
  ) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#spares = spares;
    this.#payloads = payloads;
    this.#sequence = sequence;
  }

  /** Why puts are refused at present. */
  get full(): Error | undefined {
    return this.#full?.error;
  }

  /** The segment that is written to. */
  get current(): Segment {
    return this.#opened().segment;
  }

  /** Gets ready to write: behind what the last segment has, or in a new one. */
  async begin(): Promise<void> {
    const last = [...this.#catalogue.segments.values()].at(-1);
    if (last !== undefined && !last.isDamaged) {
      this.#appender = new Appender(last);
    } else {
      if (this.#spares.count === 0) await this.#spares.ensure(0);
      await this.#turnOver();
    }
    this.#spares.prepare();
  }

  async commit(batch: StoreBatch): Promise<StoreOutcome> {
    const owed = [...this.#owedDones, ...batch.dones];
    const large = batch.puts.filter((job) => this.#isLarge(job));
    const puts = large.length === 0 ? batch.puts : batch.puts.map((job) => this.#withoutLargePayload(job));
    const whole = {
      puts,
      changes: batch.changes,
      dones: [...this.#owedFor(puts), ...batch.dones],
      settings: batch.settings,
    };
    const wantsMore = puts.length + batch.changes.length + batch.settings.size > 0;
    const refused = wantsMore ? await this.#makeRoom(whole, large) : undefined;
    const accepted = refused === undefined ? whole : { puts: [], changes: [], dones: owed, settings: [] };
    const broken = await this.#record(accepted);
    const failed = broken === undefined ? undefined : await this.#afterFailure(accepted, broken);
    if (failed === undefined) this.#owedDones = [];
    if (failed === undefined) return refused === undefined ? ACCEPTED : { refused };
    for (const { number } of large) await this.#payloads.remove(number);
    return { refused: failed };
  }

  /** The owed ends, but not of jobs that were refused and are put again: they would end with the record that makes them live. */
  #owedFor(puts: readonly PutRecord[]): readonly number[] {
    if (this.#owedDones.length === 0) return this.#owedDones;
    const again = new Set(puts.map(({ number }) => number));
    return this.#owedDones.filter((number) => !again.has(number));
  }

  /** Copies records of live jobs, and settings, to the end of the journal. @throws when that fails */
  async copy(batch: RecordBatch): Promise<void> {
    const error = await this.#record(batch);
    if (error !== undefined) throw error;
  }

  /** Bytes that can be written before another file must be made; `withReserve` counts the one that is kept back. */
  roomBytes(withReserve: boolean): number {
    const files = withReserve ? this.#spares.count : this.#spares.available;
    return this.#opened().roomBytes + files * (this.#settings.segmentBytes - FIRST_RECORD_AT);
  }

  /** Makes sure that a batch fits, and writes the payloads that get files of their own. Returns why it cannot. */
  async #makeRoom(batch: RecordBatch, large: readonly StoredJob[]): Promise<Error | undefined> {
    const { clock, directory } = this.#settings;
    const files = this.#filesFor(batch);
    try {
      if (this.#spares.available < files || this.#spares.count === 0) {
        const waitedMs = clock.monotonicMs() - (this.#full?.sinceMs ?? Number.NEGATIVE_INFINITY);
        if (this.#full !== undefined && waitedMs < RETRY_MS) return this.#full.error;
        await this.#spares.ensure(files);
      }
      if (large.length > 0) await this.#payloads.write(large);
    } catch (error) {
      this.#full = { error: new StoreFullError(directory, error), sinceMs: clock.monotonicMs() };
      return this.#full.error;
    }
    this.#full = undefined;
    return undefined;
  }

  /** How many segments a batch begins, at most. */
  #filesFor({ puts, changes, dones, settings }: RecordBatch): number {
    let bytes = dones.length * recordSize(DONE_BODY_BYTES);
    let largest = 0;
    const add = (bodyBytes: number): void => {
      const size = recordSize(bodyBytes);
      bytes += size;
      if (size > largest) largest = size;
    };
    for (const put of puts) add(putBodyBytes(put));
    for (const change of changes) add(changeBodyBytes(change));
    for (const [key, value] of settings) add(settingBody(key, value).length);
    const { roomBytes } = this.#opened();
    if (bytes <= roomBytes) return 0;
    // What does not fit at the end of a segment leaves a gap there.
    return Math.ceil(
      (bytes - Math.max(0, roomBytes - largest)) / (this.#settings.segmentBytes - FIRST_RECORD_AT - largest),
    );
  }

  #isLarge({ payload, payloadFile }: StoredJob): boolean {
    return payloadFile !== undefined || payload.length >= this.#settings.largePayloadBytes;
  }

  #withoutLargePayload(job: StoredJob): PutRecord {
    if (!this.#isLarge(job)) return job;
    return { ...job, payload: undefined, sum: sumOf(job), sha256: job.payloadFile?.sha256 };
  }

  /**
   * The disk failed in the middle of a batch. Its pages are never synced again: the batch goes to another segment. When that
   * fails, too, what is over is recorded with the next batch.
   */
  async #afterFailure(batch: RecordBatch, cause: Error): Promise<Error | undefined> {
    const { directory, logger, clock } = this.#settings;
    logger.error({ path: this.current.path, error: cause }, 'writing failed; another segment is begun');
    let error: unknown;
    try {
      await this.#turnOver();
      error = await this.#record(batch);
    } catch (reason) {
      error = reason;
    }
    if (error === undefined) return undefined;
    // A part of the puts may have reached the disk; they were refused, so no restart is to find them.
    this.#owedDones = [...batch.dones, ...batch.puts.map(({ number }) => number)];
    // Said is what came first: of the rest it is often the reason that no file is left to go to.
    this.#full = { error: new StoreFullError(directory, cause), sinceMs: clock.monotonicMs() };
    return this.#full.error;
  }

  /** Writes a batch and then believes it. Returns why it cannot. */
  async #record(batch: RecordBatch): Promise<Error | undefined> {
    const puts: NewPut[] = [];
    const settings: NewSetting[] = [];
    try {
      for (const put of batch.puts) {
        const bodyBytes = putBodyBytes(put);
        puts.push(
          this.#put(this.#appenderFor(bodyBytes) ?? (await this.#nextAppender(bodyBytes)), put, bodyBytes),
        );
      }
      for (const change of batch.changes) {
        const bodyBytes = changeBodyBytes(change);
        this.#change(
          this.#appenderFor(bodyBytes) ?? (await this.#nextAppender(bodyBytes)),
          change,
          bodyBytes,
        );
      }
      for (const number of batch.dones) {
        this.#done(this.#appenderFor(DONE_BODY_BYTES) ?? (await this.#nextAppender(DONE_BODY_BYTES)), number);
      }
      for (const [key, value] of batch.settings) {
        const body = settingBody(key, value);
        const appender = this.#appenderFor(body.length) ?? (await this.#nextAppender(body.length));
        body.copy(appender.buffer, appender.bodyAt);
        appender.seal(SETTING, ++this.#sequence, body.length);
        settings.push({ key, value, segment: appender.segment });
      }
      await this.#opened().flush();
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    this.#believe(batch, puts, settings);
    return undefined;
  }

  #believe(batch: RecordBatch, puts: readonly NewPut[], settings: readonly NewSetting[]): void {
    const catalogue = this.#catalogue;
    for (const { put, location, sizeBytes, segment } of puts) {
      catalogue.put(put.number, location, sizeBytes, segment, put.payload === undefined, put.sum);
    }
    for (const change of batch.changes) catalogue.change(change);
    for (const number of batch.dones) {
      if (catalogue.largeJobs.has(number)) void this.#payloads.remove(number);
      catalogue.done(number);
    }
    for (const { key, value, segment } of settings) catalogue.set(key, value, segment);
  }

  #put(appender: Appender, put: PutRecord, bodyBytes: number): NewPut {
    writePut(appender.buffer, appender.bodyAt, put);
    const location = appender.seal(PUT, ++this.#sequence, bodyBytes);
    return { put, location, sizeBytes: recordSize(bodyBytes), segment: appender.segment };
  }

  #change(appender: Appender, change: StoredChange, bodyBytes: number): void {
    writeChange(appender.buffer, appender.bodyAt, change);
    appender.seal(CHANGE, ++this.#sequence, bodyBytes);
  }

  #done(appender: Appender, number: number): void {
    writeNumber(appender.buffer, number, appender.bodyAt);
    appender.seal(DONE, ++this.#sequence, DONE_BODY_BYTES);
  }

  /** The appender, if a body has room at its `bodyAt`: nearly always, and then nobody waits. */
  #appenderFor(bodyBytes: number): Appender | undefined {
    const appender = this.#opened();
    if (appender.roomBytes < recordSize(bodyBytes)) return undefined;
    appender.reserve(bodyBytes);
    return appender;
  }

  /** The appender of a new segment. */
  async #nextAppender(bodyBytes: number): Promise<Appender> {
    await this.#opened().flush();
    await this.#turnOver();
    const appender = this.#opened();
    appender.reserve(bodyBytes);
    return appender;
  }

  /** Begins a new segment. */
  async #turnOver(): Promise<void> {
    const { segments, lastNumber } = this.#catalogue;
    const number = ([...segments.keys()].at(-1) ?? 0) + 1;
    const segment = await this.#spares.begin(number, lastNumber, this.#sequence + 1);
    if (segment === undefined)
      throw new StoreFullError(this.#settings.directory, 'there is no file left to write to');
    segments.set(number, segment);
    this.#appender = new Appender(segment, this.#appender?.buffer);
    this.#spares.prepare();
  }

  #opened(): Appender {
    if (this.#appender === undefined) throw new StoreUnusableError('the journal is not open');
    return this.#appender;
  }
}

function sumOf({ payload, payloadFile }: StoredJob): PayloadSum | undefined {
  if (payloadFile === undefined) return { sizeBytes: payload.length, crc32: crc32(payload) };
  const { sizeBytes, crc32: known } = payloadFile;
  return known === undefined ? undefined : { sizeBytes, crc32: known };
}
