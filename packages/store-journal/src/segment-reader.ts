import type { StoredJob } from '@gearman/server';
import type { Catalogue } from './catalogue.ts';
import { StoreUnusableError } from './errors.ts';
import { type Place, positionOf } from './live-index.ts';
import type { PayloadFiles } from './payload-files.ts';
import { type PutRecord, readPut } from './record-bodies.ts';
import { readRecord } from './record-format.ts';
import type { Segment } from './segment.ts';

const NO_BYTES = new Uint8Array(0);
/** Whole segments that {@link SegmentReader.jobs} holds in memory at once. */
const CACHED_SEGMENTS = 4;

/** Reads live jobs from where they stand. */
export class SegmentReader {
  readonly #catalogue: Catalogue;
  readonly #payloads: PayloadFiles;

  constructor(catalogue: Catalogue, payloads: PayloadFiles) {
    this.#catalogue = catalogue;
    this.#payloads = payloads;
  }

  /**
   * Every live job, by number, as they are when each is read.
   *
   * @param asFiles payloads that have files of their own are not read
   */
  async *jobs(asFiles: boolean): AsyncGenerator<StoredJob, void, undefined> {
    const cache = new Map<Segment, Buffer>();
    for (const number of this.#catalogue.numbers()) {
      const place = this.#catalogue.find(number);
      const segment = place === undefined ? undefined : this.#catalogue.segmentOf(place);
      if (place === undefined || segment === undefined) continue;
      const bytes = cache.get(segment) ?? (await load(segment, cache));
      yield await this.#toJob(putAt(bytes, positionOf(place.location), segment), asFiles);
    }
  }

  /** The payload of a live job, or undefined. */
  async payload(number: number): Promise<Uint8Array | undefined> {
    const place = this.#catalogue.find(number);
    const segment = place === undefined ? undefined : this.#catalogue.segmentOf(place);
    if (place === undefined || segment === undefined) return undefined;
    const record = await readOne(segment, place);
    return record.payload ?? this.#payloads.read(number);
  }

  async #toJob(record: PutRecord, asFiles: boolean): Promise<StoredJob> {
    const changed = this.#catalogue.changes.get(record.number);
    // From the pool of buffers: of a million small payloads each would otherwise have memory of its own.
    if (record.payload !== undefined) return { ...record, ...changed, payload: Buffer.from(record.payload) };
    const { sha256, ...job } = record;
    if (!asFiles) return { ...job, ...changed, payload: await this.#payloads.read(job.number) };
    const payloadFile = await this.#payloads.find(job.number, sha256);
    return { ...job, ...changed, payload: NO_BYTES, payloadFile };
  }
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

async function readOne(segment: Segment, { location, sizeBytes }: Place): Promise<PutRecord> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  await segment.file.read(bytes, positionOf(location));
  return putAt(bytes, 0, segment);
}

function putAt(bytes: Buffer, at: number, segment: Segment): PutRecord {
  const record = readRecord(bytes, at, segment.key);
  if (record === undefined)
    throw new StoreUnusableError(`${segment.path} has changed at ${at} since it was opened`);
  return readPut(record.body);
}
