import { open, unlink, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { JobStore, StoreContent } from '@gearman/server';
import { Command } from 'commander';
import { EXIT, FatalError } from '../gearmand/exit-code.ts';
import { PROGRESS_SETTING } from './import-record.ts';
import { writeEnd, writeHead, writeJob, writeSetting } from './job-lines.ts';
import { addStoreOptions, asStoreFailure, type StoreOptions, storeAt, takeRights } from './open-store.ts';
import { countOf, Progress } from './progress.ts';

/** Lines go out in pieces of about this length. */
const PIECE_CHARACTERS = 0x1_0000;
const STANDARD_OUTPUT = '-';

const HELP = `
A line for each setting and each job, between a first line that says what it is and a last one
that says that nothing is missing. Names and payloads stand as text where they are printable
UTF-8, else in base64, as functionBase64, payloadBase64, and so on. "gearmand store import" reads
it. The jobs stay in the store.`;

/** `gearmand store export` */
export function exportCommand(): Command {
  return addStoreOptions(
    new Command('export')
      .description('write all jobs as JSON Lines')
      .argument('<store>', 'the directory of --data-dir, or the database of --store')
      .argument('[file]', 'which must not exist yet; - or nothing: standard output', STANDARD_OUTPUT),
  )
    .addHelpText('after', HELP)
    .action(exportJobs);
}

async function exportJobs(where: string, file: string, options: StoreOptions): Promise<void> {
  await takeRights(where, options);
  const target = file === STANDARD_OUTPUT ? undefined : await create(file);
  try {
    const store = await storeAt(where, true);
    const content = await asStoreFailure(() => store.open());
    const counter = { jobs: 0 };
    try {
      await writeAll(linesOf(store, content, new Date(), counter), target);
    } finally {
      await store.close();
    }
    await target?.sync();
    process.stderr.write(`gearmand: exported ${countOf(counter.jobs, 'job')} from ${store.name}\n`);
  } catch (error) {
    // Half an export is worth less than none: it looks like one.
    if (target !== undefined) await unlink(file);
    throw error;
  } finally {
    await target?.close();
  }
}

type Target = Awaited<ReturnType<typeof open>>;

/** Only for who exports: payloads may be secret. */
async function create(file: string): Promise<Target> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new FatalError(`the export cannot be written: ${text}`, { exitCode: EXIT.runtime, cause: error });
  }
}

async function writeAll(pieces: AsyncIterable<string>, target: Target | undefined): Promise<void> {
  if (target === undefined) await pipeline(pieces, process.stdout, { end: false });
  else await writeFile(target, pieces);
}

async function* linesOf(
  store: JobStore,
  { jobs, settings, lastNumber }: StoreContent,
  now: Date,
  counter: { jobs: number },
): AsyncGenerator<string, void> {
  const progress = new Progress('jobs');
  let piece = writeHead({ from: store.name, exportedAt: now.toISOString(), lastNumber });
  for (const [key, value] of settings) if (key !== PROGRESS_SETTING) piece += writeSetting(key, value);
  for await (const job of jobs) {
    piece += writeJob(job);
    counter.jobs++;
    // Some stores count what they have only while they are read.
    progress.show(counter.jobs, Math.max(counter.jobs, store.usage().jobs));
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  progress.end();
  yield piece + writeEnd();
}
