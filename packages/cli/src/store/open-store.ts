import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Logger } from '@gearman/events';
import type { JobStore } from '@gearman/server';
import type { Journal } from '@gearman/store-journal';
import { type Command, Option } from 'commander';
import { becomeUser } from '../gearmand/become-user.ts';
import { EXIT, FatalError } from '../gearmand/exit-code.ts';
import { nonEmpty } from '../gearmand/values.ts';

/** What every command that opens a store takes. */
export interface StoreOptions {
  readonly user?: string;
}

/** Adds the options of commands that open a store. */
export function addStoreOptions(command: Command): Command {
  return command.addOption(
    new Option('-u, --user <name>', 'do it with the rights of this user, as gearmand --user does').argParser(
      nonEmpty,
    ),
  );
}

/**
 * Takes the rights that the files of a store should have: those of the user that was named. Call before anything is opened.
 *
 * @throws FatalError when root is about to leave files that the server of a directory, which runs as its owner, cannot write
 */
export async function takeRights(where: string, { user }: StoreOptions): Promise<void> {
  if (user !== undefined) becomeUser(user);
  else if (!isDatabase(where)) await refuseForeignDirectory(where);
}

/** The store of `--data-dir` or `--store`, not open yet; what is wrong with it goes to standard error. */
export async function storeAt(where: string, mustExist: boolean): Promise<JobStore> {
  const { logger } = new Complaints();
  if (!isDatabase(where)) return journalAt(where, mustExist, logger);
  return (await import('../gearmand/postgres-settings.ts')).postgresStoreOf(where, logger);
}

/** The journal of a directory, not open yet. @throws FatalError for a database */
export async function journalAt(directory: string, mustExist: boolean, logger: Logger): Promise<Journal> {
  refuseDatabase(directory);
  const { createJournal } = await import('@gearman/store-journal');
  return createJournal({ directory: resolve(directory), mustExist, logger });
}

/** @throws FatalError for a database: it has its own tools for what only a directory needs */
export function refuseDatabase(where: string): void {
  // It may hold a password, and so is in no message.
  if (isDatabase(where)) {
    throw new FatalError('this is for directories; a database is looked after by its own tools', {
      exitCode: EXIT.usage,
    });
  }
}

const isDatabase = (where: string): boolean => /^postgres(ql)?:/.test(where);

/** What fails in here means that the store cannot be used. */
export async function asStoreFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FatalError || !(error instanceof Error)) throw error;
    throw new FatalError(error.message, { exitCode: EXIT.store, cause: error });
  }
}

/** Says what a store complains about, and counts the errors. */
export class Complaints {
  errors = 0;
  readonly logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: (_fields, message) => this.#say(message),
    error: (fields, message) => {
      this.errors++;
      this.#say(`${message}${causeIn(fields)}`);
    },
  };

  #say(message: string): void {
    process.stderr.write(`gearmand: ${message}\n`);
  }
}

function causeIn(fields: object): string {
  const cause = 'error' in fields ? fields.error : undefined;
  return cause instanceof Error ? `: ${cause.message}` : '';
}

async function refuseForeignDirectory(directory: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await stat(directory).then(
    ({ uid }) => uid,
    () => 0,
  );
  if (owner === 0) return;
  throw new FatalError(
    `${directory} belongs to the user with id ${owner}: say --user, so that its server can write what is made there`,
    { exitCode: EXIT.store },
  );
}
