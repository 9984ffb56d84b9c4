import type { Catalogue } from './catalogue.ts';
import { StoreUnusableError } from './errors.ts';
import type { JournalWriter } from './journal-writer.ts';
import { place } from './live-index.ts';
import type { JournalSettings } from './options.ts';
import { PUT, type PutRecord, readPut } from './record-bodies.ts';
import { RecordScanner, recordSize } from './record-format.ts';
import type { Segment } from './segment.ts';
import { FIRST_RECORD_AT } from './segment-header.ts';
import type { SpareFiles } from './spare-files.ts';

/** What part of a segment one step copies, about: commits wait as long. */
const STEPS_PER_SEGMENT = 64;
/** How long it rests when the disk fails. */
const REST_MS = 1000;
/** Fewer segments are not worth it. */
const MIN_SEGMENTS = 4;

/** A segment on its way out. */
interface Leaving {
  readonly segment: Segment;
  readonly scanner: RecordScanner;
}

/**
 * Frees segments, strictly from the oldest on, so that the end of a job is never forgotten before the job. What is still
 * live in one is copied to the end of the journal first.
 */
export class Compaction {
  readonly #settings: JournalSettings;
  readonly #catalogue: Catalogue;
  readonly #spares: SpareFiles;
  readonly #writer: JournalWriter;
  readonly #stepBytes: number;
  #leaving: Leaving | undefined;
  /** Segments up to this one go, whatever is live in them. */
  #demandedUpTo = 0;
  #isStopped = false;
  #restsUntilMs = 0;
  isRunning = false;

  constructor(settings: JournalSettings, catalogue: Catalogue, spares: SpareFiles, writer: JournalWriter) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#spares = spares;
    this.#writer = writer;
    this.#stepBytes = settings.segmentBytes / STEPS_PER_SEGMENT;
    for (const segment of catalogue.segments.values()) {
      if (segment.isDamaged) this.#demandedUpTo = segment.number;
    }
  }

  /** Whether a step would do something. */
  get isDue(): boolean {
    const isResting = this.#settings.clock.monotonicMs() < this.#restsUntilMs;
    return !this.#isStopped && !isResting && this.#nextToGo() !== undefined;
  }

  /** The disk failed: it is not asked again for a while. */
  rest(): void {
    this.#restsUntilMs = this.#settings.clock.monotonicMs() + REST_MS;
  }

  /** Everything that is written now goes, however much of it is live. */
  demand(): void {
    this.#demandedUpTo = this.#writer.current.number - 1;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Copies a little, or frees one segment. Resolves with whether there is more to do. */
  async step(): Promise<boolean> {
    const segment = this.#isStopped ? undefined : this.#nextToGo();
    if (segment === undefined) return false;
    if (isEmpty(segment)) {
      this.#leaving = undefined;
      await this.#spares.recycle(segment);
      this.#catalogue.segments.delete(segment.number);
      await this.#spares.syncNames();
      return this.isDue;
    }
    if (this.#leaving?.segment !== segment) this.#leaving = await this.#startOn(segment);
    await this.#copySome(this.#leaving);
    return true;
  }

  #nextToGo(): Segment | undefined {
    const { segments } = this.#catalogue;
    const oldest = segments.values().next().value;
    if (oldest === undefined || oldest === this.#writer.current) return undefined;
    if (isEmpty(oldest)) return oldest;
    const isFull = this.#writer.full !== undefined;
    const isWorthIt =
      oldest.number <= this.#demandedUpTo ||
      // A setting or one job that waits for long must not hold back the only space there is.
      (isFull && 2 * oldest.liveBytes < this.#settings.segmentBytes) ||
      (segments.size >= MIN_SEGMENTS &&
        2 * this.#catalogue.liveBytes < segments.size * this.#settings.segmentBytes);
    // With a full disk the file that is kept back serves, if freeing the segment gives it back at once.
    const neededBytes = oldest.liveBytes + this.#settings.largePayloadBytes;
    const canCopy =
      this.#writer.roomBytes(false) > neededBytes ||
      (isFull && this.#writer.roomBytes(true) > 4 * neededBytes);
    return isWorthIt && canCopy ? oldest : undefined;
  }

  async #startOn(segment: Segment): Promise<Leaving> {
    const bytes = Buffer.allocUnsafeSlow(segment.sizeBytes);
    await segment.file.read(bytes, 0);
    return { segment, scanner: new RecordScanner(bytes, segment.key, FIRST_RECORD_AT) };
  }

  async #copySome({ segment, scanner }: Leaving): Promise<void> {
    const puts: PutRecord[] = [];
    for (let bytes = 0; bytes < this.#stepBytes; ) {
      const record = scanner.next();
      if (record === undefined) {
        // Settings are few: they go with the last jobs.
        await this.#writer.copy({
          puts,
          changes: [],
          dones: [],
          settings: this.#catalogue.settingsIn(segment),
        });
        if (!isEmpty(segment)) {
          this.#isStopped = true;
          throw new StoreUnusableError(`${segment.path} has changed since it was opened; it stays as it is`);
        }
        return;
      }
      if (record.type !== PUT) continue;
      const put = readPut(record.body);
      const here = this.#catalogue.find(put.number);
      if (here?.location !== place(segment.number, record.at)) continue;
      puts.push({ ...put, ...this.#catalogue.changes.get(put.number) });
      bytes += recordSize(record.body.length);
    }
    await this.#writer.copy({ puts, changes: [], dones: [], settings: [] });
  }
}

function isEmpty(segment: Segment): boolean {
  return segment.liveBytes === 0 && segment.settings === 0;
}
