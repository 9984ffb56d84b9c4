import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '@gearman/admin';
import { createClient } from '@gearman/client';
import { createServer, type ServerOptions } from '@gearman/server';
import { shouldTestGearmand, startGearmand, startOurServer, type TestServer } from '@gearman/testing';
import { createWorker, NonRetryableError, type WorkerJob } from '@gearman/worker';
import { describe, expect, onTestFinished, test } from 'vitest';

const AT_ONCE = { type: 'fixed', delayMs: 0 } as const;

type Handler = (job: WorkerJob) => string | Promise<string>;

async function startAll(server: TestServer, handlers: Readonly<Record<string, Handler>>, attempts = true) {
  onTestFinished(() => server.stop());
  const client = createClient({ servers: server.server });
  onTestFinished(() => client.close());
  const worker = createWorker({ servers: server.server, attempts });
  onTestFinished(async () => void (await worker.stop()));
  for (const [name, handler] of Object.entries(handlers)) worker.register(name, handler);
  await worker.start();
  return { client, worker };
}

const ours = (options: ServerOptions = {}) => startOurServer(options);
const until =
  (attempt: number): Handler =>
  (job) => {
    if (job.attempt < attempt) throw new Error(`attempt ${job.attempt} of ${job.maxAttempts}`);
    return `attempt ${job.attempt} of ${job.maxAttempts}`;
  };

describe('serverRetry', () => {
  test('has a job tried until it succeeds; its client hears of the success only', async () => {
    const { client } = await startAll(await ours(), { f: until(3) });
    const serverRetry = { attempts: 5, backoff: AT_ONCE };
    const jobs = Array.from({ length: 20 }, () => client.submit('f', 'x', { serverRetry }));
    for (const job of jobs) expect((await job).toString()).toBe('attempt 3 of 5');
  });

  test('ends with the exception of the last attempt', async () => {
    const { client } = await startAll(await ours(), { f: until(9) });
    const job = client.submit('f', 'x', { serverRetry: { attempts: 2, backoff: AT_ONCE }, priority: 'high' });
    await expect(job).rejects.toMatchObject({ remote: { message: 'attempt 2 of 2' } });
  });

  test('comes with background jobs, and jobs at a time', async () => {
    const seen: string[] = [];
    const { client } = await startAll(await ours(), {
      f: (job) => {
        seen.push(`${job.text()} ${job.attempt} of ${job.maxAttempts}`);
        return until(2)(job);
      },
    });
    const serverRetry = { attempts: 3, backoff: AT_ONCE };
    await client.submitBackground('f', 'background', { serverRetry });
    await client.submitAt('f', new Date(Date.now() - 1000), 'at', { serverRetry });
    await expect
      .poll(() => [...seen].sort())
      .toEqual(['at 1 of 3', 'at 2 of 3', 'background 1 of 3', 'background 2 of 3']);
  });

  test('is kept by a client whose connections come and go', async () => {
    const first = await ours();
    const { client } = await startAll(first, { f: until(2) });
    const serverRetry = { attempts: 2, backoff: AT_ONCE };
    await client.submit('f', 'x', { serverRetry });
    await first.stop();
    const again = await startOurServer({}, first.port);
    onTestFinished(() => again.stop());
    expect((await client.submit('f', 'x', { serverRetry })).toString()).toBe('attempt 2 of 2');
  });

  test.skipIf(!shouldTestGearmand())(
    'is refused where a server cannot do so, and nothing is submitted',
    async () => {
      const server = await startGearmand();
      let calls = 0;
      const { client } = await startAll(server, { f: () => `${++calls}` });
      const options = { serverRetry: { attempts: 2 } };
      await expect(client.submit('f', 'x', options)).rejects.toMatchObject({
        code: 'ERR_GEARMAN_UNSUPPORTED',
        message: expect.stringMatching(/does not know the extension x-submit.*nothing was submitted/),
      });
      await expect(client.submitBackground('f', 'x', { ttlMs: 5 })).rejects.toMatchObject({
        code: 'ERR_GEARMAN_UNSUPPORTED',
      });
      expect((await client.submit('f', 'x')).toString()).toBe('1');
    },
  );

  test('is checked before anything is sent', async () => {
    const { client } = await startAll(await ours(), {});
    expect(() => client.submit('f', 'x', { serverRetry: { attempts: 0 } })).toThrow('serverRetry.attempts');
    expect(() => client.submit('f', 'x', { ttlMs: 0 })).toThrow('ttlMs');
    await expect(client.submit('f', 'x', { ttlMs: 1e15 })).rejects.toMatchObject({
      code: 'ERR_GEARMAN_SERVER',
      serverCode: 'INVALID_ARGUMENT',
    });
  });
});

test('ttlMs, deadline and delayMs: a job that does not begin in time fails', async () => {
  const server = await ours();
  onTestFinished(() => server.stop());
  const client = createClient({ servers: server.server });
  onTestFinished(() => client.close());
  const started = performance.now();
  const expired = client.submit('f', 'x', { ttlMs: 20 });
  const late = client.submit('f', 'x', { deadline: new Date(Date.now() + 10) });
  const delayed = client.submit('g', 'x', { delayMs: 60 });
  await expect(expired).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  await expect(late).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  const worker = createWorker({ servers: server.server });
  onTestFinished(async () => void (await worker.stop()));
  worker.register('g', () => 'done');
  await worker.start();
  expect((await delayed).toString()).toBe('done');
  expect(performance.now() - started).toBeGreaterThan(55);
});

