import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'node-sqlite3-wasm';
import sqlite from 'node-sqlite3-wasm';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../../src/store/job-source.ts';
import { openSqliteQueue } from '../../../src/store/sqlite-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const TABLE =
  'CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB, when_to_run INTEGER, PRIMARY KEY (unique_key, function_name))';
const INSERT = 'INSERT INTO gearman_queue VALUES (CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Makes a database as a test wants it; copied away when `leave` says so, as a crash would leave it. */
function database(fill: (db: Database, leave: () => void) => void): string {
  const folder = temporaryFolder();
  const path = join(folder, 'queue.db');
  const copy = join(temporaryFolder(), 'left');
  let hasLeft = false;
  const db = new sqlite.Database(path);
  try {
    fill(db, () => {
      hasLeft = true;
      cpSync(folder, copy, { recursive: true, filter: (name) => !name.endsWith('.lock') });
    });
  } finally {
    db.close();
  }
  return hasLeft ? join(copy, 'queue.db') : path;
}

/** Two hundred jobs, in one transaction. */
function fillWith(db: Database, payload: Uint8Array): void {
  db.exec('BEGIN');
  for (let i = 0; i < 200; i++) db.run(INSERT, [bytes(`${i}`), bytes('f'), 1, payload, 0]);
  db.exec('COMMIT');
}

async function read(path: string, table = 'gearman_queue'): Promise<Entry[]> {
  const source = await openSqliteQueue(path, table);
  try {
    const once: Entry[] = [];
    for await (const entry of source.entries()) once.push(entry);
    // It is read twice: before anything is imported, and then.
    const twice: Entry[] = [];
    for await (const entry of source.entries()) twice.push(entry);
    expect(twice).toEqual(once);
    return once;
  } finally {
    await source.close();
  }
}

const copiesLeft = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('gearman-import-'));

describe('the sqlite3 queue of gearmand', () => {
  test('gives every row as a job, in the order of the submits', async () => {
    const path = database((db) => {
      db.exec(TABLE);
      db.run(INSERT, [bytes('u\u00ff'), bytes('caf\u00e9'), 0, Buffer.from([0, 1, 255]), 0]);
      db.run(INSERT, [bytes(''), bytes('f'), 1, Buffer.from('x'), 4_000_000_000]);
      // How gearmand keeps an empty payload; with such a row it does not start again itself.
      db.run(INSERT, [bytes('-'), bytes('f'), 2, null, 0]);
      db.run(INSERT, [bytes(`${'u'.repeat(63)}\0`), bytes("o'brien"), 1, Buffer.from('y'), null]);
    });
    const before = copiesLeft();
    const plain = { number: undefined, attempts: 0, state: 'waiting', reducer: undefined, extra: '' };
    const found = (await read(path)).map((entry) => (entry.is === 'job' ? entry.job : entry));
    expect(found).toEqual([
      {
        ...plain,
        functionName: 'caf\u00e9',
        uniqueId: 'u\u00ff',
        priority: 0,
        runAtMs: 0,
        payload: Uint8Array.of(0, 1, 255),
      },
      {
        ...plain,
        functionName: 'f',
        uniqueId: '',
        priority: 1,
        runAtMs: 4e12,
        payload: new Uint8Array(bytes('x')),
      },
      { ...plain, functionName: 'f', uniqueId: '-', priority: 2, runAtMs: 0, payload: new Uint8Array(0) },
      {
        ...plain,
        functionName: "o'brien",
        uniqueId: 'u'.repeat(63),
        priority: 1,
        runAtMs: 0,
        payload: new Uint8Array(bytes('y')),
      },
    ]);
    expect(copiesLeft()).toEqual(before);
  });

  test('of an old version has no times, and may have a table of another name', async () => {
    const path = database((db) => {
      db.exec(
        `CREATE TABLE "my ""queue'" (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB)`,
      );
      db.exec(`INSERT INTO "my ""queue'" VALUES ('u', 'f', 1, 'text')`);
    });
    expect(await read(path, `my "queue'`)).toMatchObject([{ is: 'job', job: { uniqueId: 'u', runAtMs: 0 } }]);
    await expect(read(path)).rejects.toThrow(
      `no table gearman_queue of gearmand in it (it has my "queue'); --table names`,
    );
  });

  test('names rows that gearmand has not written', async () => {
    const path = database((db) => {
      db.exec(TABLE);
      db.run(INSERT, [bytes('1'), bytes(''), 1, null, 0]);
      db.run(INSERT, [bytes('2'), bytes('f'.repeat(513)), 1, null, 0]);
      db.run(INSERT, [bytes('u'.repeat(65)), bytes('f'), 1, null, 0]);
      db.run(INSERT, [bytes('4'), bytes('f'), 3, null, 0]);
      db.run(INSERT, [bytes('5'), bytes('f'), 1, null, 'soon']);
    });
    expect(await read(path)).toEqual([
      { is: 'problem', where: 'row 1', text: 'function_name is empty' },
      { is: 'problem', where: 'row 2', text: 'function_name has more than 512 bytes' },
      { is: 'problem', where: 'row 3', text: 'unique_key has more than 64 bytes' },
      { is: 'problem', where: 'row 4', text: 'priority is 3' },
      { is: 'problem', where: 'row 5', text: 'when_to_run is soon' },
    ]);
  });

  test('is without the transaction in whose middle its server was killed, and stays as it is', async () => {
    const path = database((db, leave) => {
      db.exec(TABLE);
      fillWith(db, Buffer.alloc(1000, 'x'));
      // So that what is not committed goes to the file.
      db.exec('PRAGMA cache_size = 1');
      db.exec(
        'BEGIN; UPDATE gearman_queue SET data = zeroblob(1000); DELETE FROM gearman_queue WHERE rowid % 2',
      );
      leave();
      db.exec('ROLLBACK');
    });
    const files = readdirSync(join(path, '..'));
    expect(files).toEqual(['queue.db', 'queue.db-journal']);
    const before = readFileSync(path);
    expect(before.includes(Buffer.alloc(1000))).toBe(true);
    const found = await read(path);
    expect(found).toHaveLength(200);
    for (const entry of found) {
      expect(entry).toMatchObject({ job: { payload: new Uint8Array(Buffer.alloc(1000, 'x')) } });
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(join(path, '..'))).toEqual(files);
  });

  test('that is damaged or none is refused with advice', async () => {
    const path = database((db) => {
      db.exec(TABLE);
      fillWith(db, Buffer.alloc(1000));
    });
    const whole = readFileSync(path);
    const altered = Buffer.from(whole).fill(0xff, 20_000, 20_500);
    writeFileSync(path, altered);
    await expect(read(path)).rejects.toThrow(/cannot be imported: it is damaged .*\.recover/s);
    writeFileSync(path, whole);
    truncateSync(path, 5000);
    await expect(read(path)).rejects.toThrow(/cannot be imported: .*malformed/);
    writeFileSync(path, 'SQLite format 3\0');
    await expect(read(path)).rejects.toThrow('file is not a database');
  });
});
