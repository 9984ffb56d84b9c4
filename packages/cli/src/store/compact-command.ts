import type { StoreUsage } from '@gearman/server';
import type { Journal } from '@gearman/store-journal';
import { Command } from 'commander';
import { EXIT } from '../gearmand/exit-code.ts';
import {
  addStoreOptions,
  asStoreFailure,
  Complaints,
  journalAt,
  type StoreOptions,
  takeRights,
} from './open-store.ts';
import { counted, countOf, Progress } from './progress.ts';

const LOOK_EVERY_MS = 100;

const HELP = `
A server does this by itself while it runs, once half of its files is waste. Opening a damaged
store repairs it, here as there: copies of damaged files stay as damaged-*, and what can be read
moves to new files.`;

/** `gearmand store compact` */
export function compactCommand(): Command {
  return addStoreOptions(
    new Command('compact')
      .description('give back the space of jobs that are over')
      .argument('<directory>', 'the one of --data-dir'),
  )
    .addHelpText('after', HELP)
    .action(compact);
}

async function compact(directory: string, options: StoreOptions): Promise<void> {
  const complaints = new Complaints();
  await takeRights(directory, options);
  const journal = await journalAt(directory, true, complaints.logger);
  await asStoreFailure(() => journal.open());
  const before = journal.usage();
  complaints.errors = 0;
  let after: StoreUsage;
  try {
    await compactWithProgress(journal, before);
    after = journal.usage();
  } finally {
    await journal.close();
  }
  const { jobs, liveBytes, bytes } = after;
  process.stdout.write(
    `${journal.name}: ${counted(before.bytes)} bytes before, ${counted(bytes)} now, for ${countOf(jobs, 'job')} of ${counted(liveBytes)} bytes\n`,
  );
  if (complaints.errors > 0) process.exitCode = EXIT.runtime;
}

async function compactWithProgress(journal: Journal, before: StoreUsage): Promise<void> {
  const progress = new Progress('bytes freed');
  const timer = setInterval(
    () => progress.show(before.bytes - journal.usage().bytes, before.bytes - before.liveBytes),
    LOOK_EVERY_MS,
  );
  try {
    await journal.compact();
  } finally {
    clearInterval(timer);
    progress.end();
  }
}
