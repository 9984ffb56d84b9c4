import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeText, type Packet, request } from '@gearman/protocol';
import {
  RawConnection,
  type RawJob,
  shouldTestGearmand,
  startGearmand,
  startRawWorker,
  type TestServer,
} from '@gearman/testing';
import { describe, expect, test, vi } from 'vitest';
import { startCommand } from '../support/command.ts';
import { ask, gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** How many jobs migrate: GEARMAN_MIGRATED_JOBS=10000 for what a real queue may have. */
const JOBS = Number(process.env['GEARMAN_MIGRATED_JOBS'] ?? 1000);
const MS_PER_JOB = 20;
const IN_FLIGHT = 64;
const FUNCTIONS = ['mail', 'resize', 'caf\u00e9'];
const KINDS = ['SUBMIT_JOB_BG', 'SUBMIT_JOB_HIGH_BG', 'SUBMIT_JOB_LOW_BG', 'SUBMIT_JOB_EPOCH'] as const;

interface Wish {
  readonly index: number;
  readonly kind: (typeof KINDS)[number];
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: Buffer;
}

/** A mix of everything that gearmand stores; each payload is there once. */
function wish(index: number): Wish {
  const kind = KINDS[index % KINDS.length] ?? 'SUBMIT_JOB_BG';
  const functionName = encodeText(FUNCTIONS[index % FUNCTIONS.length] ?? '');
  // Empty ones and equal ones overwrite each other in gearmand: one of each function.
  const uniqueId = index < FUNCTIONS.length ? '' : `${'u'.repeat(index % 50)}\u00ff${index}`;
  const body =
    index % 5 === 0 ? Buffer.alloc((index * 37) % 5000, index) : Buffer.from(`"text" of ${index}\n`);
  const workload = index === 7 ? Buffer.alloc(0) : Buffer.concat([Buffer.from(`${index}:`), body]);
  return { index, kind, functionName, uniqueId, workload };
}

function packetOf({ kind, functionName, uniqueId, workload }: Wish): Packet {
  const parts = { functionName, uniqueId, workload };
  if (kind !== 'SUBMIT_JOB_EPOCH') return request(kind, parts);
  // Some are due, some soon.
  return request(kind, {
    ...parts,
    epoch: String(Math.floor(Date.now() / 1000) + (workload.length % 4) - 1),
  });
}

/** Submits jobs until `enough` are acknowledged. Resolves with those that are. */
async function submit(server: TestServer, enough: number): Promise<Wish[]> {
  const connection = await RawConnection.open(server.port);
  const acknowledged: Wish[] = [];
  const asked: Wish[] = [];
  let next = 0;
  const send = (): void => {
    if (next === JOBS) return;
    const one = wish(next++);
    asked.push(one);
    connection.send(packetOf(one));
  };
  await new Promise<void>((resolve) => {
    connection.listen(({ type }) => {
      expect(type).toBe('JOB_CREATED');
      const one = asked.shift();
      if (one !== undefined) acknowledged.push(one);
      send();
      if (acknowledged.length === enough) resolve();
    });
    for (let i = 0; i < IN_FLIGHT; i++) send();
  });
  // What comes from now on nobody counts: the server is about to end with it in its hands.
  return [...acknowledged];
}

/** Runs what is there, until every job of `wishes` has run and the server knows it. */
async function runAll(port: number, wishes: readonly Wish[]): Promise<RawJob[]> {
  const open = new Set(wishes.map(keyOf));
  const ran: RawJob[] = [];
  const { promise: over, resolve } = deferred();
  const run = (job: RawJob): void => {
    ran.push(job);
    job.complete();
    open.delete(keyOf(job));
    if (open.size === 0) resolve();
  };
  await using _worker = await startRawWorker(port, Object.fromEntries(FUNCTIONS.map((name) => [name, run])));
  await over;
  await vi.waitFor(async () => {
    expect(await ask({ port, host: '127.0.0.1' }, 'status')).not.toMatch(/\t[1-9]\d*\t\d+\t\d+$/m);
  });
  return ran;
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const keyOf = ({ workload }: { readonly workload: Uint8Array }): string =>
  Buffer.from(workload).toString('latin1');

/** Each job once, and as it was submitted; in the order of the submits where functions and priorities are equal. */
function expectAllAsSubmitted(ran: readonly RawJob[], wishes: readonly Wish[]): void {
  expect(new Set(ran.map(keyOf)).size).toBe(ran.length);
  expect(new Set(ran.map(({ handle }) => handle)).size).toBe(ran.length);
  const found = new Map(ran.map((job, turn) => [keyOf(job), { job, turn }]));
  const lastTurns = new Map<string, number>();
  for (const { index, kind, functionName, uniqueId, workload } of wishes) {
    const { job, turn = -1 } = found.get(workload.toString('latin1')) ?? {};
    expect(job, `job ${index}`).toMatchObject({ functionName, uniqueId });
    if (kind === 'SUBMIT_JOB_EPOCH') continue;
    const queue = `${functionName} ${kind}`;
    expect(turn, `turn of job ${index}`).toBeGreaterThan(lastTurns.get(queue) ?? -1);
    lastTurns.set(queue, turn);
  }
}

async function migrate(database: string, directory: string): Promise<string> {
  const { code, stdout, stderr } = await startCommand('gearmand', ['store', 'import', directory, database])
    .ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe.skipIf(!shouldTestGearmand())(`the sqlite3 queue of gearmand with ${JOBS} jobs`, () => {
  const timeout = 30_000 + JOBS * MS_PER_JOB;

  test.each([
    { how: 'that was killed', killedAfter: JOBS },
    { how: 'that was killed in the middle of submits', killedAfter: Math.floor(JOBS * 0.6) },
  ])('of a server $how: one command, and every job runs once', { timeout }, async ({ killedAfter }) => {
    const folder = temporaryFolder();
    const [database, directory] = [join(folder, 'queue.db'), join(folder, 'jobs')];
    const old = await startGearmand(['-q', 'libsqlite3', `--libsqlite3-db=${database}`]);
    const acknowledged = await submit(old, killedAfter);
    await old.kill();
    const before = readFileSync(database);
    const [, imported] = /^imported ([\d,]+) jobs/.exec(await migrate(database, directory)) ?? [];
    const stored = Number(imported?.replaceAll(',', ''));
    expect(stored).toBeGreaterThanOrEqual(acknowledged.length);
    expect(readFileSync(database).equals(before)).toBe(true);

    const server = await gearmandOnFreePort('--data-dir', directory);
    // The last submits may have been stored without an answer.
    const others = Array.from({ length: JOBS }, (_, i) => wish(i)).slice(acknowledged.length, stored);
    const ran = await runAll(server.port, [...acknowledged, ...others]);
    expect(ran.length).toBe(stored);
    expectAllAsSubmitted(ran, [...acknowledged, ...others]);
    server.signal('SIGTERM');
    expect((await server.ended).code).toBe(0);
    const again = await gearmandOnFreePort('--data-dir', directory);
    await again.logs('background jobs are kept on disk');
    expect(await ask({ port: again.port, host: '127.0.0.1' }, 'status')).toBe('.\n');
  });

  test('of one with --store-queue-on-shutdown comes over, too', { timeout }, async () => {
    const folder = temporaryFolder();
    const [database, directory] = [join(folder, 'queue.db'), join(folder, 'jobs')];
    const args = ['-q', 'libsqlite3', `--libsqlite3-db=${database}`, '--store-queue-on-shutdown'];
    const old = await startGearmand(args);
    const acknowledged = await submit(old, JOBS);
    const { pid = 0 } = old;
    process.kill(pid, 'SIGTERM');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout });
    await migrate(database, directory);
    const server = await gearmandOnFreePort('--data-dir', directory);
    // In which order gearmand writes at its end is its own affair.
    const ran = await runAll(server.port, acknowledged);
    expect(ran.map(keyOf).sort()).toEqual(acknowledged.map(keyOf).sort());
  });

  test('is not touched while gearmand runs', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'queue.db');
    await using old = await startGearmand(['-q', 'libsqlite3', `--libsqlite3-db=${database}`]);
    const { code, stderr } = await startCommand('gearmand', [
      'store',
      'import',
      join(folder, 'jobs'),
      database,
    ]).ended;
    expect(stderr).toContain(`queue.db is in use by process ${old.pid}; stop gearmand first`);
    expect(code).toBe(1);
    expect(existsSync(join(folder, 'jobs'))).toBe(false);
  });
});
