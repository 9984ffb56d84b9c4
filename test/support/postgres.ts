import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';

/** The database for tests: `GEARMAN_POSTGRES_URL`, else what listens on this machine. */
export const POSTGRES_URL =
  process.env['GEARMAN_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test?connect_timeout=2';

/**
 * True when there is no database. Skipped tests are complained about at the end of the run; with GEARMAN_REQUIRE_INTEROP=1
 * they run and fail.
 */
export const withoutPostgres = !(await answers()) && process.env['GEARMAN_REQUIRE_INTEROP'] !== '1';

async function answers(): Promise<boolean> {
  try {
    await withClient(POSTGRES_URL, (client) => client.query('select 1'));
    return true;
  } catch {
    return false;
  }
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Asks the database something, behind the back of the store. */
export function ask<R extends object>(
  text: string,
  values: unknown[] = [],
  url = POSTGRES_URL,
): Promise<R[]> {
  return withClient(url, async (client) => (await client.query<R>(text, values)).rows);
}

/** The name of a schema of the test's own, which is gone afterwards. */
export function testSchema(url = POSTGRES_URL): { readonly name: string; drop(): Promise<void> } {
  const name = `gearman test ${randomBytes(6).toString('hex')}`;
  return {
    name,
    async drop() {
      await ask(`drop schema if exists ${escapeIdentifier(name)} cascade`, [], url);
    },
  };
}
