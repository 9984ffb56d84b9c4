import { silentLogger } from '@gearman/events';
import type { StoreBatch, StoredChange, StoredJob } from '@gearman/server';
import { Catalogue } from '../../src/catalogue.ts';
import { PayloadFiles } from '../../src/payload-files.ts';
import { RECORD_HEADER_BYTES, RecordScanner } from '../../src/record-format.ts';
import { Recovery, type RecoveryReport } from '../../src/recovery.ts';
import { decodeHeader, FIRST_RECORD_AT } from '../../src/segment-header.ts';
import { SegmentReader } from '../../src/segment-reader.ts';
import { batch, job, journalOn, temporaryDirectory } from './jobs.ts';
import { MemoryDisk } from './memory-disk.ts';
import { randomFrom } from './power-cut.ts';

const DIRECTORY = '/journal';
const SEGMENT = `${DIRECTORY}/segment-000000000001`;
const NEXT_SEGMENT = `${DIRECTORY}/segment-000000000002`;
const BIGGEST_PAYLOAD = 2500;

/** One record of the journal, as whoever committed it knows it. */
type Entry =
  | { readonly type: 'put'; readonly job: StoredJob }
  | { readonly type: 'change'; readonly change: StoredChange }
  | { readonly type: 'done'; readonly number: number }
  | { readonly type: 'setting'; readonly key: string; readonly value: string | undefined };

/** A record of the first segment and where it stands. */
export interface Stood {
  readonly at: number;
  /** Where its body ends. */
  readonly end: number;
  /** Behind its last byte that is not zero: zeros from here on change nothing. */
  readonly lastMeaning: number;
}

/** What a journal holds: jobs by number, and settings as text. */
export interface Content {
  readonly jobs: readonly StoredJob[];
  readonly settings: string;
}

/** What a damaged journal holds. */
export interface Found extends Content {
  readonly report: RecoveryReport;
}

/** A journal whose first segment is full of records of all kinds, with or without a segment behind it. */
export class SmallJournal {
  readonly #bytes: Buffer;
  readonly #next: Buffer | undefined;
  readonly #entries: readonly Entry[];
  readonly records: readonly Stood[];

  private constructor(bytes: Buffer, next: Buffer | undefined, entries: readonly Entry[]) {
    this.#bytes = bytes;
    this.#next = next;
    this.#entries = entries;
    this.records = recordsOf(bytes);
  }

