import { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { request } from '@gearman/protocol';
import { RawConnection, type RawHandler } from '@gearman/testing';
import { firstValueFrom, from, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import { submitMap } from '../../src/index.ts';
import { errorOf } from '../support/fake-job.ts';
import { behaviourTest, type StartServer } from './fixtures.ts';

const upper: RawHandler = (job) => job.complete(job.text.toUpperCase());
const echo: RawHandler = (job) => job.complete(job.workload);
/** Sends the payload back in parts of 4000 bytes. */
const parts: RawHandler = (job) => {
  for (let at = 0; at < job.workload.length; at += 4000) job.data(job.workload.subarray(at, at + 4000));
  job.complete();
};
const fail: RawHandler = (job) => job.fail();

/** Bytes that a piece that is lost, doubled or out of order would show in. */
const bytesOf = (size: number): Buffer =>
  Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));

async function* numbers(count: number): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) yield `n${i}`;
}

/** What the client promises of streams and of many jobs, against any job server. */
export function describeCollections(name: string, start: StartServer): void {
  const test = behaviourTest(start);

  describe(`Client, with ${name}: streams`, () => {
    test('what is written is the payload, what is read is the result', async ({ client, work }) => {
      await work({ upper });
      const stream = client.submitStream('upper');
      stream.write('test ');
      stream.end('string');
      expect(await text(stream)).toBe('TEST STRING');
      expect(stream.handle).toBe((await stream.created).handle);
    });

    test.for([0, 1, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1])(
      'a payload of %d bytes comes back unchanged, in one piece or in parts, its size known or not',
      async (size, { client, work }) => {
        await work({ echo, parts });
        const data = bytesOf(size);
        const results = await Promise.all([
          buffer(Readable.from(chunksOf(data, 10_007)).pipe(client.submitStream('echo'))),
          buffer(Readable.from(chunksOf(data, 4096)).pipe(client.submitStream('parts', { sizeBytes: size }))),
          buffer(client.submit('parts', Readable.from(chunksOf(data, 65_536))).stream()),
        ]);
        for (const result of results) expect(Buffer.compare(result, data)).toBe(0);
      },
    );

    test('a slow reader gets everything, and holds the server back meanwhile', async ({ client, work }) => {
      await work({ parts });
      const data = bytesOf(1 << 20);
      const job = client.submit('parts', data, { dataMode: 'events' });
      const readable = job.stream({ maxBufferedBytes: 16_384 });
      let most = 0;
      const received: Buffer[] = [];
      await pipeline(
        readable,
        new Writable({
          highWaterMark: 1,
          write(chunk: Buffer, _encoding, callback) {
            most = Math.max(most, readable.readableLength);
            received.push(chunk);
            setImmediate(callback);
          },
        }),
      );
      expect(Buffer.compare(Buffer.concat(received), data)).toBe(0);
      // What one read of the socket brought comes on top.
      expect(most).toBeLessThan(16_384 + 2 * 65_536 + 4000);
    });

    test('a reader may wait for other jobs before it reads on', async ({ client, work }) => {
      await work({ parts, upper });
      let size = 0;
      for await (const chunk of client.submit('parts', bytesOf(3 << 20), { dataMode: 'events' }).stream()) {
        size += (chunk as Buffer).length;
        expect(await client.submit('upper', 'x').text()).toBe('X');
      }
      expect(size).toBe(3 << 20);
    });

    test('a failed job is an error of the stream', async ({ client, work }) => {
      await work({ fail });
      await expect(text(client.submitStream('fail').end('x'))).rejects.toMatchObject({
        code: 'ERR_GEARMAN_JOB_FAILED',
      });
    });

    test('destroying a stream detaches from its job', async ({ client, work }) => {
      await work({ upper });
      const stream = client.submitStream('nobody').end('x');
      await stream.created;
      stream.destroy();
      expect(stream.job.state).toMatchObject({ event: { type: 'cancelled' } });
      expect(await client.submit('upper', 'x').text()).toBe('X');
    });
  });

  describe(`Client, with ${name}: many jobs`, () => {
    test('map() keeps the order of its inputs', async ({ client, work }) => {
      await work({ upper });
      const results = await client.map('upper', numbers(500), { concurrency: 8 });
      expect(results.map(String)).toEqual(Array.from({ length: 500 }, (_, i) => `N${i}`));
    });

    test('map() with reduce makes one value of all results', async ({ client, work }) => {
      await work({ upper });
      const sum = await client.map('upper', ['a', 'b', 'c'], {
        reduce: (all: string, result) => all + Buffer.from(result).toString(),
        initial: '-',
      });
      expect(sum).toBe('-ABC');
    });

    test('map() ends with the first failure, or tells all of them at the end', async ({ client, work }) => {
      await work({ upper, mixed: (job) => (job.text === 'x' ? job.fail() : upper(job)) });
      const inputs = ['a', 'x', 'b', 'x'];
      await expect(client.map('mixed', inputs)).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
      const error = await errorOf(client.map('mixed', inputs, { stopOnError: false }));
      expect(error).toMatchObject({
        code: 'ERR_GEARMAN_MAP',
        errors: [{ code: 'ERR_GEARMAN_JOB_FAILED' }, { code: 'ERR_GEARMAN_JOB_FAILED' }],
        outcomes: [{ ok: true, value: Buffer.from('A') }, { ok: false }, { ok: true }, { ok: false }],
      });
    });

    test('submitMap() and mapResults() agree', async ({ client, work }) => {
      await work({ upper });
      const values = Array.from({ length: 50 }, (_, i) => `v${i}`);
      const mapped = await firstValueFrom(
        from(values).pipe(submitMap(client, 'upper', { concurrency: 4, ordered: true }), toArray()),
      );
      const looped: Uint8Array[] = [];
      for await (const result of client.mapResults('upper', values, { concurrency: 4 })) looped.push(result);
      expect(looped).toEqual(mapped);
    });

    test('submitMany() and submitManyBackground() take many at once', async ({ client, work }) => {
      await work({ upper });
      const jobs = client.submitMany([
        { functionName: 'upper', data: 'a' },
        { functionName: 'upper', data: 'b', options: { priority: 'high' } },
      ]);
      expect(await Promise.all(jobs.map((job) => job.text()))).toEqual(['A', 'B']);
      const outcomes = await client.submitManyBackground([
        { functionName: 'later', data: 'a' },
        { functionName: '' },
      ]);
      expect(outcomes).toMatchObject([
        { ok: true, value: { server: jobs[0]?.ref?.server } },
        { ok: false, error: { code: 'ERR_GEARMAN_INVALID_ARGUMENT' } },
      ]);
    });

    test('a task set of 5,000 says what became of each', async ({ client, work }) => {
      await work({ echo, fail });
      const set = client.taskSet();
      for (let i = 0; i < 4_999; i++) set.add('echo', `${i}`);
      set.add('fail');
      const { ok, results, failed, timedOut } = await set.wait();
      expect([ok, results.length, failed.map(({ index }) => index), timedOut]).toEqual([
        false,
        5_000,
        [4_999],
        [],
      ]);
      const wrong = results.filter((each) => each.ok && String(each.value) !== `${each.index}`);
      expect(wrong).toEqual([]);
    });

    test('a task queue runs what was collected, in the background, too', async ({ client, server, work }) => {
      await work({ upper });
      const created: number[] = [];
      const results: string[] = [];
      using queue = client.taskQueue({
        functionName: 'upper',
        server: server.server,
        onCreated: ({ index }) => created.push(index),
        onComplete: ({ index, bytes }) => results.push(`${index} ${Buffer.from(bytes)}`),
      });
      queue.add('a').add('b', { priority: 'low' }).add('c', { background: true });
      const { ok } = await queue.run().wait();
      expect([ok, created.toSorted((a, b) => a - b), results.toSorted()]).toEqual([
        true,
        [0, 1, 2],
        ['0 A', '1 B'],
      ]);
    });

    test('mapReduce() brings its reducer to workers that ask for it', async ({ client, server, after }) => {
      const worker = await RawConnection.open(server.port);
      after(() => worker.close());
      worker.send(request('CAN_DO', { functionName: 'split' }), request('ECHO_REQ', { data: Buffer.of() }));
      await worker.expect('ECHO_RES');
      const job = client.mapReduce('split', 'count', 'a b', { uniqueId: 'mr-1' });
      const ref = await client.mapReduceBackground('split', 'sum', 'c', { uniqueId: 'mr-2' });
      await job.created;
      worker.send(request('GRAB_JOB_ALL', {}));
      const assigned = await worker.expect('JOB_ASSIGN_ALL');
      expect(assigned).toMatchObject({ functionName: 'split', uniqueId: 'mr-1', reducer: 'count' });
      expect(Buffer.from(assigned.workload).toString()).toBe('a b');
      worker.send(request('WORK_COMPLETE', { handle: assigned.handle, data: Buffer.from('2') }));
      expect(await job.text()).toBe('2');
      worker.send(request('GRAB_JOB_ALL', {}));
      expect(await worker.expect('JOB_ASSIGN_ALL')).toMatchObject({ handle: ref.handle, reducer: 'sum' });
    });
  });
}

function* chunksOf(data: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
