import { escapeIdentifier } from 'pg';
import type { Connection } from './connection.ts';
import { StoreUnusableError, StoreVersionError } from './errors.ts';
import { ALONE } from './sql.ts';

/**
 * What each version of the tables adds to the one before. Names, ids and JSON are bytes, so that no encoding of a database
 * can refuse or change them.
 */
const MIGRATIONS: readonly ((schema: string) => readonly string[])[] = [
  (to) => [
    // Who has the store: its fence rises with every connection, its lease ends by the clock of the database.
    `create table ${to}.node (
      id bigint generated always as identity primary key,
      holder text not null,
      name text not null,
      session text not null,
      fence bigint not null,
      started timestamptz not null default clock_timestamp(),
      expires timestamptz not null
    )`,
    // No foreign key: it would look the owner up for every row, and a statement has done that once already.
    `create table ${to}.job (
      id bigint primary key,
      owner bigint not null,
      fn bytea not null,
      uniq bytea not null,
      priority smallint not null,
      run_at_ms double precision not null,
      attempts bigint not null,
      state bytea not null,
      reducer bytea,
      extra bytea not null,
      payload bytea not null
    ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`,
    `create table ${to}.setting (key bytea primary key, value bytea not null)`,
    // A sequence, as a row that every batch changes would leave behind a dead one each time.
    `create sequence ${to}.last_number`,
    // For people: the rows in words.
    `create view ${to}.jobs as
      select id, convert_from(fn, 'LATIN1') as function, convert_from(uniq, 'LATIN1') as unique_id, priority,
        case when run_at_ms > 0 then to_timestamp(run_at_ms / 1000) end as run_at, attempts,
        convert_from(state, 'UTF8') as state, octet_length(payload) as payload_bytes
      from ${to}.job`,
  ],
];

/** Makes the tables, or brings them up to date. */
export async function migrate(connection: Connection, schema: string, store: string): Promise<void> {
  if ((await versionOf(connection, schema)) === MIGRATIONS.length) return;
  await connection.transaction(async () => {
    await connection.rows(ALONE, [schema]);
    const version = await versionOf(connection, schema);
    if (version > MIGRATIONS.length) throw new StoreVersionError(store, version, MIGRATIONS.length);
    const to = escapeIdentifier(schema);
    if (version === 0) await begin(connection, schema, store);
    for (const migration of MIGRATIONS.slice(version)) {
      for (const text of migration(to)) await connection.rows({ text });
    }
    await connection.rows({ text: `update ${to}.version set version = $1` }, [MIGRATIONS.length]);
  });
}

async function begin(connection: Connection, schema: string, store: string): Promise<void> {
  const to = escapeIdentifier(schema);
  const tables = await connection.rows<{ name: string }>(
    { text: 'select tablename as name from pg_tables where schemaname = $1 order by 1 limit 3' },
    [schema],
  );
  if (tables.length > 0) {
    const names = tables.map(({ name }) => name).join(', ');
    throw new StoreUnusableError(`${store} is not a store: it holds ${names}; give it a schema of its own`);
  }
  const there = await connection.rows({ text: 'select from pg_namespace where nspname = $1' }, [schema]);
  // Not `if not exists`, which asks for the right to make it even if it is there.
  if (there.length === 0) await connection.rows({ text: `create schema ${to}` });
  await connection.rows({ text: `create table ${to}.version (version int not null)` });
  await connection.rows({ text: `insert into ${to}.version values (0)` });
}

/** 0 when there is nothing. */
async function versionOf(connection: Connection, schema: string): Promise<number> {
  const to = escapeIdentifier(schema);
  // Not `to_regclass`, which may remember that there was none before we waited for whoever has made it meanwhile.
  const found = await connection.rows(
    { text: "select from pg_tables where schemaname = $1 and tablename = 'version'" },
    [schema],
  );
  if (found.length === 0) return 0;
  const [row] = await connection.rows<{ version: number }>({ text: `select version from ${to}.version` });
  return row?.version ?? 0;
}
