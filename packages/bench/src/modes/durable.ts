import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDurableBeanstalkd } from '../peers/servers.ts';
import type { Bench, Cell, Contender, Mode, RunningServer, Sample } from '../run/cell.ts';
import { DATABASE, hasDatabase, inDatabase } from '../support/database.ts';
import { median } from '../support/figures.ts';
import { rateOf } from './at-server.ts';

const BYTES = 100;
const SYNCS = 200;

/** Background jobs that are on the disk when they are acknowledged. The folder for temporary files says on which disk. */
export const durable: Mode = {
  name: 'durable',
  title: `Durable background submits of ${BYTES} B`,
  cells: async (bench) => [submits(bench, await hasDatabase()), probe()],
};

function submits(bench: Bench, database: boolean): Cell {
  const options = { clients: 8, window: 64, bytes: BYTES, unique: -1 };
  const [ours, ...others] = bench.servers;
  const gearmand = others.find(({ name }) => name === 'gearmand -t 4');
  const beanstalkd = others.find(({ name }) => name === 'beanstalkd');
  const contender = (
    name: string,
    start: (folder: string) => Promise<RunningServer>,
    kind: 'submit' | 'put' = 'submit',
  ): Contender => ({
    name,
    measure: () =>
      inFolder(async (folder): Promise<Sample> => {
        const server = await start(folder);
        try {
          return await rateOf(bench, kind, kind === 'put' ? { ...options, unique: 0 } : options)(server);
        } finally {
          await server.stop();
        }
      }),
  });
  const inPostgres = (
    name: string,
    what: 'schema' | 'table',
    start: (name: string) => Promise<RunningServer>,
  ): Contender => ({
    name,
    measure: () =>
      inDatabase(what, async (place): Promise<Sample> => {
        const server = await start(place);
        try {
          return await rateOf(bench, 'submit', options)(server);
        } finally {
          await server.stop();
        }
      }),
  });
  const contenders: Contender[] = [];
  if (ours !== undefined) {
    contenders.push(
      contender('@gearman/server, journal', (folder) =>
        ours.start({ ours: ['--data-dir', join(folder, 'jobs')] }),
      ),
      contender('@gearman/server, in memory', () => ours.start()),
    );
  }
  if (gearmand !== undefined) {
    const args = (folder: string): readonly string[] => [
      '-q',
      'libsqlite3',
      `--libsqlite3-db=${join(folder, 'queue.db')}`,
    ];
    contenders.push(
      contender('gearmand, libsqlite3', (folder) => gearmand.start({ gearmand: args(folder) })),
    );
  }
  if (ours !== undefined && database) {
    contenders.push(
      inPostgres('@gearman/server, PostgreSQL', 'schema', (schema) =>
        ours.start({ ours: ['--store', withSchema(schema)] }),
      ),
    );
  }
  if (gearmand !== undefined && database) {
    contenders.push(
      inPostgres('gearmand, PostgreSQL', 'table', (table) =>
        gearmand.start({
          gearmand: ['-q', 'Postgres', `--libpq-conninfo=${DATABASE}`, `--libpq-table=${table}`],
        }),
      ),
    );
  }
  if (beanstalkd !== undefined) contenders.push(contender('beanstalkd -f 0', startDurableBeanstalkd, 'put'));
  return { name: '8 × 64 in flight', unit: 'jobs/s', better: 'higher', contenders };
}

function withSchema(schema: string): string {
  const url = new URL(DATABASE);
  url.searchParams.set('schema', schema);
  return url.href;
}

/** What the disk itself takes, to read the others' figures by. */
function probe(): Cell {
  return {
    name: 'writing 128 B and fdatasync',
    unit: 'ms',
    better: 'lower',
    contenders: [{ name: 'this disk', measure: async () => ({ value: await inFolder(syncMs) }) }],
  };
}

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
  return median(times);
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gearman-durable-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
