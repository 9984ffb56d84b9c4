import type { Logger } from '@gearman/events';
import type { StoredChange, StoredJob } from '@gearman/server';
import type { Catalogue } from './catalogue.ts';
import { StoreUnusableError } from './errors.ts';
import { type Place, positionOf } from './live-index.ts';
import type { LostPayload, PayloadFiles } from './payload-files.ts';
import { type PutRecord, readPut } from './record-bodies.ts';
import { readRecord } from './record-format.ts';
import type { Segment } from './segment.ts';

const NO_BYTES = new Uint8Array(0);
/** Whole segments that {@link SegmentReader.jobs} holds in memory at once. */
const CACHED_SEGMENTS = 4;

/** Jobs are read at once that have at most this between them, and take at most that together. */
const LARGEST_GAP_BYTES = 0x1_0000;
const LARGEST_READ_BYTES = 0x40_0000;

interface Spot {
  readonly number: number;
  readonly place: Place;
  readonly at: number;
}

/** What is read at once. */
interface Stretch {
  readonly segment: Segment;
  readonly from: number;
  to: number;
  readonly spots: Spot[];
}

/** Reads live jobs from where they stand. */
export class SegmentReader {
  readonly #catalogue: Catalogue;
  readonly #payloads: PayloadFiles;
  readonly #logger: Logger;
  readonly #leftOut: (job: LostPayload) => void;

  /** @param leftOut told which job is left out of {@link jobs}, because its payload is not what was written */
  constructor(
    catalogue: Catalogue,
    payloads: PayloadFiles,
    logger: Logger,
    leftOut: (job: LostPayload) => void,
  ) {
    this.#catalogue = catalogue;
    this.#payloads = payloads;
    this.#logger = logger;
    this.#leftOut = leftOut;
  }

  /**
   * Every live job, by number, as they are when each is read. No generator: millions of jobs come at a start, and it would make
   * three promises for each.
   *
   * @param asFiles payloads that have files of their own are not read
   */
  jobs(asFiles: boolean): AsyncIterable<StoredJob> {
    return {
      [Symbol.asyncIterator]: () => {
        const numbers = this.#catalogue.numbers();
        const cache = new Map<Segment, Buffer>();
        let next = 0;
        const again = (): Promise<IteratorResult<StoredJob, undefined>> =>
          this.#next(() => numbers[next++], cache, asFiles, again);
        return { next: again };
      },
    };
  }

  #next(
    nextNumber: () => number | undefined,
    cache: Map<Segment, Buffer>,
    asFiles: boolean,
    again: () => Promise<IteratorResult<StoredJob, undefined>>,
  ): Promise<IteratorResult<StoredJob, undefined>> {
    for (let number = nextNumber(); number !== undefined; number = nextNumber()) {
      const place = this.#catalogue.find(number);
      const segment = place === undefined ? undefined : this.#catalogue.segmentOf(place);
      if (place === undefined || segment === undefined) continue;
      const bytes = cache.get(segment);
      const at = positionOf(place.location);
      if (bytes === undefined)
        return load(segment, cache).then((loaded) => this.#yield(putAt(loaded, at, segment), asFiles, again));
      return this.#yield(putAt(bytes, at, segment), asFiles, again);
    }
    cache.clear();
    return Promise.resolve({ done: true, value: undefined });
  }

  #yield(
    record: PutRecord,
    asFiles: boolean,
    again: () => Promise<IteratorResult<StoredJob, undefined>>,
  ): Promise<IteratorResult<StoredJob, undefined>> {
    const job = this.#withPayload(record, asFiles);
    if (!(job instanceof Promise)) return Promise.resolve({ done: false, value: job });
    return job.then((value) => {
      if (value !== undefined) return { done: false, value };
      this.#leftOut({ number: record.number, how: 'altered' });
      return again();
    });
  }

  /** Those of these jobs that live, in this order. What stands close together is read at once. */
  async read(numbers: readonly number[]): Promise<StoredJob[]> {
    const found = new Map<number, StoredJob>();
    for (const { segment, spots, from, to } of this.#stretches(numbers)) {
      // Not from the pool: the payloads are views of it.
      const bytes = Buffer.allocUnsafeSlow(to - from);
      await segment.file.read(bytes, from);
      for (const { number, at } of spots) {
        const record = readRecord(bytes, at - from, segment.key);
        const job = record && (await this.#withPayload(readPut(record.body), false));
        if (job === undefined) this.#lost(number, segment, at);
        else found.set(number, job);
      }
    }
    return numbers.flatMap((number) => found.get(number) ?? []);
  }

  #stretches(numbers: readonly number[]): Stretch[] {
    const spots: Spot[] = [];
    for (const number of numbers) {
      const place = this.#catalogue.find(number);
      if (place !== undefined) spots.push({ number, place, at: positionOf(place.location) });
    }
    spots.sort((a, b) => a.place.location - b.place.location);
    const stretches: Stretch[] = [];
    for (const spot of spots) {
      const segment = this.#catalogue.segmentOf(spot.place);
      if (segment === undefined) continue;
      const end = spot.at + spot.place.sizeBytes;
      const last = stretches.at(-1);
      const isNear = last?.segment === segment && spot.at - last.to <= LARGEST_GAP_BYTES;
      if (last === undefined || !isNear || end - last.from > LARGEST_READ_BYTES) {
        stretches.push({ segment, from: spot.at, to: end, spots: [spot] });
      } else {
        last.to = end;
        last.spots.push(spot);
      }
    }
    return stretches;
  }

  #lost(number: number, { path }: Segment, at: number): void {
    this.#logger.error(
      { path, at, number },
      'a job has been damaged on the disk since the start, and is lost',
    );
  }

  #withPayload(record: PutRecord, asFiles: boolean): StoredJob | Promise<StoredJob | undefined> {
    const changed = this.#catalogue.changes.get(record.number);
    if (isWhole(record)) return changed === undefined ? record : { ...record, ...changed };
    return this.#withLargePayload(record, changed, asFiles);
  }

  async #withLargePayload(
    record: PutRecord,
    changed: StoredChange | undefined,
    asFiles: boolean,
  ): Promise<StoredJob | undefined> {
    const { sha256, sum, ...job } = record;
    if (!asFiles) {
      const payload = await this.#payloads.read(job.number, sum);
      return payload && { ...job, ...changed, payload };
    }
    const payloadFile = await this.#payloads.find(job.number, sum, sha256);
    return { ...job, ...changed, payload: NO_BYTES, payloadFile };
  }
}

function isWhole(record: PutRecord): record is PutRecord & StoredJob {
  return record.payload !== undefined;
}

async function load(segment: Segment, cache: Map<Segment, Buffer>): Promise<Buffer> {
  const oldest = cache.size < CACHED_SEGMENTS ? undefined : cache.entries().next().value;
  if (oldest !== undefined) cache.delete(oldest[0]);
  const bytes =
    oldest?.[1].length === segment.sizeBytes ? oldest[1] : Buffer.allocUnsafeSlow(segment.sizeBytes);
  await segment.file.read(bytes, 0);
  cache.set(segment, bytes);
  return bytes;
}

function putAt(bytes: Buffer, at: number, segment: Segment): PutRecord {
  const record = readRecord(bytes, at, segment.key);
  if (record === undefined)
    throw new StoreUnusableError(`${segment.path} has changed at ${at} since it was opened`);
  return readPut(record.body);
}
