import type { Logger } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import type { JobStore } from '@gearman/server';
import { createPostgresStore, type PostgresStoreOptions } from '@gearman/store-postgres';
import { EXIT, FatalError } from './exit-code.ts';

/** What the URL of `--store` may say besides what every PostgreSQL client knows. */
const OURS: Readonly<Record<string, (value: string) => Partial<PostgresStoreOptions>>> = {
  schema: (schema) => ({ schema }),
  lease_ms: (value) => ({ leaseMs: Number(value) }),
  wait_ms: (value) => ({ whenLost: { waitMs: Number(value) } }),
  statement_timeout_ms: (value) => ({ statementTimeoutMs: Number(value) }),
  allow_async: (value) => ({ allowAsync: value === '1' || value === 'true' }),
};

/** The store of `--store`. @throws FatalError when the URL cannot be understood */
export function postgresStoreOf(text: string, logger: Logger): JobStore {
  // It may hold a password, and so is in no message.
  if (!URL.canParse(text)) throw refused('no URL', undefined);
  const { url, options } = splitUrl(text);
  try {
    return createPostgresStore({ ...options, connection: url, logger });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw refused(error.message.replace(/^[^:]*: /, ''), error);
  }
}

function refused(reason: string, cause: Error | undefined): FatalError {
  const example = 'postgres://user@host:5432/database?schema=gearman';
  return new FatalError(`--store: ${reason}; write ${example}`, { exitCode: EXIT.usage, cause });
}

function splitUrl(text: string): { readonly url: string; readonly options: Partial<PostgresStoreOptions> } {
  const url = new URL(text);
  let options: Partial<PostgresStoreOptions> = {};
  for (const [name, read] of Object.entries(OURS)) {
    const value = url.searchParams.get(name);
    if (value === null) continue;
    url.searchParams.delete(name);
    options = { ...options, ...read(value) };
  }
  return { url: url.href, options };
}
