import type { JobStore, Server } from '@gearman/server';
import { actAs } from './become-user.ts';
import { EXIT, FatalError } from './exit-code.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';

/** The journal of `--data-dir`, or the database of `--store`; nothing without. */
export async function storeOf(
  { dataDir: directory, store: url }: Settings,
  { logger }: Log,
): Promise<JobStore | undefined> {
  // Loaded here because most servers do without.
  if (url !== undefined) return (await import('./postgres-settings.ts')).postgresStoreOf(url, logger);
  if (directory === undefined) return undefined;
  const { createJournal } = await import('@gearman/store-journal');
  return createJournal({ directory, logger });
}

/**
 * Opens the store of a server and says what was in it. Its files belong to the user that the process is going to be.
 *
 * @throws FatalError when it cannot be used
 */
export async function openStore(
  server: Server,
  { user, store: database }: Settings,
  log: Log,
): Promise<void> {
  try {
    await (user === undefined ? server.open() : actAs(user, () => server.open()));
  } catch (error) {
    if (error instanceof FatalError || !(error instanceof Error)) throw error;
    throw new FatalError(error.message, { exitCode: EXIT.store, cause: error });
  }
  const { store } = server.stats;
  if (store !== undefined) {
    const { name, restoredJobs: jobs, bytes } = store;
    const where = database === undefined ? 'on disk' : 'in the database';
    log.always({ store: name, jobs, bytes }, `background jobs are kept ${where}`);
  }
}
