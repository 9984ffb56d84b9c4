import fs, { constants } from 'node:fs';
import { access, copyFile, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MAX_FUNCTION_NAME_BYTES, MAX_UNIQUE_ID_BYTES } from '@gearman/protocol';
import type { Database } from 'node-sqlite3-wasm';
import { messageOf } from '../commands/exit-code.ts';
import { type Entry, type ForeignJob, fingerprintOf, type JobSource, sourceError } from './job-source.ts';

/** What every sqlite3 file begins with. */
export const SQLITE_MAGIC = 'SQLite format 3\0';
/** The name that gearmand gives its table. */
export const GEARMAND_TABLE = 'gearman_queue';

/** Beside a database, when its last writer did not end in order. */
const COMPANIONS = ['-journal', '-wal'];
const SECOND_MS = 1000;

/**
 * Opens the sqlite3 queue of a gearmand that has ended, killed or not. It is copied first, so that SQLite can undo what was
 * half written without a change to the original.
 *
 * @throws FatalError when a process has it open, when it is damaged, or is no such queue
 */
export async function openSqliteQueue(path: string, table: string): Promise<JobSource> {
  await refuseWhileOpen(path);
  const folder = await mkdtemp(join(tmpdir(), 'gearman-import-'));
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const copies = await copyDatabase(path, folder);
    const fingerprint = await fingerprintOf(copies);
    const database = await openDatabase(join(folder, basename(path)));
    try {
      const columns = checkTable(database, path, table);
      return {
        name: `${path} (sqlite3 queue of gearmand)`,
        fingerprint,
        lastNumber: 0,
        entries: () => entriesOf(database, table, columns),
        close: async () => {
          database.close();
          await discard();
        },
      };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    await discard();
    throw sourceError(`${path} cannot be imported: ${messageOf(error)}`, error);
  }
}

/** A gearmand that still runs would run the jobs, too, and write while they are read. Where that can be seen: on Linux. */
async function refuseWhileOpen(path: string): Promise<void> {
  const target = await realpath(path);
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of open) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) !== target) continue;
      throw sourceError(`${path} is in use by process ${pid}; stop gearmand first`);
    }
  }
}

