import { randomBytes } from 'node:crypto';
import { silentLogger } from '@gearman/events';
import { escapeIdentifier } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, POSTGRES_URL, withoutPostgres } from '../../../../test/support/postgres.ts';
import { createPostgresStore, type PostgresStoreOptions } from '../../src/index.ts';
import { batch, job, openedNumbers } from '../support/jobs.ts';
import { Place } from '../support/place.ts';

/** The address of the tests' database, with another user, database or port. */
function urlWith(changes: { username?: string; pathname?: string; port?: string; search?: string }): string {
  const url = new URL(POSTGRES_URL);
  Object.assign(url, changes);
  return url.href;
}

async function openingFails(options: PostgresStoreOptions): Promise<unknown> {
  const store = createPostgresStore(options);
  try {
    await store.open();
  } catch (error) {
    return error;
  } finally {
    await store.close();
  }
  return undefined;
}

/** A user who may log in, and no more. */
async function newUser(): Promise<string> {
  const name = `gearman_test_${randomBytes(6).toString('hex')}`;
  await ask(`create role ${name} login`);
  onTestFinished(async () => {
    await ask(`drop owned by ${name}`);
    await ask(`drop role ${name}`);
  });
  return name;
}

describe.skipIf(withoutPostgres)('opening the store in PostgreSQL', () => {
  test('where nothing listens is refused, and may be tried again', async () => {
    expect(await openingFails({ connection: urlWith({ port: '1' }) })).toMatchObject({
      code: 'ERR_GEARMAN_STORE_AWAY',
      message: expect.stringMatching(/^postgres .*:1\/\w+ gearman cannot be reached: connect ECONNREFUSED/),
    });
  });

  test.each([
    [
      'a database that is not there',
      { pathname: '/not-there' },
      /database "not-there" does not exist; create it/,
    ],
    ['a user who is not there', { username: 'nobody-here' }, /role "nobody-here" does not exist; check user/],
  ])('with %s is refused', async (_, changes, message) => {
    expect(await openingFails({ connection: urlWith(changes) })).toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringMatching(message),
    });
  });

  test('without the right to make tables is refused; tables that are there are enough', async () => {
    const place = new Place();
    const username = await newUser();
    const connection = urlWith({ username });
    expect(await openingFails({ connection, schema: place.schema })).toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringMatching(/permission denied for database \w+; grant the right/),
    });

    const { store: admin } = await place.store();
    await admin.open();
    await admin.close();
    await place.ask(`grant usage on schema ${place.quoted} to ${username}`);
    await place.ask(
      `grant select, insert, update, delete on all tables in schema ${place.quoted} to ${username}`,
    );
    await place.ask(`grant select, update on all sequences in schema ${place.quoted} to ${username}`);
    const theirs = createPostgresStore({ connection, schema: place.schema });
    await theirs.open();
    expect((await theirs.commit(batch({ puts: [job(1)] }))).refused).toBeUndefined();
    await theirs.close();
    expect(await place.numbers()).toEqual([1]);
  });

  test('refuses a schema with tables of somebody else, and touches none', async () => {
    const place = new Place();
    await place.ask(`create schema ${place.quoted}`);
    await place.ask(`create table ${place.quoted}.holiday (photo bytea)`);
    expect(await openingFails({ connection: POSTGRES_URL, schema: place.schema })).toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringContaining('is not a store: it holds holiday'),
    });
    const tables = await place.ask('select from pg_tables where schemaname = $1', [place.schema]);
    expect(tables).toHaveLength(1);
  });

  test('refuses tables of a later version, and changes none', async () => {
    const place = new Place();
    const { store } = await place.store();
    await store.open();
    await store.close();
    await place.ask(`update ${place.quoted}.version set version = 99`);
    await expect(store.open()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_VERSION',
      message: expect.stringContaining('has format 99, and this version reads up to 1'),
    });
    expect(await place.ask(`select version from ${place.quoted}.version`)).toEqual([{ version: 99 }]);
  });

  test('refuses a database that confirms what it has not written, unless that may be', async () => {
    const place = new Place();
    const connection = urlWith({ search: '?options=-c%20synchronous_commit%3Doff' });
    expect(await openingFails({ connection, schema: place.schema })).toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringContaining('as synchronous_commit is off: a crash loses acknowledged jobs'),
    });
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
    expect(
      await openingFails({ connection, schema: place.schema, allowAsync: true, logger }),
    ).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('synchronous_commit is off')]);
  });

  test('by several at once makes the tables once, and lets one of them in', async () => {
    const place = new Place();
    const stores = await Promise.all(Array.from({ length: 4 }, () => place.store({ leaseMs: 1000 })));
    const outcomes = await Promise.allSettled(stores.map(({ store }) => store.open()));
    const codes = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'open' : (outcome.reason as { code: string }).code,
    );
    expect(codes.sort()).toEqual([...Array(3).fill('ERR_GEARMAN_STORE_LOCKED'), 'open']);
  });

  test('takes any name of a schema for a name', async () => {
    const schema = `it's; drop table "users" -- ${randomBytes(4).toString('hex')}`;
    onTestFinished(async () => {
      await ask(`drop schema if exists ${escapeIdentifier(schema)} cascade`);
    });
    const store = createPostgresStore({ connection: POSTGRES_URL, schema });
    expect(await openedNumbers(store)).toEqual([]);
    await store.commit(batch({ puts: [job(1)] }));
    await store.close();
    expect(await openedNumbers(store)).toEqual([1]);
    await store.close();
  });
});

