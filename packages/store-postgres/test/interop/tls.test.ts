import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../../../../test/support/certificates.ts';
import { PostgresCluster, withoutCluster } from '../../../../test/support/postgres-cluster.ts';
import { createPostgresStore, type PostgresConnection } from '../../src/index.ts';
import { batch, job, openedNumbers } from '../support/jobs.ts';

const authority = new Authority();
let cluster: PostgresCluster;

/** The database in parts, with these in place of others. */
function withParts(parts: PostgresConnection): PostgresConnection {
  const { hostname: host, port, username: user, password } = new URL(cluster.url);
  return { host, port: Number(port), user, password, database: 'postgres', ...parts };
}

async function openingFails(connection: PostgresConnection): Promise<unknown> {
  return createPostgresStore({ connection })
    .open()
    .catch((error: unknown) => error);
}

describe.skipIf(withoutCluster)('a database that wants TLS and a password', () => {
  beforeAll(async () => {
    cluster = await PostgresCluster.start(authority.issue());
  }, 60_000);
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('gets both, and shows a certificate that is checked', async () => {
    const connection = withParts({ tls: { ca: authority.cert }, password: async () => 'secret' });
    const store = createPostgresStore({ connection, schema: 'checked' });
    expect(await openedNumbers(store)).toEqual([]);
    expect((await store.commit(batch({ puts: [job(1)] }))).refused).toBeUndefined();
    await store.close();
    expect(await openedNumbers(store)).toEqual([1]);
    await store.close();
  });

  test.each<[what: string, parts: PostgresConnection, message: RegExp]>([
    ['a certificate of a stranger', { tls: true }, /certificate|self.signed|issuer/i],
    [
      'a wrong password',
      { tls: { ca: authority.cert }, password: 'wrong' },
      /password authentication failed/,
    ],
    ['plain text', { tls: false }, /no pg_hba\.conf entry .* no encryption/],
  ])('%s: is not used, and no password is told', async (_, parts, message) => {
    const error = await openingFails(withParts(parts));
    expect(error).toMatchObject({
      code: expect.stringMatching(/^ERR_GEARMAN_STORE_(AWAY|UNUSABLE)$/),
      message: expect.stringMatching(message),
    });
    expect(String(error)).not.toContain('secret');
  });
});