  static async make(hasNext: boolean): Promise<SmallJournal> {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory.path);
    await journal.open();
    const segments = () => [...disk.files.keys()].filter((path) => path.includes('/segment-')).sort();
    const entries: Entry[] = [];
    const random = randomFrom(7);
    for (;;) {
      const before = Buffer.from(disk.files.get(segments()[0] ?? '')?.bytes ?? []);
      const entry = anEntry(random, entries.length);
      await journal.commit(toBatch(entry));
      const [first, next] = segments().map((path) => disk.files.get(path)?.bytes);
      if (next === undefined) {
        entries.push(entry);
        continue;
      }
      if (hasNext) entries.push(entry);
      await journal.close();
      return new SmallJournal(
        Buffer.from(hasNext ? (first ?? []) : before),
        hasNext ? next : undefined,
        entries,
      );
    }
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** What it holds after `harm` to a copy of the first segment, which may return another one. */
  async openDamaged(harm: (bytes: Buffer) => Buffer): Promise<Found> {
    const disk = new MemoryDisk();
    disk.add(SEGMENT, harm(Buffer.from(this.#bytes)));
    if (this.#next !== undefined) disk.add(NEXT_SEGMENT, Buffer.from(this.#next));
    const catalogue = new Catalogue();
    const recovery = new Recovery({
      ...{ disk, directory: DIRECTORY, catalogue },
      logger: silentLogger,
      strict: false,
      afterCrash: false,
    });
    await recovery.read([...disk.files.keys()].map((path) => path.slice(DIRECTORY.length + 1)));
    const reader = new SegmentReader(catalogue, new PayloadFiles(disk, DIRECTORY), silentLogger, (lost) =>
      recovery.dropJob(lost),
    );
    const jobs: StoredJob[] = [];
    for await (const each of reader.jobs(false)) jobs.push({ ...each, payload: Buffer.from(each.payload) });
    return { jobs, settings: textOf(catalogue.settings), report: recovery.report };
  }

  /** What it should hold when only the records that `isThere` says are there. */
  contentOf(isThere: (record: number) => boolean): Content {
    const jobs = new Map<number, StoredJob>();
    const settings = new Map<string, string>();
    for (const [i, entry] of this.#entries.entries()) if (isThere(i)) apply(entry, jobs, settings);
    return {
      jobs: [...jobs.values()].sort((a, b) => a.number - b.number),
      settings: textOf(settings),
    };
  }
}

/** Hundreds of thousands of these are compared. */
export function isSame(one: Content, other: Content): boolean {
  return (
    one.settings === other.settings &&
    one.jobs.length === other.jobs.length &&
    one.jobs.every((job, i) => isSameJob(job, other.jobs[i]))
  );
}

function isSameJob(one: StoredJob, other: StoredJob | undefined): boolean {
  return (
    other !== undefined &&
    one.number === other.number &&
    one.functionName === other.functionName &&
    one.uniqueId === other.uniqueId &&
    one.priority === other.priority &&
    one.runAtMs === other.runAtMs &&
    one.attempts === other.attempts &&
    one.state === other.state &&
    one.reducer === other.reducer &&
    one.extra === other.extra &&
    Buffer.compare(one.payload, other.payload) === 0
  );
}

function recordsOf(bytes: Buffer): Stood[] {
  const header = decodeHeader(bytes, SEGMENT);
  if (header === undefined) throw new Error('the segment has no header');
  const records: Stood[] = [];
  const scanner = new RecordScanner(bytes, header, FIRST_RECORD_AT);
  for (let record = scanner.next(); record !== undefined; record = scanner.next()) {
    const { at, body } = record;
    const end = at + RECORD_HEADER_BYTES + body.length;
    let lastMeaning = end;
    while (bytes[lastMeaning - 1] === 0) lastMeaning--;
    records.push({ at, end, lastMeaning });
  }
  return records;
}

function anEntry(random: () => number, already: number): Entry {
  const dice = random();
  const some = 1 + Math.floor(random() * (already + 1));
  if (dice < 0.6 || already < 10) {
    const payload = Buffer.alloc(Math.floor(random() ** 2 * BIGGEST_PAYLOAD), already);
    const isRich = random() < 0.2;
    const rest = isRich ? { reducer: 'sum', runAtMs: 1_700_000_000_000 + already, extra: '{"a":1}' } : {};
    return { type: 'put', job: job(already + 1, { payload, ...rest }) };
  }
  if (dice < 0.75) {
    const state = random() < 0.5 ? 'waiting' : 'dead';
    return {
      type: 'change',
      change: { number: some, attempts: already, runAtMs: already, state, extra: 'x' },
    };
  }
  if (dice < 0.95) return { type: 'done', number: some };
  const value = random() < 0.3 ? undefined : String(already);
  return { type: 'setting', key: `limit-${some % 7}`, value };
}

function toBatch(entry: Entry): StoreBatch {
  switch (entry.type) {
    case 'put':
      return batch({ puts: [entry.job] });
    case 'change':
      return batch({ changes: [entry.change] });
    case 'done':
      return batch({ dones: [entry.number] });
    case 'setting':
      return batch({ settings: new Map([[entry.key, entry.value]]) });
  }
}

function apply(entry: Entry, jobs: Map<number, StoredJob>, settings: Map<string, string>): void {
  if (entry.type === 'put') jobs.set(entry.job.number, entry.job);
  else if (entry.type === 'done') jobs.delete(entry.number);
  else if (entry.type === 'change') {
    const before = jobs.get(entry.change.number);
    if (before !== undefined) jobs.set(before.number, { ...before, ...entry.change });
  } else if (entry.value === undefined) settings.delete(entry.key);
  else settings.set(entry.key, entry.value);
}

function textOf(settings: ReadonlyMap<string, string>): string {
  return [...settings]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join('\n');
}