async function copyDatabase(path: string, folder: string): Promise<string[]> {
  const copies: string[] = [];
  for (const suffix of ['', ...COMPANIONS]) {
    const from = `${path}${suffix}`;
    if (suffix !== '' && !(await exists(from))) continue;
    const to = join(folder, `${basename(path)}${suffix}`);
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    copies.push(to);
  }
  return copies;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function openDatabase(path: string): Promise<Database> {
  const sqlite: object = await import('node-sqlite3-wasm');
  // A CommonJS module whose names import() does not see: what its types describe is the default.
  const { default: exported } = sqlite as { readonly default: typeof import('node-sqlite3-wasm') };
  const database = new exported.Database(path, { fileMustExist: true });
  // A write-ahead log is read without the shared memory that its writers had.
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  withoutLockOf(path, () => database.get('SELECT count(*) FROM sqlite_master'));
  if (await holdsTransaction(`${path}-journal`)) {
    database.close();
    throw new Error('its last transaction was cut off; "sqlite3 FILE .schema" undoes that, then try again');
  }
  return database;
}

/**
 * The first read is when SQLite undoes a transaction that was cut off, unless another process has reserved the file.
 * node-sqlite3-wasm sees its own lock, a directory, and says that one has; nobody else knows of this copy.
 */
function withoutLockOf(path: string, read: () => unknown): void {
  const { accessSync } = fs;
  fs.accessSync = (asked, mode) => {
    if (asked === `${path}.lock`) throw new Error('not locked');
    accessSync(asked, mode);
  };
  try {
    read();
  } finally {
    fs.accessSync = accessSync;
  }
}

/** True for a journal that SQLite would have undone and removed. */
async function holdsTransaction(journal: string): Promise<boolean> {
  const bytes = await readFile(journal).catch(() => Buffer.alloc(1));
  return (bytes[0] ?? 0) !== 0;
}

/** Returns the names of the columns. */
function checkTable(database: Database, path: string, table: string): ReadonlySet<string> {
  const [health] = valuesOf(database, 'PRAGMA quick_check(1)');
  if (health !== 'ok') {
    const advice = `sqlite3 ${path} .recover | sqlite3 recovered.db gets what is left of it`;
    throw new Error(`it is damaged (${health}); ${advice}`);
  }
  const columns = new Set(valuesOf(database, `SELECT name FROM pragma_table_info(${quoted(table, "'")})`));
  const isQueue = ['unique_key', 'function_name', 'priority', 'data'].every((name) => columns.has(name));
  if (isQueue) return columns;
  const tables = valuesOf(database, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
  const there = tables.length === 0 ? 'it has none' : `it has ${tables.slice(0, 5).join(', ')}`;
  throw new Error(`there is no table ${table} of gearmand in it (${there}); --table names another one`);
}

function valuesOf(database: Database, sql: string): string[] {
  return database.all(sql).map((row) => String(Object.values(row)[0]));
}

const quoted = (name: string, mark: '"' | "'"): string =>
  `${mark}${name.replaceAll(mark, mark + mark)}${mark}`;

async function* entriesOf(
  database: Database,
  table: string,
  columns: ReadonlySet<string>,
): AsyncGenerator<Entry, void> {
  // Tables of old versions have no times. Names are not always UTF-8, so they are read as bytes.
  const runAt = columns.has('when_to_run') ? 'when_to_run' : '0';
  const statement = database.prepare(
    `SELECT CAST(rowid AS TEXT) AS row, CAST(unique_key AS BLOB) AS uniqueKey, CAST(function_name AS BLOB) AS functionName,
      priority, CAST(data AS BLOB) AS data, ${runAt} AS runAt FROM ${quoted(table, '"')} ORDER BY rowid`,
  );
  try {
    for (const row of statement.iterate()) {
      const problem = problemOf(row);
      if (problem === undefined) yield { is: 'job', job: toJob(row) };
      else yield { is: 'problem', where: `row ${textIn(row['row'])}`, text: problem };
    }
  } finally {
    statement.finalize();
  }
}

type Row = Readonly<Record<string, unknown>>;

/** What a gearmand would not have written. */
function problemOf(row: Row): string | undefined {
  const functionName = nameIn(row['functionName']);
  if (functionName === '') return 'function_name is empty';
  if (functionName.length > MAX_FUNCTION_NAME_BYTES) {
    return `function_name has more than ${MAX_FUNCTION_NAME_BYTES} bytes`;
  }
  if (nameIn(row['uniqueKey']).length > MAX_UNIQUE_ID_BYTES) {
    return `unique_key has more than ${MAX_UNIQUE_ID_BYTES} bytes`;
  }
  if (![0, 1, 2].includes(Number(row['priority']))) return `priority is ${textIn(row['priority'])}`;
  const runAt = Number(row['runAt'] ?? 0);
  if (!Number.isFinite(runAt) || runAt < 0) return `when_to_run is ${textIn(row['runAt'])}`;
  return undefined;
}

function toJob(row: Row): ForeignJob {
  const { data } = row;
  return {
    number: undefined,
    functionName: nameIn(row['functionName']),
    uniqueId: nameIn(row['uniqueKey']),
    // gearmand writes NULL for an empty one, and does not start with such a row itself.
    payload: data instanceof Uint8Array ? data : new Uint8Array(0),
    // Checked before.
    priority: Number(row['priority']) as 0 | 1 | 2,
    runAtMs: Number(row['runAt'] ?? 0) * SECOND_MS,
    attempts: 0,
    state: 'waiting',
    reducer: undefined,
    extra: '',
  };
}

const textIn = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? `${value}`
    : 'no number';

/** gearmand keeps the NUL that it puts behind a unique id of 64 bytes. */
function nameIn(value: unknown): string {
  const name = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : '';
  const end = name.indexOf('\0');
  return end < 0 ? name : name.slice(0, end);
}
