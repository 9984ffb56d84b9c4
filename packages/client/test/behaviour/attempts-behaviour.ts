import type { RawJob } from '@gearman/testing';
import { describe, expect } from 'vitest';
import type { Client } from '../../src/index.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { errorOf } from '../support/fake-job.ts';
import { behaviourTest, type StartServer } from './fixtures.ts';

/** The handles of a function's jobs, as its workers got them. */
function recorder() {
  const jobs: RawJob[] = [];
  return { jobs, handler: (job: RawJob) => void jobs.push(job) };
}

/** Waits until the server has read everything that this client sent. */
async function settle(client: Client): Promise<void> {
  await client.echo();
}

/** What the client promises of jobs that are tried again, given up or scheduled; each server runs it with the same code. */
export function describeAttempts(name: string, start: StartServer): void {
  const test = behaviourTest(start);

  describe(`Client, with ${name}: attempts`, () => {
    test('a job whose worker failed it is tried again when asked to', async ({ client, work }) => {
      let runs = 0;
      await work({
        flaky: (job) => {
          runs++;
          if (runs < 3) job.fail();
          else job.complete(`run ${runs} of ${job.text}`);
        },
      });
      const retries = { limit: 2, minMs: 1, retryIf: () => true };
      const job = client.submit('flaky', 'job', { retries });
      const attempts: number[] = [];
      job.on('retry', ({ attempt }) => attempts.push(attempt));
      expect(await job.text()).toBe('run 3 of job');
      expect(attempts).toEqual([2, 3]);
    });

    test('a foreground job whose acknowledgement was lost runs once, when its unique id allows that', async ({
      server,
      connect,
      work,
      after,
    }) => {
      const proxy = await startCuttingProxy(server.port);
      after(() => proxy.close());
      const client = connect({ servers: proxy.server });
      const job = client.submit('echo', 'data', { uniqueId: 'one', retries: { minMs: 1 } });
      const retried = new Promise((resolve) => void job.once('retry', resolve));
      await retried;
      // The server has the job of a client that is gone, and now gets it once more.
      await job.created;
      const runs: string[] = [];
      await work({
        echo: (raw) => {
          runs.push(raw.uniqueId);
          raw.complete(raw.workload);
        },
      });
      expect(await job.text()).toBe('data');
      expect(runs).toEqual(['one']);
      expect(proxy.connections).toBe(2);
    });

    test('a background job whose acknowledgement was lost is one job, when its unique id says so', async ({
      server,
      client,
      connect,
      after,
    }) => {
      const proxy = await startCuttingProxy(server.port);
      after(() => proxy.close());
      const cut = connect({ servers: proxy.server });
      const ref = await cut.submitBackground('f', 'data', { uniqueId: 'one' });
      expect(proxy.connections).toBe(2);
      const other = await client.submitBackground('f', 'data', { uniqueId: 'one' });
      expect(ref.handle).toBe(other.handle);
    });

    test('a job that was cancelled while it waits never runs', async ({ client, work }) => {
      const job = client.submit('f', 'first');
      await job.created;
      expect(await job.cancel('too late')).toBe('removed');
      expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', cause: 'too late' });
      const { jobs, handler } = recorder();
      await work({ f: handler, g: (raw) => raw.complete() });
      await client.submit('g');
      expect(jobs).toEqual([]);
      expect(client.pending).toBe(0);
    });

    test('a background job is cancelled by its reference, and is unknown then', async ({ client, work }) => {
      const ref = await client.submitBackground('f');
      expect(await client.cancel(ref)).toBe('removed');
      const { jobs, handler } = recorder();
      await work({ f: handler, g: (raw) => raw.complete() });
      await client.submit('g');
      expect(jobs).toEqual([]);
      expect(await client.cancel(String(ref))).toBe('unknown');
    });

    test('a job that runs is cancelled for its client, and its worker goes on', async ({ client, work }) => {
      const running: RawJob[] = [];
      await work({
        f: (raw) => {
          running.push(raw);
          raw.status(1, 2);
        },
        g: (raw) => raw.complete('g'),
      });
      const job = client.submit('f');
      await new Promise((resolve) => void job.once('status', resolve));
      expect(await job.cancel()).toBe('signalled');
      running[0]?.complete('late');
      expect(await client.submit('g').text()).toBe('g');
      expect(job.state).toMatchObject({ name: 'failed', event: { type: 'cancelled' } });
    });

    test('a job for now, and one for later, are background jobs', async ({ client, work }) => {
      const later = await client.submitAt('f', { delayMs: 60_000 }, 'later');
      await client.submitAt('f', new Date(0), 'now');
      await settle(client);
      const seen = new Promise<string>((resolve) => {
        void work({ f: (raw) => resolve(raw.text) });
      });
      expect(await seen).toBe('now');
      expect(await client.status(later)).toMatchObject({ known: true, running: false });
    });

    test('many states are asked for at once, by reference and by unique id', async ({ client }) => {
      const ids = Array.from({ length: 50 }, (_, i) => `id-${i}`);
      const refs = await Promise.all(ids.map((uniqueId) => client.submitBackground('f', '', { uniqueId })));
      for (const statuses of [await client.statusMany(refs), await client.statusManyByUnique(ids)]) {
        expect(statuses.map(({ known }) => known)).toEqual(ids.map(() => true));
      }
    });
  });
}
