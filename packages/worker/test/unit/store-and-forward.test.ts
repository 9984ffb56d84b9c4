import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import {
  createFileStore,
  createStoreAndForward,
  type ForwardStore,
  type StoredJob,
} from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createStartedWorker } from '../support/fake-worker.ts';

/** A store in memory that remembers what it was told. */
function memoryStore(
  jobs: readonly StoredJob[] = [],
): ForwardStore & { readonly kept: Map<string, StoredJob> } {
  const kept = new Map(jobs.map((job) => [job.id, job]));
  return {
    kept,
    put: async (job) => void kept.set(job.id, job),
    delete: async (id) => void kept.delete(id),
    load: async () => [...kept.values()],
  };
}

class Failure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** A client whose jobs end as the test says. */
function scriptedClient() {
  const submitted: { name: string; text: string; uniqueId: string | undefined }[] = [];
  const ends: { resolve(): void; reject(code: string): void }[] = [];
  return {
    submitted,
    ends,
    submit: (name: string, payload: Uint8Array | string, options: { uniqueId?: string } = {}) => {
      submitted.push({ name, text: Buffer.from(payload).toString(), uniqueId: options.uniqueId });
      return new Promise<Uint8Array>((resolve, reject) => {
        ends.push({ resolve: () => resolve(Buffer.of()), reject: (code) => reject(new Failure(code)) });
      });
    },
  };
}

async function setUp(options: { maxAttempts?: number; functions?: string[]; maxJobs?: number } = {}) {
  const clock = new FakeClock();
  const store = memoryStore();
  const client = scriptedClient();
  const forwarder = createStoreAndForward({
    store,
    client,
    clock,
    minDelayMs: 100,
    maxDelayMs: 1000,
    ...options,
  });
  const events: string[] = [];
  forwarder.on('event', ({ type }) => events.push(type));
  const fake = await createStartedWorker((worker) => worker.mount(forwarder));
  const send = async (request: object): Promise<string> => {
    fake.peer.take();
    fake.peer.assign('queue', JSON.stringify(request));
    await turn();
    const [packet] = fake.peer.take();
    if (packet?.type !== 'WORK_COMPLETE')
      throw new Error(packet !== undefined && 'data' in packet ? Buffer.from(packet.data).toString() : '');
    return Buffer.from(packet.data).toString();
  };
  const end = async (): Promise<void> => {
    fake.peer.close();
    await fake.worker.stop({ timeoutMs: 0 });
  };
  return { clock, store, client, forwarder, events, send, end };
}

describe('a store-and-forward worker', () => {
  test('stores a job before it says so, submits it, and forgets it when it is done', async () => {
    const { store, client, events, send, end } = await setUp();
    const id = await send({ function: 'mail', payload: 'hello', unique: 'u' });
    expect([...store.kept.keys()]).toEqual([id]);
    expect(client.submitted).toEqual([{ name: 'mail', text: 'hello', uniqueId: 'u' }]);
    client.ends[0]?.resolve();
    await turn();
    expect(store.kept.size).toBe(0);
    expect(events).toEqual(['stored', 'forwarded']);
    await end();
  });

  test('tries again with longer and longer pauses, then keeps the dead, who may live again', async () => {
    const { clock, store, client, forwarder, events, send, end } = await setUp({ maxAttempts: 3 });
    const id = await send({ function: 'mail', payloadBase64: Buffer.from('x').toString('base64') });
    for (const pauseMs of [100, 200]) {
      client.ends.at(-1)?.reject('ERR_GEARMAN_JOB_FAILED');
      await turn();
      await clock.advanceAsync(pauseMs - 1);
      const before = client.submitted.length;
      await clock.advanceAsync(1);
      expect(client.submitted.length).toBe(before + 1);
    }
    client.ends.at(-1)?.reject('ERR_GEARMAN_JOB_EXCEPTION');
    await turn();
    expect(events).toEqual(['stored', 'retry', 'retry', 'dead']);
    expect(store.kept.get(id)).toMatchObject({
      attempts: 3,
      deadReason: expect.stringContaining('EXCEPTION'),
    });
    await clock.advanceAsync(100_000);
    expect(client.submitted).toHaveLength(3);
    expect(await forwarder.revive('nobody')).toBe(false);
    expect(await forwarder.revive(id)).toBe(true);
    await turn();
    expect(client.submitted).toHaveLength(4);
    expect(await forwarder.remove(id)).toBe(false);
    client.ends.at(-1)?.resolve();
    await end();
  });

  test('does not count as an attempt what no worker has had', async () => {
    const { clock, client, forwarder, send, end } = await setUp({ maxAttempts: 1 });
    await send({ function: 'mail' });
    for (let i = 0; i < 5; i++) {
      client.ends.at(-1)?.reject('ERR_GEARMAN_NO_SERVERS');
      await clock.advanceAsync(100);
    }
    expect(forwarder.jobs).toMatchObject([{ attempts: 0 }]);
    expect(client.submitted).toHaveLength(6);
    await end();
  });

  test('waits until a job is due, and refuses what it may not take', async () => {
    const { clock, client, send, end } = await setUp({ functions: ['mail'], maxJobs: 2 });
    await send({ function: 'mail', payload: 'later', delayMs: 500 });
    await send({ function: 'mail', payload: 'sooner', runAt: clock.now() + 200 });
    await expect(send({ function: 'mail' })).rejects.toThrow('2 jobs are kept already');
    await expect(send({ function: 'other' })).rejects.toThrow('no jobs are taken for');
    await expect(send({ function: 'mail', what: 1 })).rejects.toThrow('what');
    await clock.advanceAsync(199);
    expect(client.submitted).toEqual([]);
    await clock.advanceAsync(1);
    expect(client.submitted.map(({ text }) => text)).toEqual(['sooner']);
    await clock.advanceAsync(300);
    expect(client.submitted.map(({ text }) => text)).toEqual(['sooner', 'later']);
    await end();
  });

  test('goes on where another process stopped, from files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gearman-forward-'));
    try {
      const store = createFileStore(join(directory, 'jobs'));
      const job: StoredJob = {
        id: 'a-1',
        functionName: 'mail',
        payload: Buffer.from('x').toString('base64'),
        runAtMs: 0,
        attempts: 0,
        maxAttempts: 3,
      };
      expect([...(await store.load())]).toEqual([]);
      await store.put(job);
      await store.put({ ...job, id: 'dead', deadReason: 'no' });
      // A file that a crash left half written is not a job.
      await writeFile(join(directory, 'jobs', 'b-2.json.new'), '{"id":');
      const client = scriptedClient();
      const forwarder = createStoreAndForward({ store, client, clock: new FakeClock() });
      const done = new Promise((resolve) => forwarder.once('forwarded', resolve));
      await forwarder.setup();
      expect(client.submitted).toMatchObject([{ name: 'mail', text: 'x' }]);
      client.ends[0]?.resolve();
      await done;
      expect(await readdir(join(directory, 'jobs'))).toEqual(['b-2.json.new', 'dead.json']);
      expect(await forwarder.remove('dead')).toBe(true);
      await forwarder.close();
      await store.delete('dead');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
