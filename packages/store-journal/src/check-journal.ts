import { join } from 'node:path';
import { findHolder, silentLogger } from '@gearman/events';
import { Catalogue } from './catalogue.ts';
import type { Disk } from './disk.ts';
import { dryDisk } from './dry-disk.ts';
import { asStoreError, StoreLockedError } from './errors.ts';
import { listJournal, noJournalIn } from './journal-files.ts';
import { type JournalOptions, parseJournalOptions } from './options.ts';
import { PayloadFiles } from './payload-files.ts';
import { Recovery, type RecoveryReport } from './recovery.ts';

/** Options of {@link checkJournal}. */
export interface CheckJournalOptions extends Pick<JournalOptions, 'directory' | 'disk'> {
  /** Told after each file of records how many have been read, and how many there are. */
  readonly onProgress?: (read: number, files: number) => void;
}

/** What {@link checkJournal} found. */
export interface JournalCheck {
  readonly directory: string;
  /** Files with records, files that wait to become such, and files of large payloads. */
  readonly segments: number;
  readonly spareFiles: number;
  readonly payloadFiles: number;
  /** Names of copies of damaged files, which earlier openings have kept. */
  readonly damagedCopies: readonly string[];
  /** What all these files take, in bytes; and what the records of live jobs take. */
  readonly bytes: number;
  readonly liveBytes: number;
  /** Jobs that are put and not done. */
  readonly jobs: number;
  /** The largest number that a job ever had. */
  readonly lastNumber: number;
  readonly settings: ReadonlyMap<string, string>;
  /** True when the process that used it last ended in order. */
  readonly wasClosed: boolean;
  /** What opening it would report, and large payloads with wrong bytes, which opening it does not read. */
  readonly report: RecoveryReport;
  /**
   * False when something is missing that was written. After a crash the last write may be cut off: nobody was told that it
   * was durable. In a journal that was closed in order that is damage.
   */
  readonly isClean: boolean;
}

/**
 * Reads a journal as opening it would, large payloads as well, and changes nothing, not even its lock: that needs no right to write.
 *
 * Rejects with `ERR_GEARMAN_STORE_LOCKED` while a process uses it, also when one begins to meanwhile;
 * `ERR_GEARMAN_STORE_UNUSABLE` when there is no journal, or it cannot be read; `ERR_GEARMAN_STORE_VERSION` for one of a later
 * version.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function checkJournal(options: CheckJournalOptions): Promise<JournalCheck> {
  const { onProgress, ...rest } = options;
  const { directory, disk } = parseJournalOptions(rest);
  return check(directory, dryDisk(disk), onProgress);
}

type OnProgress = CheckJournalOptions['onProgress'];

async function check(directory: string, disk: Disk, onProgress: OnProgress): Promise<JournalCheck> {
  const wasClosed = await refuseIfUsed(directory);
  try {
    return await read(directory, disk, wasClosed, onProgress);
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    // What was read while somebody wrote is worth nothing, a complaint about it neither.
    await refuseIfUsed(directory);
  }
}

/** Returns whether nobody left a lock. */
async function refuseIfUsed(directory: string): Promise<boolean> {
  const holder = await findHolder(directory);
  if (holder?.isAlive === true) throw new StoreLockedError(directory, holder.name);
  return holder === undefined;
}

async function read(
  directory: string,
  disk: Disk,
  wasClosed: boolean,
  onProgress: OnProgress,
): Promise<JournalCheck> {
  const { segments, spares, damagedCopies } = await listJournal(disk, directory);
  if (segments.length + spares.length === 0) throw noJournalIn(directory);
  const catalogue = new Catalogue();
  const recovery = new Recovery({
    ...{ disk, directory, catalogue },
    logger: silentLogger,
    strict: false,
    afterCrash: !wasClosed,
  });
  try {
    await recovery.read(segments, (files) => onProgress?.(files, segments.length));
  } finally {
    for (const { file } of catalogue.segments.values()) await file.close();
  }
  const payloads = new PayloadFiles(disk, directory);
  await payloads.open(() => true);
  for (const lost of await payloads.lost(catalogue.largeJobs, true)) recovery.dropJob(lost);
  const payloadNames = await disk.list(join(directory, 'payloads')).catch(() => []);
  const names = [
    ...segments,
    ...spares,
    ...damagedCopies,
    ...payloadNames.map((name) => join('payloads', name)),
  ];
  const { report } = recovery;
  const lost = report.missingRecords + report.damagedSegments + report.missingPayloads;
  return {
    directory,
    segments: segments.length,
    spareFiles: spares.length,
    payloadFiles: payloadNames.length,
    damagedCopies,
    bytes: await sizeOf(disk, directory, names),
    liveBytes: catalogue.liveBytes,
    jobs: catalogue.jobCount,
    lastNumber: catalogue.lastNumber,
    settings: catalogue.settings,
    wasClosed,
    report,
    isClean: lost === 0 && !(report.wasCutOff && wasClosed),
  };
}

async function sizeOf(disk: Disk, directory: string, names: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const name of names) {
    const file = await disk.open(join(directory, name), 'read');
    try {
      bytes += await file.size();
    } finally {
      await file.close();
    }
  }
  return bytes;
}