describe.skipIf(withoutPostgres)('the store in PostgreSQL', () => {
  test('takes batches of any size, and gives back what it took', async () => {
    const place = new Place();
    const { store } = await place.store();
    await store.open();
    const small = Array.from({ length: 25_000 }, (_, i) => job(i + 1));
    const large = Array.from({ length: 5 }, (_, i) =>
      job(30_000 + i, { payload: Buffer.alloc(5_000_000, String(i)) }),
    );
    expect((await store.commit(batch({ puts: [...small, ...large] }))).refused).toBeUndefined();
    expect(store.usage().jobs).toBe(25_005);
    const [last, first] = await store.read([30_004, 1, 99_999]);
    expect([first?.number, last?.number]).toEqual([1, 30_004]);
    expect(Buffer.from(last?.payload ?? []).equals(Buffer.alloc(5_000_000, '4'))).toBe(true);
    await store.commit(batch({ dones: small.map(({ number }) => number) }));
    await store.close();
    expect(await openedNumbers(store)).toEqual(large.map(({ number }) => number));
    await store.close();
  });

  test('refuses a payload that no row can hold, and goes on', async () => {
    const place = new Place();
    const { store } = await place.store();
    await store.open();
    await store.commit(batch({ puts: [job(1)] }));
    const payload = Buffer.alloc(128 * 1024 * 1024 + 1);
    const { refused } = await store.commit(batch({ puts: [job(2, { payload })], dones: [1] }));
    expect(refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_FULL' });
    expect(await place.numbers()).toEqual([]);
    expect((await store.commit(batch({ puts: [job(3)] }))).refused).toBeUndefined();
    expect(store.usage()).toMatchObject({ jobs: 1, full: undefined });
  });

  test('says what the database says when that refuses, and records ends all the same', async () => {
    const place = new Place();
    const { store } = await place.store();
    await store.open();
    await store.commit(batch({ puts: [job(1), job(2)] }));
    await place.ask(`alter table ${place.quoted}.job add constraint no_more check (id < 3)`);
    const { refused } = await store.commit(batch({ puts: [job(3)], dones: [1] }));
    expect(refused).toMatchObject({
      code: 'ERR_GEARMAN_STORE_FULL',
      message: expect.stringContaining('violates check constraint "no_more"'),
    });
    expect(store.usage().full).toBe(refused);
    expect(await place.numbers()).toEqual([2]);
    await place.ask(`alter table ${place.quoted}.job drop constraint no_more`);
    expect((await store.commit(batch({ puts: [job(4)] }))).refused).toBeUndefined();
    expect(await place.numbers()).toEqual([2, 4]);
  });

  test('shows its jobs to people', async () => {
    const place = new Place();
    const { store } = await place.store();
    await store.open();
    await store.commit(batch({ puts: [job(1, { runAtMs: 1_700_000_000_000 })] }));
    expect(await place.ask(`select * from ${place.quoted}.jobs`)).toEqual([
      {
        id: '1',
        function: 'resize',
        unique_id: 'id-1',
        priority: 1,
        run_at: new Date(1_700_000_000_000),
        attempts: '0',
        state: 'waiting',
        payload_bytes: 12,
      },
    ]);
  });
});
