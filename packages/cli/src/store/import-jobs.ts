import { HANDLE_SETTINGS, type JobStore, type StoreContent, type StoredJob } from '@gearman/server';
import { EXIT, FatalError } from '../gearmand/exit-code.ts';
import { type ImportRecord, PROGRESS_SETTING, readRecord, writeRecord } from './import-record.ts';
import type { JobSource } from './job-source.ts';
import { asStoreFailure } from './open-store.ts';
import { type Survey, survey } from './survey.ts';

/** How jobs are imported. */
export interface ImportOptions {
  /** Leave out what cannot be understood, instead of importing nothing. */
  readonly skipBad: boolean;
  /** Import the file although it has been imported, or another one only in part. */
  readonly force: boolean;
  readonly onProgress: (done: number, of: number) => void;
  /** Ends it behind the commit that is under way. */
  readonly signal?: AbortSignal;
}

/** What an import did. */
export interface ImportResult {
  /** The name of the store. */
  readonly store: string;
  readonly jobs: number;
  /** How many of them were there already, from a run that was interrupted. */
  readonly before: number;
  readonly survey: Survey;
  /** Whether jobs have the numbers, and so the handles, that they had. */
  readonly keepsNumbers: boolean;
}

const BATCH_JOBS = 1000;
const BATCH_BYTES = 4 * 0x10_0000;

/**
 * Puts jobs from elsewhere into a store: all of them, or none when one cannot be understood. When it is interrupted, doing
 * it again goes on where it was: each commit says how far it came.
 *
 * @throws FatalError with a sentence for the user
 */
export async function importJobs(
  openStore: () => Promise<JobStore>,
  source: JobSource,
  options: ImportOptions,
): Promise<ImportResult> {
  // Before the store is opened: a file that is no good does not make one.
  const found = await survey(source);
  if (found.bad > 0 && !options.skipBad) throw badEntries(source, found);
  const store = await openStore();
  try {
    return await run(store, await asStoreFailure(() => store.open()), source, found, options);
  } finally {
    await store.close();
  }
}

async function run(
  store: JobStore,
  content: StoreContent,
  source: JobSource,
  found: Survey,
  options: ImportOptions,
): Promise<ImportResult> {
  const last = options.force ? undefined : readRecord(content.settings.get(PROGRESS_SETTING));
  if (last !== undefined && last.file !== source.fingerprint && last.done < last.jobs) {
    throw refusal(
      `an import of another file stopped after ${last.done} of ${last.jobs} jobs; finish that one, or say --force`,
    );
  }
  const goesOn = last !== undefined && last.file === source.fingerprint;
  const record = goesOn ? last : newRecord(content, source, found);
  if (!goesOn) await commit(store, [], settingsFor(content, source, found, record), record);
  await putJobs(store, source, record, options);
  return {
    store: store.name,
    jobs: record.jobs,
    before: record.done,
    survey: found,
    keepsNumbers: record.keepsNumbers,
  };
}

/** What an import that begins now is going to do. */
function newRecord({ settings, lastNumber }: StoreContent, source: JobSource, found: Survey): ImportRecord {
  const isNew = lastNumber === 0 && !settings.has(HANDLE_SETTINGS.numbers);
  return {
    file: source.fingerprint,
    jobs: found.jobs,
    done: 0,
    keepsNumbers: isNew && found.hasNumbers,
    base: Math.max(lastNumber, Number(settings.get(HANDLE_SETTINGS.numbers) ?? 0)),
  };
}

/** Settings of the file that the store takes: what it has of its own stays. */
function settingsFor(
  content: StoreContent,
  source: JobSource,
  found: Survey,
  record: ImportRecord,
): Map<string, string> {
  const { prefix, numbers } = HANDLE_SETTINGS;
  const settings = new Map<string, string>();
  for (const [key, value] of found.settings) {
    const isOfHandles = key === prefix || key === numbers;
    if (isOfHandles ? record.keepsNumbers : !content.settings.has(key)) settings.set(key, value);
  }
  // Set aside at once, so that a server that runs between two halves of an import gives them to nobody else.
  const largest = record.keepsNumbers
    ? Math.max(found.largestNumber, source.lastNumber, Number(settings.get(numbers) ?? 0))
    : record.base + record.jobs;
  settings.set(numbers, String(largest));
  return settings;
}

async function putJobs(
  store: JobStore,
  source: JobSource,
  record: ImportRecord,
  { onProgress, signal }: ImportOptions,
): Promise<void> {
  let puts: StoredJob[] = [];
  let bytes = 0;
  let done = 0;
  const flush = async (): Promise<void> => {
    await commit(store, puts, new Map(), { ...record, done });
    onProgress(done, record.jobs);
    if (signal?.aborted === true && done < record.jobs) throw stopped('interrupted', done, record);
    puts = [];
    bytes = 0;
  };
  for await (const entry of source.entries()) {
    if (entry.is !== 'job' || ++done <= record.done) continue;
    const { job } = entry;
    const number = record.keepsNumbers && job.number !== undefined ? job.number : record.base + done;
    puts.push({ ...job, number });
    bytes += job.payload.length;
    if (puts.length >= BATCH_JOBS || bytes >= BATCH_BYTES) await flush();
  }
  if (puts.length > 0) await flush();
}

async function commit(
  store: JobStore,
  puts: readonly StoredJob[],
  settings: Map<string, string>,
  record: ImportRecord,
): Promise<void> {
  settings.set(PROGRESS_SETTING, writeRecord(record));
  const { refused } = await store.commit({ puts, changes: [], dones: [], settings });
  if (refused === undefined) return;
  throw stopped(refused.message, record.done - puts.length, record, refused);
}

function stopped(why: string, done: number, { jobs }: ImportRecord, cause?: Error): FatalError {
  return refusal(
    `${why}; ${done} of ${jobs} jobs are imported, and the same command goes on from there`,
    cause,
  );
}

function badEntries(source: JobSource, { bad, problems }: Survey): FatalError {
  const more = bad > problems.length ? [`… and ${bad - problems.length} more`] : [];
  const what = `${source.name}: nothing is imported, as ${bad === 1 ? 'one entry is' : `${bad} entries are`} wrong;`;
  return refusal([`${what} --skip-bad imports the others`, ...problems, ...more].join('\n'));
}

function refusal(message: string, cause?: unknown): FatalError {
  return new FatalError(message, { exitCode: EXIT.runtime, cause });
}
