import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@gearman/client';
import { createServer, type ServerOptions } from '@gearman/server';
import { createJournal } from '@gearman/store-journal';
import { shouldTestGearmand, startGearmand, startOurServer } from '@gearman/testing';
import { createWorker } from '@gearman/worker';
import { expect, onTestFinished, test } from 'vitest';

const HOUR = 3_600_000;

async function startAll(options: ServerOptions = {}) {
  const server = await startOurServer(options);
  onTestFinished(() => server.stop());
  const client = createClient({ servers: server.server });
  onTestFinished(() => client.close());
  const payloads: string[] = [];
  const worker = createWorker({ servers: server.server });
  onTestFinished(async () => void (await worker.stop()));
  worker.register('report', (job) => {
    payloads.push(job.text());
    return job.text().toUpperCase();
  });
  return { server, client, worker, payloads };
}

test('a background job with the id of an earlier one is not made, and its reference says so', async () => {
  const { client, worker, payloads } = await startAll();
  const dedup = { id: 'météo', mode: 'drop', windowMs: HOUR } as const;
  const keepResult = {};
  const first = await client.submitBackground('report', 'one', { dedup, keepResult });
  const second = await client.submitBackground('report', 'two', { dedup });
  expect([first.deduplicated, second.deduplicated, String(second)]).toEqual([false, true, String(first)]);
  await worker.start();
  expect(String(await client.result(first, { waitMs: 5000 }))).toBe('ONE');
  const third = await client.submitBackground('report', 'three', { dedup });
  expect([third.deduplicated, third.handle]).toEqual([true, first.handle]);
  const other = client.submit('report', 'four', { dedup: { ...dedup, id: 'other' } });
  expect([String(await other), other.deduplicated]).toEqual(['FOUR', false]);
  expect(payloads).toEqual(['one', 'four']);
});

test.each(['attach', 'drop', 'throttle'] as const)(
  'with %s two jobs that are waited for share one result',
  async (mode) => {
    const { client, worker, payloads } = await startAll();
    const dedup = { id: 'id', mode, windowMs: HOUR };
    const jobs = ['one', 'two'].map((text) => client.submit('report', text, { dedup }));
    await Promise.all(jobs.map((job) => job.created));
    await worker.start();
    expect((await Promise.all(jobs)).map(String)).toEqual(['ONE', 'ONE']);
    expect(jobs.map((job) => job.deduplicated)).toEqual([false, true]);
    expect(payloads).toEqual(['one']);
  },
);

test('who waits for a job that is over gets its kept result, and a failure without', async () => {
  const { client, worker } = await startAll();
  await worker.start();
  const dedup = { id: 'id', mode: 'throttle', windowMs: HOUR } as const;
  await client.submit('report', 'one', { dedup, keepResult: {} });
  const again = client.submit('report', 'two', { dedup });
  expect([String(await again), again.deduplicated]).toEqual(['ONE', true]);
  const lost = { ...dedup, id: 'not kept' };
  await client.submit('report', 'one', { dedup: lost });
  await expect(client.submit('report', 'two', { dedup: lost })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_JOB_FAILED',
  });
});

test('functions of the server have it for clients that know nothing of it', async () => {
  await using server = await createServer({
    functions: { report: { dedup: { mode: 'throttle', windowMs: HOUR } } },
  }).listen({ port: 0, host: '127.0.0.1' });
  await using client = createClient({ servers: server.address });
  const uniqueId = 'u';
  const first = await client.submitBackground('report', 'one', { uniqueId });
  const second = await client.submitBackground('report', 'two', { uniqueId });
  // It did not ask, so it is not told.
  expect([second.handle, second.deduplicated]).toEqual([first.handle, false]);
  await client.cancel(first);
  expect((await client.submitBackground('report', 'three', { uniqueId })).handle).toBe(first.handle);
  expect(server.stats).toMatchObject({ jobs: 0, dedupIds: 1 });
});

test('with a journal the window survives a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gearman-dedup-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const start = async (port: number) =>
    createServer({ store: createJournal({ directory }) }).listen({ port, host: '127.0.0.1' });
  const dedup = { id: 'id', mode: 'throttle', windowMs: HOUR } as const;
  const submit = async (address: string) => {
    await using client = createClient({ servers: address });
    return await client.submitBackground('report', 'one', { dedup });
  };
  const before = await start(0);
  const first = await submit(before.address);
  await using client = createClient({ servers: before.address });
  await client.cancel(first);
  await client.close();
  await before.close();
  await using after = await start(before.addresses[0]?.port ?? 0);
  const second = await submit(after.address);
  expect([second.handle, second.deduplicated, after.stats.jobs]).toEqual([first.handle, true, 0]);
});

test.skipIf(!shouldTestGearmand())('other servers cannot: nothing is submitted', async () => {
  await using server = await startGearmand();
  await using client = createClient({ servers: server.server });
  const dedup = { id: 'id', mode: 'drop' } as const;
  await expect(client.submitBackground('report', 'x', { dedup })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_UNSUPPORTED',
  });
});

test('it is checked at the door', async () => {
  const { client } = await startAll();
  const bad = { id: 'id', mode: 'throttle' } as const;
  await expect(client.submitBackground('report', 'x', { dedup: bad })).rejects.toThrow(
    'throttle needs windowMs',
  );
  expect(() => createServer({ functions: { f: { dedup: { mode: 'throttle' } } } })).toThrow(
    'throttle needs windowMs',
  );
});
