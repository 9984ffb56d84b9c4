// Acknowledged background submits per second: our server with its journal, with PostgreSQL and in memory, gearmand with its
// queues in sqlite3 and in PostgreSQL, in turns. Jobs pile up: nobody works.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findGearmand, startGearmand } from '@gearman/testing';
import { Client, escapeIdentifier } from 'pg';
import { Peer } from '../support/peer.ts';
import { type Load, type Outcome, submitFor } from './submitter.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '8' },
    window: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    /** Where the stores lie: a disk that is to be measured. */
    folder: { type: 'string', default: tmpdir() },
    /** A database, in which schemas and tables are made, and dropped. */
    postgres: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/test' },
    /** Only those with this in their names. */
    only: { type: 'string', default: '' },
  },
});
const load: Load = {
  connections: Number(values.connections),
  inFlight: Number(values.window),
  payloadBytes: Number(values.bytes),
  durationMs: Number(values.seconds) * 1000,
};
const { postgres } = values;
const WARM_UP: Load = { ...load, durationMs: 1000 };
const SYNCS = 200;

async function measure(port: number): Promise<Outcome> {
  await submitFor(port, WARM_UP);
  return submitFor(port, load);
}

async function ours(env: Record<string, string>): Promise<Outcome> {
  const server = new Peer(new URL('../support/server-process.js', import.meta.url), '', env);
  const { server: address = '' } = await server.ready;
  const outcome = await measure(Number(address.split(':')[1]));
  await server.stop();
  return outcome;
}

async function theirs(...queue: string[]): Promise<Outcome> {
  const server = await startGearmand(queue);
  const outcome = await measure(server.port);
  await server.stop();
  return outcome;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(values.folder, 'gearman-durable-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function ask(text: string): Promise<void> {
  const client = new Client({ connectionString: postgres });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Our tables in a schema, or theirs. */
async function inDatabase<T>(what: 'schema' | 'table', work: (name: string) => Promise<T>): Promise<T> {
  const name = `gearman_bench_${process.pid}`;
  try {
    return await work(name);
  } finally {
    await ask(`drop ${what} if exists ${escapeIdentifier(name)} cascade`);
  }
}

async function hasDatabase(): Promise<boolean> {
  try {
    await ask('select 1');
    return true;
  } catch (error) {
    process.stdout.write(`SKIPPED: no PostgreSQL at ${postgres}: ${String(error)}\n`);
    return false;
  }
}

/** How long writing 128 bytes and fdatasync take on this disk, in the middle, in milliseconds. */
async function syncMs(folder: string): Promise<number> {
  const file = await open(join(folder, 'probe'), 'w');
  const block = Buffer.alloc(128, 'x');
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const before = performance.now();
    await file.write(block, 0, block.length, i * block.length);
    await file.datasync();
    times.push(performance.now() - before);
  }
  await file.close();
  return times.sort((a, b) => a - b)[SYNCS / 2] ?? Number.NaN;
}

const contenders: Record<string, () => Promise<Outcome>> = {
  'with the journal': () => inFolder((folder) => ours({ DATA_DIR: join(folder, 'jobs') })),
  'in memory': () => ours({}),
};
const database = await hasDatabase();
if (database) {
  contenders['with PostgreSQL'] = () =>
    inDatabase('schema', (schema) => ours({ POSTGRES_URL: postgres, POSTGRES_SCHEMA: schema }));
}
if (findGearmand() === undefined) process.stdout.write('SKIPPED: gearmand is not here\n');
else {
  contenders['gearmand with sqlite3'] = () =>
    inFolder((folder) => theirs('-q', 'libsqlite3', `--libsqlite3-db=${join(folder, 'queue.db')}`));
  if (database) {
    contenders['gearmand with PostgreSQL'] = () =>
      inDatabase('table', (table) =>
        theirs('-q', 'Postgres', `--libpq-conninfo=${postgres}`, `--libpq-table=${table}`),
      );
  }
}
for (const name of Object.keys(contenders)) if (!name.includes(values.only)) delete contenders[name];

const probe = await inFolder(syncMs);
process.stdout.write(
  `${load.payloadBytes} bytes, ${load.connections} connections, ${load.inFlight} in flight on each; ` +
    `fdatasync ${probe.toFixed(3)} ms; load of the machine ${loadavg()[0]?.toFixed(1)}\n`,
);
const rates: Record<string, number[]> = {};
for (let i = 1; i <= Number(values.rounds); i++) {
  for (const [name, run] of Object.entries(contenders)) {
    const { perSecond, p50Ms, p99Ms } = await run();
    rates[name] = [...(rates[name] ?? []), perSecond];
    process.stdout.write(
      `${i} ${name}: ${Math.round(perSecond)} acknowledged/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms\n`,
    );
  }
}
for (const [name, list] of Object.entries(rates)) {
  const sorted = [...list].sort((a, b) => a - b);
  process.stdout.write(`${name}: median ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)}/s\n`);
}
