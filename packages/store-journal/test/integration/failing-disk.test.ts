import { once } from 'node:events';
import { connect } from 'node:net';
import { type Packet, request } from '@gearman/protocol';
import { createServer, type Server } from '@gearman/server';
import { RawConnection, startRawWorker } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { contentOf, journalOn, temporaryDirectory } from '../support/jobs.ts';
import { diskError, MemoryDisk, type Operation } from '../support/memory-disk.ts';
import { imageAfterCut, randomFrom } from '../support/power-cut.ts';

const background = (text: string): Packet =>
  request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: Buffer.from(text) });
const foreground = (): Packet =>
  request('SUBMIT_JOB', { functionName: 'g', uniqueId: '', workload: Buffer.from('now') });

/** A job server on a disk in memory, and connections to it. */
async function start(storeTimeoutMs = 4000) {
  const directory = temporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  const disk = new MemoryDisk();
  const store = journalOn(disk, directory.path);
  const server = await createServer({ store, limits: { storeTimeoutMs } }).listen({ port: 0 });
  onTestFinished(() => server.close());
  const port = server.addresses[0]?.port ?? 0;
  const client = await RawConnection.open(port);
  onTestFinished(() => client.close());
  return { directory: directory.path, disk, server, port, client };
}

async function submit(client: RawConnection, text: string): Promise<string> {
  client.send(background(text));
  const answer = await client.next();
  return answer.type === 'ERROR' ? `${answer.code}: ${answer.text}` : answer.type;
}

/** What does not concern the disk goes on: foreground jobs with their workers, and text commands. */
async function expectTheRestToWork(port: number): Promise<void> {
  await using worker = await startRawWorker(port, { g: (job) => job.complete('done') });
  await using client = await RawConnection.open(port);
  client.send(foreground());
  await client.expect('JOB_CREATED');
  expect(Buffer.from((await client.expect('WORK_COMPLETE')).data).toString()).toBe('done');
  const admin = connect(port, '127.0.0.1');
  admin.write('version\n');
  expect(String(await once(admin, 'data'))).toMatch(/^OK /);
  admin.destroy();
  await worker.stop();
}

/** What a restart finds, also when the power goes first. */
async function expectStored(disk: MemoryDisk, directory: string, server: Server, texts: readonly string[]) {
  const image = imageAfterCut(disk.operations, disk.operations.length, randomFrom(1));
  await server.close();
  for (const there of [image, disk]) {
    const again = journalOn(there, directory);
    const { jobs } = await contentOf(again);
    await again.close();
    expect(jobs.map(({ payload }) => String(payload))).toEqual(texts);
  }
}

/** Nothing is synced until what this returns is called. */
function hold(disk: MemoryDisk): () => void {
  const waiting: (() => void)[] = [];
  disk.delay = () => new Promise((resolve) => waiting.push(resolve));
  return () => {
    disk.delay = () => undefined;
    for (const go of waiting) go();
  };
}

describe('a job server', () => {
  test.each<{ operations: readonly Operation['type'][]; code: string }>([
    { operations: ['write'], code: 'ENOSPC' },
    { operations: ['write'], code: 'EIO' },
    { operations: ['sync'], code: 'EIO' },
    { operations: ['write', 'create', 'rename', 'sync-directory'], code: 'EROFS' },
    { operations: ['write', 'create'], code: 'EMFILE' },
    { operations: ['sync', 'rename', 'sync-directory', 'remove'], code: 'EIO' },
  ])(
    'whose disk fails at $operations with $code refuses, goes on, loses nothing, and recovers',
    async ({ operations, code }) => {
      const { directory, disk, server, port, client } = await start();
      expect(await submit(client, 'before')).toBe('JOB_CREATED');
      disk.fault = (operation) => {
        if (operations.includes(operation)) throw diskError(code);
      };
      const refusals: string[] = [];
      for (let i = 0; i < 3; i++) {
        const began = performance.now();
        refusals.push(await submit(client, `during ${i}`));
        expect(performance.now() - began).toBeLessThan(1000);
      }
      for (const refusal of refusals)
        expect(refusal).toMatch(new RegExp(`^QUEUE_ERROR: The job cannot be stored: .*${code}`));
      expect(server.stats.store?.full).toContain(code);
      await expectTheRestToWork(port);
      disk.fault = () => {};
      await expect.poll(() => submit(client, 'after'), { timeout: 3000 }).toBe('JOB_CREATED');
      await expectStored(disk, directory, server, ['before', 'after']);
    },
  );

  test.each(['EIO', 'ENOSPC'])(
    'records ends of jobs when a disk that failed with %s is well again',
    async (code) => {
      const { directory, disk, server, port, client } = await start();
      for (const text of ['one', 'two', 'three']) expect(await submit(client, text)).toBe('JOB_CREATED');
      disk.fault = () => {
        throw diskError(code);
      };
      let ran = 0;
      await using worker = await startRawWorker(port, {
        f: (job) => {
          ran++;
          job.complete();
        },
      });
      await expect.poll(() => ran).toBe(3);
      expect(await submit(client, 'refused')).toMatch(/^QUEUE_ERROR/);
      await worker.stop();
      disk.fault = () => {};
      await expect.poll(() => submit(client, 'after'), { timeout: 3000 }).toBe('JOB_CREATED');
      await expectStored(disk, directory, server, ['after']);
    },
  );

  test('never believes a file again whose sync has failed', async () => {
    const { directory, disk, server, client } = await start();
    expect(await submit(client, 'before')).toBe('JOB_CREATED');
    let failures = 0;
    disk.fault = (operation, path) => {
      // Once: as on Linux, the next sync of the same file succeeds, and what was written before is gone.
      if (operation === 'sync' && path.includes('/s') && failures++ === 0) throw diskError('EIO');
    };
    expect(await submit(client, 'during')).toBe('JOB_CREATED');
    expect(await submit(client, 'after')).toBe('JOB_CREATED');
    expect(failures).toBeGreaterThan(1);
    await expectStored(disk, directory, server, ['before', 'during', 'after']);
  });

  test('whose disk is slow answers late, with all that came meanwhile at once; nothing else waits', async () => {
    const { directory, disk, server, port, client } = await start();
    const go = hold(disk);
    const commits = server.stats.store?.commits ?? 0;
    client.send(background('first'));
    await expect.poll(() => server.stats.jobs).toBe(1);
    const texts = Array.from({ length: 100 }, (_, i) => `job ${i}`);
    client.send(...texts.map(background));
    await expect.poll(() => server.stats.jobs).toBe(101);
    await expectTheRestToWork(port);
    go();
    for (let i = 0; i < 101; i++) await client.expect('JOB_CREATED');
    expect((server.stats.store?.commits ?? 0) - commits).toBe(2);
    await expectStored(disk, directory, server, ['first', ...texts]);
  });

  test('whose disk hangs refuses soon, says why, and ends all the same', async () => {
    const { disk, server, port, client } = await start(50);
    expect(await submit(client, 'before')).toBe('JOB_CREATED');
    const go = hold(disk);
    client.send(background('on its way'));
    await using other = await RawConnection.open(port);
    await expect
      .poll(() => server.stats.store?.full, { timeout: 3000 })
      .toMatch(/^journal .* has not answered for 50 ms/);
    expect(await submit(other, 'new')).toMatch(/^QUEUE_ERROR: .* has not answered for 50 ms/);
    await expectTheRestToWork(port);
    await server.close();
    go();
  });
});
