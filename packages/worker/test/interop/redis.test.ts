import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, startOurServer } from '@gearman/testing';
import KeyvRedis from '@keyv/redis';
import { describe, expect, test } from 'vitest';
import { type CacheEvent, cached, createCache } from '../../src/cache/index.ts';
import { createWorker, type Handler, type WorkerJob } from '../../src/index.ts';
import { Submitter } from '../support/submitter.ts';

const redisServer = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'redis-server'))
  .find((path) => existsSync(path));
const skip = redisServer === undefined && process.env['GEARMAN_REQUIRE_INTEROP'] !== '1';

/** A Redis of the test's own, which keeps nothing. */
class Redis {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start(): Promise<Redis> {
    if (redisServer === undefined)
      throw new Error('redis-server is not here; on Debian: apt-get install redis-server');
    for (;;) {
      const port = await freePort();
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      const child = spawn(redisServer, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      for await (const line of createInterface(child.stdout)) {
        if (!line.includes('Ready to accept connections')) continue;
        child.stdout.resume();
        return new Redis(child, port);
      }
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Runs one job of a handler, on a server and by a worker of its own. */
async function runJob(
  handler: Handler,
): Promise<{ readonly story: readonly string[]; readonly result: Buffer }> {
  await using server = await startOurServer();
  await using worker = createWorker({ servers: server.server });
  worker.register('f', handler);
  await worker.start();
  await using client = await Submitter.open(server.port);
  const job = await client.submit('f', 'x');
  const end = await job.ended;
  if (end.type !== 'WORK_COMPLETE') throw new Error(job.story.join());
  return { story: job.story.slice(0, -1), result: Buffer.from(end.data) };
}

describe.skipIf(skip)('a cache on Redis', () => {
  test('is shared by workers with connections of their own', async () => {
    await using redis = await Redis.start();
    const result = Buffer.from([0, 255, 128]);
    let runs = 0;
    const handler = async (job: WorkerJob): Promise<Uint8Array> => {
      runs++;
      await job.write('ü');
      return result;
    };
    for (let i = 0; i < 2; i++) {
      // Closing waits until the result is kept.
      await using cache = createCache({ store: new KeyvRedis(redis.url) });
      expect(await runJob(cached(handler, { cache, maxAgeMs: 60_000 }))).toEqual({
        story: ['WORK_DATA:ü'],
        result,
      });
    }
    expect(runs).toBe(1);
    await using cache = createCache({ store: new KeyvRedis(redis.url) });
    expect(await cache.delete('f', Buffer.from('x'))).toBe(true);
    await runJob(cached(handler, { cache, maxAgeMs: 60_000 }));
    expect(runs).toBe(2);
  });

  test('lets Redis forget what is too old', async () => {
    await using redis = await Redis.start();
    {
      await using cache = createCache({ store: new KeyvRedis(redis.url) });
      await runJob(cached(() => 'x', { cache, maxAgeMs: 60_000, maxStaleMs: 30_000 }));
    }
    const store = new KeyvRedis(redis.url);
    const client = await store.getClient();
    const keys = await client.keys('*');
    expect(keys).toEqual([expect.stringMatching(/^gearman:.*f:/)]);
    const leftMs = Number(await client.pTTL(keys[0] ?? ''));
    expect(leftMs).toBeGreaterThan(60_000);
    expect(leftMs).toBeLessThanOrEqual(90_000);
    await store.disconnect();
  });

  test('that is gone fails no job', async () => {
    const redis = await Redis.start();
    const cache = createCache({ store: new KeyvRedis(redis.url), storeTimeoutMs: 50 });
    const events: CacheEvent[] = [];
    cache.on('event', (event) => events.push(event));
    const handler = cached(() => 'x', { cache, maxAgeMs: 60_000 });
    await runJob(handler);
    await redis.stop();
    expect((await runJob(handler)).result.toString()).toBe('x');
    expect(events.some(({ type }) => type === 'store-error')).toBe(true);
    await cache.close();
  });
});
