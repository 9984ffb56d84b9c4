import { Client, escapeIdentifier } from 'pg';

/** A database, in which schemas and tables are made, and dropped. */
export const DATABASE = process.env['GEARMAN_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test';

/** Whether there is one; says so when there is none. */
export async function hasDatabase(): Promise<boolean> {
  try {
    await ask('select 1');
    return true;
  } catch (error) {
    process.stderr.write(`SKIPPED: no PostgreSQL at ${DATABASE}: ${String(error)}\n`);
    return false;
  }
}

/** Gives a name for a schema or a table, and drops what is called so afterwards. */
export async function inDatabase<T>(
  what: 'schema' | 'table',
  work: (name: string) => Promise<T>,
): Promise<T> {
  const name = `gearman_bench_${process.pid}`;
  try {
    return await work(name);
  } finally {
    await ask(`drop ${what} if exists ${escapeIdentifier(name)} cascade`);
  }
}

async function ask(text: string): Promise<void> {
  const client = new Client({ connectionString: DATABASE });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
