import { once } from 'node:events';
import { ConnectionLostError, createPool } from '@gearman/pool';
import { describe, expect, test } from 'vitest';
import { createWorker, type WorkerJob } from '../../src/index.ts';
import { gate, Stage, type StartServer } from './stage.ts';

const sorted = (list: readonly string[]): string[] => list.toSorted((a, b) => Number(a) - Number(b));

/** What a worker does, whatever server it talks to. */
export function describeWorker(
  name: string,
  startServer: StartServer,
  options: { skip?: boolean } = {},
): void {
  describe.skipIf(options.skip === true)(`a worker of ${name}`, () => {
    const setUp = (): Stage => new Stage(startServer);

    test('runs jobs, and clients hear everything in order', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('shout', async (job) => {
        job.progress(1, 3);
        await job.write('part ');
        job.warn('careful');
        return job.text().toUpperCase();
      });
      worker.register('größe', (job) => String(job.payload.length));
      await worker.start();
      const client = await stage.client(server);
      const job = await client.submit('shout', 'hello');
      await job.ended;
      expect(job.story).toEqual([
        'WORK_STATUS:1/3',
        'WORK_DATA:part ',
        'WORK_WARNING:careful',
        'WORK_COMPLETE:HELLO',
      ]);
      expect(await client.run('größe', 'ü')).toBe('2');
    });

    test('lives on whatever handlers throw, and sends one packet for it', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 2 });
      worker.register('throws', () => {
        throw Object.assign(new TypeError('bad'), { code: 'E_BAD' });
      });
      const nothing: unknown = undefined;
      worker.register('rejects', async () => {
        throw nothing;
      });
      worker.register('fails', (job) => job.fail('because'));
      worker.register('fine', () => 'fine');
      await worker.start();
      const client = await stage.client(server);
      const jobs = await Promise.all(['throws', 'rejects', 'fails'].map((each) => client.submit(each)));
      await Promise.all(jobs.map(({ ended }) => ended));
      expect(jobs.map(({ story }) => story)).toEqual([
        ['WORK_EXCEPTION:{"name":"TypeError","message":"bad","code":"E_BAD"}'],
        ['WORK_EXCEPTION:{"name":"Error","message":"undefined"}'],
        ['WORK_WARNING:because', 'WORK_FAIL'],
      ]);
      expect(await client.run('fine')).toBe('fine');
    });

    test('tells a handler unique id, reducer and reference', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('who', ({ uniqueId, reducer, ref }) => `${uniqueId} ${reducer} ${ref}`);
      await worker.start();
      const client = await stage.client(server);
      const plain = await client.submit('who', '', { uniqueId: 'ключ' });
      await plain.ended;
      expect(plain.story).toEqual([`WORK_COMPLETE:ключ undefined ${server.server}//${plain.handle}`]);
      const reduced = await client.submit('who', '', { uniqueId: 'u', reducer: 'sum' });
      await reduced.ended;
      expect(reduced.story).toEqual([`WORK_COMPLETE:u sum ${server.server}//${reduced.handle}`]);
    });

    test('moves megabytes in both directions, whole and in pieces', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('echo', (job) => job.payload);
      worker.register('pieces', async (job) => {
        for (let at = 0; at < job.payload.length; at += 65_536) {
          await job.write(job.payload.subarray(at, at + 65_536));
        }
      });
      await worker.start();
      const client = await stage.client(server);
      const payload = Buffer.alloc(5_000_000, 'Gearman ');
      expect((await client.run('echo', payload)) === payload.toString()).toBe(true);
      const pieces = await client.submit('pieces', payload);
      await pieces.ended;
      const whole = pieces.story.map((line) => line.slice(line.indexOf(':') + 1)).join('');
      expect(whole === payload.toString()).toBe(true);
      expect(pieces.story).toHaveLength(Math.ceil(payload.length / 65_536) + 1);
    });

    test('runs 5,000 jobs of random length, each once and never more than 64 at a time', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 64 });
      let running = 0;
      let most = 0;
      const seen: string[] = [];
      worker.register('f', async (job) => {
        running++;
        most = Math.max(most, running, worker.status().running);
        for (let left = Math.floor(Math.random() * 4); left > 0; left--) {
          await new Promise((resolve) =>
            left % 2 === 0 ? setImmediate(resolve) : setTimeout(resolve, left),
          );
        }
        seen.push(job.text());
        running--;
        return job.payload;
      });
      await worker.start();
      const client = await stage.client(server);
      const numbers = Array.from({ length: 5000 }, (_, index) => String(index));
      const results = await Promise.all(numbers.map((each) => client.run('f', each)));
      expect(results).toEqual(numbers);
      expect(sorted(seen)).toEqual(numbers);
      expect(most).toBeLessThanOrEqual(64);
      expect(most).toBeGreaterThan(32);
      expect(running).toBe(0);
    });

    test('works for several servers at once within one concurrency', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()];
      const worker = stage.worker(servers, { concurrency: 3 });
      let most = 0;
      const full = gate();
      const from = new Set<string>();
      worker.register('f', async (job) => {
        most = Math.max(most, worker.running.length);
        from.add(job.server);
        if (most === 3) full.open();
        // The first ones wait for company.
        await full.opened;
        return job.payload;
      });
      await worker.start();
      const clients = await Promise.all(servers.map((server) => stage.client(server)));
      const results = await Promise.all(
        clients.flatMap((client) => Array.from({ length: 100 }, (_, index) => client.run('f', `${index}`))),
      );
      expect(results).toHaveLength(200);
      expect(most).toBe(3);
      expect([...from].toSorted()).toEqual(servers.map(({ server }) => server).toSorted());
    });

    test('takes up jobs that wait for a function registered later', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const client = await stage.client(server);
      const worker = stage.worker(server);
      const waiting = client.run('later', 'x');
      worker.register('f', () => '');
      await worker.start();
      await client.run('f');
      worker.register('later', (job) => job.payload);
      expect(await waiting).toBe('x');
    });

    test('stops after the running job, whose result still reaches the client; the rest is for others', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const client = await stage.client(server);
      const first = stage.worker(server);
      const began = gate();
      const goOn = gate();
      first.register('f', async () => {
        began.open();
        await goOn.opened;
        return 'first';
      });
      await first.start();
      const jobs = [client.run('f'), client.run('f')];
      await began.opened;
      const stopped = first.stop();
      goOn.open();
      expect(await stopped).toEqual({ finished: 1, aborted: 0 });
      expect(await jobs[0]).toBe('first');
      const second = stage.worker(server);
      second.register('f', () => 'second');
      await second.start();
      expect(await jobs[1]).toBe('second');
    });

    test.each(['its own', 'a shared'])('gives a job back when it may not wait, on %s pool', async (whose) => {
      await using stage = setUp();
      const server = await stage.server();
      const client = await stage.client(server);
      const shared = createPool({ servers: server.server });
      const first = whose === 'its own' ? stage.worker(server) : createWorker({ pool: shared });
      const began = gate<WorkerJob>();
      first.register('f', (job) => {
        began.open(job);
        return new Promise(() => {});
      });
      await first.start();
      const result = client.run('f');
      const job = await began.opened;
      expect(await first.stop({ timeoutMs: 0 })).toEqual({ finished: 0, aborted: 1 });
      expect(job.signal.aborted).toBe(true);
      const second = stage.worker(server);
      second.register('f', () => 'second');
      await second.start();
      expect(await result).toBe('second');
      await shared.close();
    });

    test('takes a function back without disturbing its running job', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const client = await stage.client(server);
      const worker = stage.worker(server, { concurrency: 2 });
      const began = gate();
      const goOn = gate();
      let calls = 0;
      const registration = worker.register('f', async () => {
        calls++;
        began.open();
        await goOn.opened;
        return 'once';
      });
      worker.register('g', () => 'g');
      await worker.start();
      const result = client.run('f');
      await began.opened;
      const unregistered = registration.unregister();
      goOn.open();
      expect(await result).toBe('once');
      await unregistered;
      expect(calls).toBe(1);
      expect(await client.run('g')).toBe('g');
    });

    test('outlives a server that is started anew while jobs run', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 4, reconnect: { maxMs: 50 } });
      const began = gate<WorkerJob>();
      const goOn = gate();
      worker.register('slow', async (job) => {
        began.open(job);
        await goOn.opened;
        return 'slow';
      });
      worker.register('f', (job) => job.payload);
      await worker.start();
      const before = await stage.client(server);
      await before.submit('slow');
      const job = await began.opened;
      const aborted = once(job.signal, 'abort');
      await server.kill();
      await aborted;
      expect(job.signal.reason).toBeInstanceOf(ConnectionLostError);

      const again = await stage.server(server.port);
      const after = await stage.client(again);
      const results = await Promise.all(['1', '2', '3'].map((each) => after.run('f', each)));
      // The result of the lost job must not reach the new server, where its handle may belong to another one.
      goOn.open();
      expect(results).toEqual(['1', '2', '3']);
      expect(await after.run('f', '4')).toBe('4');
      expect(worker.status().running).toBe(0);
    });

    test('is told by the server to try again after the time limit, and silences the first attempt', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 2 });
      const again = gate();
      let attempts = 0;
      const reasons: unknown[] = [];
      worker.register(
        'f',
        async (job) => {
          attempts++;
          if (attempts > 1) {
            again.open();
            return 'second';
          }
          await once(job.signal, 'abort');
          reasons.push(job.signal.reason);
          await again.opened;
          return 'first';
        },
        { timeoutMs: 1000 },
      );
      await worker.start();
      const client = await stage.client(server);
      expect(await client.run('f')).toBe('second');
      expect(reasons).toMatchObject([{ code: 'ERR_GEARMAN_JOB_TIMEOUT' }]);
      expect(attempts).toBe(2);
    });

    test('connects whenever the server comes up', async () => {
      await using stage = setUp();
      const server = await stage.server();
      await server.stop();
      const worker = stage.worker(server, { reconnect: { maxMs: 20 } });
      worker.register('f', () => 'x');
      const refused = gate();
      worker.pool.once('connection-error', () => refused.open());
      const started = worker.start();
      await refused.opened;
      const late = await stage.server(server.port);
      await started;
      const client = await stage.client(late);
      expect(await client.run('f')).toBe('x');
    });
  });
}