test('large payloads that are spooled are tried again, die, live again and go on elsewhere whole', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gearman-retries-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const payload = 'x'.repeat(300_000);
  const sizes: string[] = [];
  const server = await createServer({
    spool: { directory, thresholdBytes: 65_536 },
    functions: { g: { deadLetterTo: 'letters' } },
    dead: {},
  }).listen({ port: 0 });
  onTestFinished(() => server.close());
  const worker = createWorker({ servers: server.address, attempts: true });
  onTestFinished(async () => void (await worker.stop()));
  const note: Handler = (job) => {
    sizes.push(`${job.functionName} ${job.payload.length} ${job.attempt}`);
    throw new Error('no');
  };
  for (const name of ['f', 'g']) worker.register(name, note);
  worker.register('letters', (job) => `${sizes.push(`letters ${job.payload.length}`)}`);
  await worker.start();
  const client = createClient({ servers: server.address });
  onTestFinished(() => client.close());
  const admin = createAdmin({ servers: server.address });
  onTestFinished(() => admin.close());
  await client.submitBackground('f', payload, { serverRetry: { attempts: 2, backoff: AT_ONCE } });
  await expect.poll(() => server.stats.deadJobs).toBe(1);
  await admin.dead.requeue('all');
  await expect.poll(() => sizes.length).toBe(4);
  expect(sizes).toEqual(['f 300000 1', 'f 300000 2', 'f 300000 1', 'f 300000 2']);
  await expect.poll(() => server.stats.deadJobs).toBe(1);
  await client.submitBackground('g', payload);
  await expect.poll(() => sizes.slice(4)).toEqual(['g 300000 1', 'letters 300000']);
  await admin.dead.delete('all');
  // Of the payloads nothing is left; the lock is the server's.
  await expect.poll(() => readdir(directory)).toEqual(['lock']);
});

describe('a worker with the option attempts', () => {
  const functions = { f: { retry: { attempts: 4, backoff: AT_ONCE } } };

  test('ends a job for good with a NonRetryableError', async () => {
    let calls = 0;
    const { client } = await startAll(await ours({ functions }), {
      f: () => {
        calls++;
        throw new NonRetryableError('never');
      },
    });
    await expect(client.submit('f')).rejects.toMatchObject({
      remote: { name: 'NonRetryableError', message: 'never' },
    });
    expect(calls).toBe(1);
  });

  test('ends a job for good with an error whose code is among noRetryCodes', async () => {
    const server = await ours({ functions });
    onTestFinished(() => server.stop());
    const codes: unknown[] = [];
    await using client = createClient({ servers: server.server });
    const worker = createWorker({ servers: server.server, attempts: true, noRetryCodes: ['ENOENT', 404] });
    onTestFinished(async () => void (await worker.stop()));
    worker.register('f', (job) => {
      const code = job.text() === '404' ? 404 : job.attempt === 1 ? 'EAGAIN' : 'ENOENT';
      codes.push(code);
      throw Object.assign(new Error('no'), { code });
    });
    await worker.start();
    await expect(client.submit('f', '404')).rejects.toMatchObject({ remote: { code: 404 } });
    await expect(client.submit('f', 'file')).rejects.toMatchObject({ remote: { code: 'ENOENT' } });
    expect(codes).toEqual([404, 'EAGAIN', 'ENOENT']);
  });

  test('gives jobs back, for a while and without counting them, or with', async () => {
    const attempts: number[] = [];
    const { client, worker } = await startAll(await ours({ functions }), {
      f: (job) => {
        attempts.push(job.attempt);
        if (attempts.length === 5) return 'done';
        job.release(attempts.length < 4 ? { delayMs: 5 } : { countAttempt: true });
        return 'too late';
      },
    });
    const released: number[] = [];
    worker.on('job-release', ({ delayMs }) => released.push(delayMs));
    expect((await client.submit('f')).toString()).toBe('done');
    expect([attempts, released]).toEqual([
      [1, 1, 1, 1, 2],
      [5, 5, 5, 0],
    ]);
  });

  test('sees what a dead letter was', async () => {
    const letters: unknown[] = [];
    const { client } = await startAll(await ours({ functions: { f: { deadLetterTo: 'letters' } } }), {
      f: () => {
        throw new Error('broken');
      },
      letters: (job) => {
        letters.push([job.text(), job.deadLetter]);
        return '';
      },
    });
    const { handle } = await client.submitBackground('f', 'payload');
    await expect
      .poll(() => letters)
      .toEqual([
        [
          'payload',
          {
            functionName: 'f',
            handle,
            reason: 'exception',
            detail: expect.stringContaining('broken'),
            attempts: 1,
          },
        ],
      ]);
  });

  test('without it, nothing is known of attempts, an exception is one like any other, and nothing can be given back', async () => {
    const seen: unknown[] = [];
    const { client } = await startAll(
      await ours({ functions: { f: { retry: { attempts: 2, backoff: AT_ONCE } } } }),
      {
        f: (job) => {
          seen.push(job.attempt);
          try {
            job.release();
          } catch (error) {
            seen.push((error as { code: string }).code);
          }
          throw new NonRetryableError('never');
        },
      },
      false,
    );
    await expect(client.submit('f')).rejects.toMatchObject({ remote: { message: 'never' } });
    expect(seen).toEqual([1, 'ERR_GEARMAN_UNSUPPORTED', 1, 'ERR_GEARMAN_UNSUPPORTED']);
  });
});
