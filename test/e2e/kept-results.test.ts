import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@gearman/client';
import { createServer, type ServerOptions } from '@gearman/server';
import { createJournal } from '@gearman/store-journal';
import { shouldTestGearmand, startGearmand, startOurServer } from '@gearman/testing';
import { createWorker } from '@gearman/worker';
import { expect, onTestFinished, test } from 'vitest';

async function startAll(options: ServerOptions = {}) {
  const server = await startOurServer(options);
  onTestFinished(() => server.stop());
  const client = createClient({ servers: server.server });
  onTestFinished(() => client.close());
  const worker = createWorker({ servers: server.server });
  onTestFinished(async () => void (await worker.stop()));
  worker.register('upper', (job) => job.text().toUpperCase());
  worker.register('broken', () => {
    throw new Error('no');
  });
  return { server, client, worker };
}

test('client.result() waits for a background job, and gives what it brought, as often as asked', async () => {
  const { client, worker } = await startAll();
  const ref = await client.submitBackground('upper', 'hello', { keepResult: {} });
  const early = client.result(ref, { waitMs: 5000 });
  await expect(client.result(ref)).rejects.toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT' });
  await expect(client.result(ref, { waitMs: 5 })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_RESPONSE_TIMEOUT',
  });
  await worker.start();
  expect(String(await early)).toBe('HELLO');
  expect(String(await client.result(String(ref)))).toBe('HELLO');
});

test('it rejects with what the job failed with', async () => {
  const { client, worker } = await startAll({ functions: { '*': { keepResult: { ttlMs: 60_000 } } } });
  await worker.start();
  const ref = await client.submitBackground('broken');
  await expect(client.result(ref, { waitMs: 5000 })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_JOB_EXCEPTION',
    remote: { message: 'no' },
  });
  const expired = await client.submitBackground('nobody', '', { ttlMs: 5 });
  await expect(client.result(expired, { waitMs: 5000 })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_JOB_FAILED',
  });
});

test('it says why there is none', async () => {
  const { client, worker } = await startAll();
  const plain = await client.submitBackground('upper', 'x');
  await expect(client.result(plain, { waitMs: 5000 })).rejects.toMatchObject({ reason: 'not-kept' });
  await worker.start();
  const large = await client.submitBackground('upper', 'too long', { keepResult: { maxBytes: 3 } });
  await expect(client.result(large, { waitMs: 5000 })).rejects.toMatchObject({
    code: 'ERR_GEARMAN_NO_RESULT',
    reason: 'too-large',
  });
  await expect(client.result(plain)).rejects.toMatchObject({ reason: 'unknown' });
  const soon = await client.submitBackground('upper', 'x', { keepResult: { ttlMs: 1 } });
  await client.result(soon, { waitMs: 5000 }).catch(() => {});
  await expect
    .poll(() => client.result(soon).catch((error: { reason: string }) => error.reason))
    .toBe('unknown');
});

test('it can be given up', async () => {
  const { client } = await startAll();
  const ref = await client.submitBackground('upper', 'x', { keepResult: {} });
  const signal = AbortSignal.timeout(5);
  await expect(client.result(ref, { waitMs: 60_000, signal })).rejects.toThrow(/timeout/i);
});

test.skipIf(!shouldTestGearmand())('other servers do not know it', async () => {
  await using server = await startGearmand();
  await using client = createClient({ servers: server.server });
  const ref = await client.submitBackground('upper', 'x');
  await expect(client.result(ref)).rejects.toMatchObject({ code: 'ERR_GEARMAN_UNSUPPORTED' });
});

test('with a store, results survive a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gearman-results-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const start = async (port: number) =>
    createServer({ store: createJournal({ directory }) }).listen({ port, host: '127.0.0.1' });
  const first = await start(0);
  const { address } = first;
  const client = createClient({ servers: address });
  onTestFinished(() => client.close());
  const worker = createWorker({ servers: address });
  onTestFinished(async () => void (await worker.stop()));
  worker.register('upper', (job) => job.text().toUpperCase());
  await worker.start();
  const ref = await client.submitBackground('upper', 'kept', { keepResult: {} });
  await client.result(ref, { waitMs: 5000 });
  await first.close();
  const second = await start(Number(address.split(':')[1]));
  onTestFinished(() => second.close());
  expect(String(await client.result(ref))).toBe('KEPT');
  expect(second.stats.keptResults).toBe(1);
});
