import { describe, expect, test } from 'vitest';
import type { WorkerJob } from '../../src/index.ts';
import { gate, Stage, type StartServer } from './stage.ts';

/** Resolves when `count` jobs have begun; each then waits for `goOn`. */
function crowd(count: number) {
  const full = gate();
  const goOn = gate();
  let now = 0;
  let most = 0;
  const handler = async (job: WorkerJob): Promise<string> => {
    now++;
    most = Math.max(most, now);
    if (now >= count) full.open();
    await goOn.opened;
    now--;
    return job.text();
  };
  return {
    full: full.opened,
    open: () => goOn.open(),
    handler,
    most: () => most,
  };
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

/** How many jobs a worker takes, when, and from whom. */
export function describeControl(
  name: string,
  startServer: StartServer,
  options: { skip?: boolean } = {},
): void {
  describe.skipIf(options.skip === true)(`a worker in control, of ${name}`, () => {
    const setUp = (): Stage => new Stage(startServer);

    test('a function has a limit of its own, and leaves the rest of the slots to others', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 5 });
      const few = crowd(2);
      const many = crowd(3);
      worker.register('few', few.handler, { concurrency: 2 });
      worker.register('many', many.handler);
      await worker.start();
      const client = await stage.client(server);
      const jobs = numbers(10).map((each) => client.run('few', each));
      await few.full;
      jobs.push(...numbers(10).map((each) => client.run('many', each)));
      await many.full;
      const status = stage.status(server);
      expect(await status.until('few', ({ running }) => running === 2)).toMatchObject({ total: 10 });
      expect(await status.until('many', ({ running }) => running === 3)).toMatchObject({ total: 10 });
      few.open();
      many.open();
      await Promise.all(jobs);
      expect(few.most()).toBe(2);
      expect(many.most()).toBeLessThanOrEqual(5);
    });

    test('registers a function again with other slots, and takes it back without a trace', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 4 });
      worker.register('f', () => 'first');
      await worker.start();
      const client = await stage.client(server);
      const status = stage.status(server);
      expect(await client.run('f')).toBe('first');
      worker.register('f', () => 'second', { concurrency: 2 });
      await status.until('f', ({ workers }) => workers === 1);
      expect(await client.run('f')).toBe('second');
      const registration = worker.register('f', () => 'third', { rate: { limit: 5, perMs: 10 } });
      await status.until('f', ({ workers }) => workers === 1);
      expect(await client.run('f')).toBe('third');
      await registration.unregister();
      expect(worker.isRegistered('f')).toBe(false);
      await status.until('f', ({ workers }) => workers === 0);
    });

    test('counts for each server by itself when asked to', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()];
      const worker = stage.worker(servers, { concurrency: 2, perServer: true });
      const all = crowd(4);
      worker.register('f', all.handler);
      await worker.start();
      const clients = await Promise.all(servers.map((server) => stage.client(server)));
      const jobs = clients.flatMap((client) => numbers(5).map((each) => client.run('f', each)));
      await all.full;
      for (const server of servers) {
        await stage.status(server).until('f', ({ running }) => running === 2);
      }
      all.open();
      await Promise.all(jobs);
      expect(all.most()).toBe(4);
    });

    test('takes jobs ahead of their time, runs no more than it may, and gives back what has not begun', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 2, prefetch: 3 });
      const some = crowd(2);
      worker.register('f', some.handler);
      await worker.start();
      const client = await stage.client(server);
      const jobs = numbers(8).map((each) => client.run('f', each));
      await some.full;
      await stage.status(server).until('f', ({ running }) => running === 5);
      // The server counts a job when it sends it, the worker when it comes.
      while (worker.status().waiting < 3) await new Promise((resolve) => setImmediate(resolve));
      expect(worker.status()).toMatchObject({ running: 2, waiting: 3 });
      const stopped = worker.stop();
      some.open();
      expect(await stopped).toEqual({ finished: 2, aborted: 3 });
      expect(some.most()).toBe(2);
      const other = stage.worker(server);
      other.register('f', (job) => job.text());
      await other.start();
      expect((await Promise.all(jobs)).toSorted()).toEqual(numbers(8));
    });

    test('pauses and resumes, and keeps running jobs meanwhile', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const first = crowd(1);
      worker.register('f', first.handler);
      await worker.start();
      const client = await stage.client(server);
      const jobs = [client.run('f', '1'), client.run('f', '2')];
      await first.full;
      const paused = worker.pause();
      first.open();
      await paused;
      expect(await jobs[0]).toBe('1');
      expect(worker.status().servers[0]).toMatchObject({ state: 'paused', running: 0 });
      const figures = await stage.status(server).read('f');
      expect(figures).toMatchObject({ total: 1, running: 0, workers: 1 });
      worker.resume();
      expect(await jobs[1]).toBe('2');
    });

    test('leaves one server, works on for the others, and comes back', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()] as const;
      const worker = stage.worker(servers);
      worker.register('f', ({ server }) => server);
      await worker.start();
      const clients = [await stage.client(servers[0]), await stage.client(servers[1])] as const;
      expect(await clients[0].run('f')).toBe(servers[0].server);
      expect(await worker.stop({ server: servers[0].server })).toMatchObject({ aborted: 0 });
      const status = stage.status(servers[0]);
      await status.until('f', ({ workers }) => workers === 0);
      expect(await clients[1].run('f')).toBe(servers[1].server);
      expect(worker.status().servers.map(({ state }) => state)).toContain('stopped');
      const waiting = clients[0].run('f');
      // A function that is registered meanwhile is not for the server that was left.
      worker.register('g', () => 'g');
      expect(await clients[1].run('g')).toBe('g');
      expect(await status.read('g')).toMatchObject({ workers: 0 });
      await worker.start({ server: servers[0].server });
      expect(await waiting).toBe(servers[0].server);
      expect(await clients[0].run('g')).toBe('g');
      await status.until('f', ({ workers }) => workers === 1);
    });

    test('takes up a server while it runs, and leaves one without losing what runs there', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()] as const;
      const worker = stage.worker(servers[0], { concurrency: 2 });
      const one = crowd(1);
      worker.register('f', ({ server }) => server);
      worker.register('slow', one.handler, { concurrency: 1 });
      await worker.start();
      worker.addServer(servers[1].server);
      const clients = [await stage.client(servers[0]), await stage.client(servers[1])] as const;
      expect(await clients[1].run('f')).toBe(servers[1].server);
      expect(await clients[0].run('f')).toBe(servers[0].server);
      const slow = clients[0].run('slow', 'done');
      await one.full;
      const removed = worker.removeServer(servers[0].server);
      await stage.status(servers[0]).until('f', ({ workers }) => workers === 0);
      one.open();
      expect(await slow).toBe('done');
      await removed;
      expect(worker.status().servers.map(({ server }) => server)).toEqual([servers[1].server]);
      await stage.status(servers[0]).until('slow', ({ workers }) => workers === 0);
      expect(await clients[1].run('slow', 'there')).toBe('there');
    });

    test('starts with one server only', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()] as const;
      const worker = stage.worker(servers);
      worker.register('f', ({ server }) => server);
      await worker.start({ server: servers[1].server });
      const clients = [await stage.client(servers[0]), await stage.client(servers[1])] as const;
      expect(await clients[1].run('f')).toBe(servers[1].server);
      expect(await stage.status(servers[0]).read('f')).toMatchObject({ workers: 0 });
      await worker.start();
      expect(await clients[0].run('f')).toBe(servers[0].server);
    });

    test('leaves a server within a time limit, and gives the job back', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const began = gate<WorkerJob>();
      worker.register('f', (job) => {
        began.open(job);
        return new Promise(() => {});
      });
      await worker.start();
      const client = await stage.client(server);
      const result = client.run('f');
      const job = await began.opened;
      const report = await worker.stop({ server: server.server, timeoutMs: 0 });
      expect(report).toEqual({ finished: 0, aborted: 1 });
      expect(job.signal.reason).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
      const other = stage.worker(server);
      other.register('f', () => 'other');
      await other.start();
      expect(await result).toBe('other');
    });

    test('runs one job at a time when stepped, from whichever server has one', async () => {
      await using stage = setUp();
      const servers = [await stage.server(), await stage.server()] as const;
      const worker = stage.worker(servers, { concurrency: 8 });
      worker.register('f', (job) => {
        if (job.text() === 'bad') throw new Error('bad');
        return job.text();
      });
      await worker.ready({ atLeast: 'all' });
      const client = await stage.client(servers[1]);
      const jobs = ['1', '2'].map((each) => client.run('f', each));
      const bad = await client.submit('f', 'bad');
      const first = await worker.workOnce();
      expect(first).toMatchObject({ functionName: 'f', outcome: 'complete' });
      expect(first?.ref.server).toBe(servers[1].server);
      expect(await jobs[0]).toBe('1');
      await stage.status(servers[1]).until('f', ({ total, running }) => total === 2 && running === 0);
      expect(await worker.workOnce({ server: servers[0].server, timeoutMs: 20 })).toBeUndefined();
      expect(await worker.workOnce({ server: servers[1].server })).toMatchObject({ outcome: 'complete' });
      expect(await worker.workOnce()).toMatchObject({ outcome: 'exception' });
      await bad.ended;
      expect(await worker.workOnce({ timeoutMs: 0 })).toBeUndefined();
      await worker.start();
      expect(await client.run('f', '3')).toBe('3');
      await expect(worker.workOnce()).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    });

    test('replaces its functions at once, and takes them all back', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('a', () => 'a');
      worker.register('b', () => 'b');
      await worker.start();
      const client = await stage.client(server);
      await worker.setFunctions({ b: () => 'new b', c: () => 'c' });
      expect(worker.status().functions.toSorted()).toEqual(['b', 'c']);
      expect(await Promise.all([client.run('b'), client.run('c')])).toEqual(['new b', 'c']);
      const status = stage.status(server);
      await status.until('a', ({ workers }) => workers === 0);
      await worker.unregisterAll();
      expect(worker.status().functions).toEqual([]);
      for (const each of ['b', 'c']) await status.until(each, ({ workers }) => workers === 0);
    });

    test('takes a function back without waiting, and its job runs elsewhere', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const began = gate<WorkerJob>();
      const registration = worker.register('f', (job) => {
        began.open(job);
        return new Promise(() => {});
      });
      await worker.start();
      const client = await stage.client(server);
      const result = client.run('f');
      const job = await began.opened;
      await registration.unregister({ drain: false });
      expect(job.signal.aborted).toBe(true);
      const other = stage.worker(server);
      other.register('f', () => 'other');
      await other.start();
      expect(await result).toBe('other');
    });

    test('limits the queue of a function, again after a reconnect, and reports its figures', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { reconnect: { maxMs: 20 } });
      const one = crowd(1);
      const registration = worker.register('f', one.handler, { maxQueue: 2 });
      await worker.start();
      const again = gate();
      worker.pool.once('connect', () => again.open());
      await server.kill();
      const restarted = await stage.server(server.port);
      await again.opened;
      await registration.maxQueue({ high: 3, normal: 3, low: 3 });
      await registration.maxQueue(2);
      const client = await stage.client(restarted);
      const jobs = [await client.submit('f', '1'), await client.submit('f', '2')];
      await one.full;
      await expect(client.submit('f', '3')).rejects.toThrow('QUEUE');
      expect(await registration.status()).toEqual({ total: 2, queued: 1, running: 1, workers: 1 });
      one.open();
      await Promise.all(jobs.map(({ ended }) => ended));
      await registration.maxQueue(null);
      for (const each of ['4', '5', '6']) await client.run('f', each);
    });

    test('does jobs in batches, each with an end of its own', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const client = await stage.client(server);
      const worker = stage.worker(server);
      const sizes: number[] = [];
      worker.registerBatch(
        'f',
        (jobs) => {
          sizes.push(jobs.length);
          for (const job of jobs) {
            if (job.text() === '3') job.fail();
            else if (job.text() !== '4') job.complete(`${job.text()} of ${jobs.length}`);
          }
        },
        { max: 5, waitMs: 10 },
      );
      const jobs = await Promise.all(numbers(7).map((each) => client.submit('f', each)));
      await worker.start();
      await Promise.all(jobs.map(({ ended }) => ended));
      expect(sizes).toEqual([5, 2]);
      expect(jobs.flatMap(({ story }) => story)).toEqual([
        'WORK_COMPLETE:0 of 5',
        'WORK_COMPLETE:1 of 5',
        'WORK_COMPLETE:2 of 5',
        'WORK_FAIL',
        'WORK_COMPLETE:',
        'WORK_COMPLETE:5 of 2',
        'WORK_COMPLETE:6 of 2',
      ]);
    });

    test('divides jobs for a reducer and puts the results together, or fails with the first that fails', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const inner = await stage.client(server);
      const submitted: string[] = [];
      const submit = async (functionName: string, payload: Uint8Array | string): Promise<Uint8Array> => {
        submitted.push(String(payload));
        return Buffer.from(await inner.run(functionName, payload));
      };
      // One slot: the parts run while the job that was divided waits for them.
      const worker = stage.worker(server, { client: { submit } });
      worker.registerPartitioner('words', {
        split: (job) => job.text().split(' '),
        aggregate: (results) => results.map(String).join('-'),
      });
      worker.register('upper', (job) => {
        if (job.text() === 'bad') throw new Error('a bad word');
        return job.text().toUpperCase();
      });
      await worker.start();
      const client = await stage.client(server);
      expect(await client.run('words', 'some little words', { reducer: 'upper' })).toBe('SOME-LITTLE-WORDS');
      expect(submitted).toEqual(['some', 'little', 'words']);
      const failing = await client.submit('words', 'a bad word', { reducer: 'upper' });
      await failing.ended;
      expect(failing.story).toEqual([expect.stringContaining('WORK_EXCEPTION')]);
      const alone = await client.submit('words', 'no reducer');
      await alone.ended;
      expect(alone.story).toEqual([expect.stringContaining('submit it with one')]);
    });

    test('puts a prefix before the names on the wire, and nowhere else', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { prefix: 'app' });
      const other = stage.worker(server, { prefix: 'app', prefixSeparator: '' });
      worker.register('f', (job) => job.functionName);
      other.register('-g', (job) => job.functionName);
      await Promise.all([worker.start(), other.start()]);
      const client = await stage.client(server);
      expect(await client.run('app\tf')).toBe('f');
      expect(await client.run('app-g')).toBe('-g');
      expect(worker.isRegistered('f')).toBe(true);
      expect(worker.status().functions).toEqual(['f']);
      await worker.unregister('f');
      expect(worker.isRegistered('f')).toBe(false);
    });

    test('learns what an exception needs, without a packet too many', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register(
        'f',
        () => {
          throw new Error('no');
        },
        { timeoutMs: 60_000 },
      );
      await worker.start();
      const client = await stage.client(server);
      for (let i = 0; i < 3; i++) {
        const job = await client.submit('f');
        await job.ended;
        expect(job.story).toEqual(['WORK_EXCEPTION:{"name":"Error","message":"no"}']);
      }
      expect(stage.complaints()).toEqual([]);
    });
  });
}
