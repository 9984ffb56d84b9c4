import { open } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { nonEmpty } from '../gearmand/values.ts';
import { type ImportResult, importJobs } from './import-jobs.ts';
import { type JobSource, sourceError } from './job-source.ts';
import { openLineFile, openLineInput } from './line-file.ts';
import { addStoreOptions, type StoreOptions, storeAt, takeRights } from './open-store.ts';
import { counted, countOf, Progress } from './progress.ts';
import { GEARMAND_TABLE, openSqliteQueue, SQLITE_MAGIC } from './sqlite-file.ts';

interface ImportOptions extends StoreOptions {
  readonly skipBad?: true;
  readonly force?: true;
  readonly table: string;
}

const STANDARD_INPUT = '-';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const HELP = `
The file is what "gearmand store export" wrote, or the sqlite3 queue of a gearmand that has ended,
in order or not; it stays as it is. A store that is new gets jobs with the numbers they had, and
so with their handles; in any other they are numbered behind the jobs that are there. Every job
comes over as one of its own, also where unique ids are empty or the same.

Either all jobs are imported or, when one of them cannot be understood, none. An import that was
interrupted goes on where it was when it is started again; one that is complete is not done twice.`;

/** `gearmand store import` */
export function importCommand(): Command {
  return addStoreOptions(
    new Command('import')
      .description('take jobs from an export, or from the sqlite3 queue of gearmand')
      .argument(
        '<store>',
        'the directory of --data-dir, or the database of --store; made when it is not there',
      )
      .argument('<file>', 'where the jobs are; -: standard input, not for sqlite3')
      .option('--skip-bad', 'leave out what cannot be understood, and import the rest')
      .option('--force', 'import a file once more, or although an import of another one is not complete')
      .addOption(
        new Option('--table <name>', 'in a sqlite3 queue').argParser(nonEmpty).default(GEARMAND_TABLE),
      ),
  )
    .addHelpText('after', HELP)
    .action(runImport);
}

async function runImport(where: string, file: string, options: ImportOptions): Promise<void> {
  await takeRights(where, options);
  const source = await openSource(file, options.table);
  const progress = new Progress('jobs');
  // So that nothing is left behind: neither a lock nor a copy of the file.
  const interrupted = new AbortController();
  const stop = (): void => interrupted.abort();
  for (const name of SIGNALS) process.once(name, stop);
  try {
    const result = await importJobs(() => storeAt(where, false), source, {
      skipBad: options.skipBad === true,
      force: options.force === true,
      onProgress: (done, of) => progress.show(done, of),
      signal: interrupted.signal,
    });
    progress.end();
    process.stdout.write(describe(source, result));
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
    progress.end();
    await source.close();
  }
}

async function openSource(file: string, table: string): Promise<JobSource> {
  if (file === STANDARD_INPUT) return openLineInput(process.stdin);
  return (await beginsWith(file, SQLITE_MAGIC)) ? openSqliteQueue(file, table) : openLineFile(file);
}

async function beginsWith(file: string, magic: string): Promise<boolean> {
  try {
    await using handle = await open(file, 'r');
    const { buffer } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.toString('latin1') === magic;
  } catch (error) {
    throw sourceError(
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

function describe(source: JobSource, result: ImportResult): string {
  const { store, jobs, before, survey, keepsNumbers } = result;
  const { bad, problems } = survey;
  const skipped = bad === 0 ? [] : [`left out ${counted(bad)} that cannot be understood`, ...problems];
  const handles = keepsNumbers ? 'under their handles' : 'under new handles';
  const first = before > 0 ? `; ${counted(before)} were there already` : '';
  const what =
    before === jobs && jobs > 0
      ? `nothing to do: ${countOf(jobs, 'job')} of ${source.name} came into ${store} before`
      : `imported ${countOf(jobs - before, 'job')} of ${source.name} into ${store}, ${handles}${first}`;
  return `${[what, ...skipped].join('\n')}\n`;
}
