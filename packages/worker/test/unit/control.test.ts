import { response } from '@gearman/protocol';
import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { HandlerResult, WorkerJob, WorkerStatus } from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker, type FakeWorker, said } from '../support/fake-worker.ts';

const NO_JOB = response('NO_JOB', {});
const NOOP = response('NOOP', {});

async function end({ worker, peer }: FakeWorker): Promise<void> {
  peer.close();
  await worker.stop({ timeoutMs: 0 });
}

describe('progress', () => {
  test('is sent at once, then once per interval, and the last of it before the end', async () => {
    const jobs: WorkerJob[] = [];
    const fake = await createStartedWorker(
      (worker) => worker.register('f', (job) => void jobs.push(job), { manual: true }),
      { progressIntervalMs: 100 },
    );
    fake.peer.assign();
    const [job] = jobs;
    for (const step of [1, 2, 3]) job?.progress(step, 10);
    const numerators = async (): Promise<string[]> => {
      await turn();
      return fake.peer.take().map((packet) => ('numerator' in packet ? packet.numerator : packet.type));
    };
    expect(await numerators()).toEqual(['1']);
    fake.clock.advance(99);
    job?.progress(4, 10);
    expect(await numerators()).toEqual([]);
    fake.clock.advance(1);
    expect(await numerators()).toEqual(['4']);
    job?.progress(9, 10);
    job?.complete();
    expect(await numerators()).toEqual(['9', 'WORK_COMPLETE', 'GRAB_JOB_ALL']);
    expect(fake.events.filter(({ type }) => type === 'job-progress')).toHaveLength(3);
    fake.clock.advance(1000);
    expect(await numerators()).toEqual([]);
    await end(fake);
  });
});

describe('a rate', () => {
  test('holds for any span of time, and costs no request that could bring a job too many', async () => {
    const fake = createFakeWorker({ concurrency: 8 });
    const { worker, clock, net } = fake;
    worker.register('f', () => 'x', { rate: { limit: 2, perMs: 1000 } });
    void worker.start();
    const peer = net.peer();
    expect(peer).not.toBe(fake.peer);
    fake.peer.accept();
    peer.accept();
    expect(await said(peer)).toBe('CAN_DO GRAB_JOB_ALL');
    expect(await said(fake.peer)).toBe('');
    peer.assign();
    expect(await said(peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    clock.advance(400);
    peer.assign();
    expect(await said(peer)).toBe('WORK_COMPLETE(2)');
    clock.advance(599);
    expect(await said(peer)).toBe('');
    clock.advance(1);
    expect(await said(peer)).toBe('GRAB_JOB_ALL');
    // There was none: the turn is not lost.
    peer.send(NO_JOB, NOOP);
    await turn();
    expect(await said(peer)).toBe('PRE_SLEEP GRAB_JOB_ALL');
    peer.assign();
    expect(await said(peer)).toBe('WORK_COMPLETE(3)');
    clock.advance(400);
    expect(await said(peer)).toBe('GRAB_JOB_ALL');
    peer.close();
    await end(fake);
  });
});

describe('workOnce()', () => {
  test('has one request under way, whatever the concurrency, and none between calls', async () => {
    const fake = createFakeWorker({ servers: ['a:1', 'b:1'], concurrency: 8 });
    const { worker, net, clock } = fake;
    const [a, b] = [net.peer('a:1'), net.peer('b:1')];
    worker.register('f', () => 'x');
    const first = worker.workOnce({ timeoutMs: 1000 });
    a.accept();
    b.accept();
    expect([await said(a), await said(b)]).toEqual(['CAN_DO GRAB_JOB_ALL', 'CAN_DO']);
    a.send(NO_JOB);
    expect([await said(a), await said(b)]).toEqual(['PRE_SLEEP', 'GRAB_JOB_ALL']);
    b.send(NO_JOB);
    expect(await said(b)).toBe('PRE_SLEEP');
    a.send(NOOP);
    expect(await said(a)).toBe('GRAB_JOB_ALL');
    a.assign();
    expect(await first).toMatchObject({ functionName: 'f', outcome: 'complete' });
    expect([await said(a), await said(b)]).toEqual(['WORK_COMPLETE(1)', '']);
    b.send(NOOP);
    expect([await said(a), await said(b)]).toEqual(['', '']);

    // A job that comes when the time is up is not lost.
    const second = worker.workOnce({ timeoutMs: 1000 });
    expect([await said(a), await said(b)].toSorted()).toEqual(['', 'GRAB_JOB_ALL']);
    clock.advance(1000);
    const asked = a.inFlight > 0 ? a : b;
    asked.assign();
    expect(await second).toMatchObject({ outcome: 'complete' });
    await said(a);
    await said(b);

    const third = worker.workOnce({ timeoutMs: 1000 });
    clock.advance(1000);
    await turn();
    (a.inFlight > 0 ? a : b).send(NO_JOB);
    expect(await third).toBeUndefined();
    await expect(Promise.all([worker.workOnce(), worker.workOnce()])).rejects.toThrow('runs no other job');
    b.close();
    await end(fake);
  });

  test('leaves a worker started that is started meanwhile', async () => {
    const fake = createFakeWorker();
    fake.worker.register('f', () => 'x');
    const step = fake.worker.workOnce();
    fake.peer.accept();
    await fake.worker.start();
    await said(fake.peer);
    fake.peer.assign();
    expect(await step).toMatchObject({ outcome: 'complete' });
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    await end(fake);
  });

  test('ends with the worker', async () => {
    const { worker, clock } = createFakeWorker();
    worker.register('f', () => 'x');
    const step = worker.workOnce();
    await worker.stop();
    expect(await step).toBeUndefined();
    await expect(worker.workOnce()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(clock.timerCount).toBe(0);
  });
});

describe('setup', () => {
  test('runs once, before a server hears of a function; what it throws start() rejects with', async () => {
    const calls: string[] = [];
    let broken = true;
    const fake = createFakeWorker({
      setup: async () => {
        calls.push('setup');
        await turn();
        if (broken) throw new Error('no database');
      },
    });
    fake.worker.register('f', () => 'x');
    fake.peer.accept();
    await expect(fake.worker.start()).rejects.toThrow('no database');
    expect(await said(fake.peer)).toBe('');
    expect(fake.worker.status().state).toBe('idle');
    broken = false;
    await Promise.all([fake.worker.start(), fake.worker.start()]);
    expect(calls).toEqual(['setup', 'setup']);
    expect(await said(fake.peer)).toBe('CAN_DO GRAB_JOB_ALL');
    await end(fake);
  });

  test('ends in vain when the worker is stopped meanwhile', async () => {
    const gate = new Subject<void>();
    const setup = (): Promise<void> => new Promise((resolve) => gate.subscribe(resolve));
    const { worker } = createFakeWorker({ setup });
    const started = worker.start();
    await worker.stop();
    gate.next();
    await expect(started).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });
});

describe('middleware', () => {
  test('wraps all handlers, the first outermost, and may change what they return or throw', async () => {
    const story: string[] = [];
    const fake = await createStartedWorker((worker) => {
      worker.register('f', (job) => {
        story.push('handler');
        if (job.text() === 'bad') throw new Error('bad');
        return 'x';
      });
    });
    const wrap = (name: string) => async (_: WorkerJob, next: () => Promise<HandlerResult>) => {
      story.push(`${name} in`);
      try {
        const result = await next();
        return typeof result === 'string' ? result + name : name;
      } finally {
        story.push(`${name} out`);
      }
    };
    fake.worker.use(wrap('1')).use(wrap('2'));
    fake.peer.assign('f', 'good');
    await turn();
    expect(Buffer.from(fake.peer.expect('WORK_COMPLETE').data).toString()).toBe('x21');
    expect(story.splice(0)).toEqual(['1 in', '2 in', 'handler', '2 out', '1 out']);
    fake.worker.use(async (_, next) => {
      try {
        return await next();
      } catch {
        return 'saved';
      }
    });
    fake.peer.take();
    fake.peer.assign('f', 'bad');
    await turn();
    expect(Buffer.from(fake.peer.expect('WORK_COMPLETE').data).toString()).toBe('saved21');
    fake.worker.register('g', () => 'late');
    await said(fake.peer);
    fake.peer.assign('g');
    await turn();
    expect(Buffer.from(fake.peer.expect('WORK_COMPLETE').data).toString()).toBe('late21');
    await end(fake);
  });
});

describe('stopIf()', () => {
  test('is asked after each job and stops the worker when it holds', async () => {
    const asked: WorkerStatus[] = [];
    let jobs = 0;
    const fake = await createStartedWorker((worker) => worker.register('f', () => void jobs++));
    fake.worker.stopIf((status) => {
      asked.push(status);
      return jobs === 2;
    });
    fake.peer.assign();
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    fake.peer.assign();
    expect(await said(fake.peer)).toContain('WORK_COMPLETE(2)');
    fake.peer.send(NO_JOB);
    await turn();
    expect(fake.events.at(-1)).toEqual({ type: 'stop', finished: 0, aborted: 0 });
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(fake.worker.status().state).toBe('stopped');
  });
});

describe('health() and status()', () => {
  test('tell what a probe and a person want to know', async () => {
    const fake = createFakeWorker({ servers: ['a:1', 'b:1'] });
    const { worker, clock, peer } = fake;
    worker.register('f', () => new Promise<string>(() => {}));
    expect(worker.health()).toMatchObject({ ok: false, state: 'idle', connected: 0, connections: 2 });
    void worker.start();
    expect(worker.health()).toMatchObject({ ok: false, state: 'started', lastAnswerMs: undefined });
    peer.accept();
    peer.send(NO_JOB);
    clock.advance(30);
    expect(worker.health()).toEqual({
      ok: true,
      state: 'started',
      connected: 1,
      connections: 2,
      running: 0,
      lastAnswerMs: 30,
    });
    expect(worker.status().servers).toMatchObject([
      { server: 'a:1', state: 'sleeping', loopForMs: 30 },
      { server: 'b:1', state: 'connecting' },
    ]);
    peer.send(NOOP);
    peer.assign();
    expect(worker.status().servers[0]).toMatchObject({ state: 'working', running: 1 });
    worker.stopGrabbing();
    expect(worker.status().servers.map(({ state }) => state)).toEqual(['paused', 'paused']);
    worker.resume({ server: 'a:1' });
    expect(worker.status().servers.map(({ state }) => state)).toEqual(['working', 'paused']);
    expect(() => worker.resume({ server: 'c:1' })).toThrow(
      "none of the worker's servers, which are a:1, b:1",
    );
    await end(fake);
  });
});

describe('stop({ server })', () => {
  test('forgets its time limits once the server is left: jobs after a new start do not meet them', async () => {
    const jobs: WorkerJob[] = [];
    const fake = await createStartedWorker((worker) =>
      worker.register('f', (job) => void jobs.push(job), { manual: true }),
    );
    fake.peer.assign();
    const left = fake.worker.stop({ server: 'a:1', abortAfterMs: 500, timeoutMs: 1000 });
    fake.clock.advance(500);
    expect(jobs[0]?.signal.aborted).toBe(true);
    jobs[0]?.complete();
    expect(await left).toEqual({ finished: 1, aborted: 0 });
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) RESET_ABILITIES');
    await fake.worker.start({ server: 'a:1' });
    expect(await said(fake.peer)).toBe('CAN_DO GRAB_JOB_ALL');
    fake.peer.assign();
    fake.clock.advance(10_000);
    expect(jobs[1]?.signal.aborted).toBe(false);
    jobs[1]?.complete();
    await end(fake);
  });
});

describe('what cannot be', () => {
  test('an Observable that emits without end is stopped before it fills the memory', async () => {
    const fake = await createStartedWorker((worker) =>
      worker.register('f', () => ({
        subscribe(observer) {
          for (let i = 0; i < 20_000; i++) observer.next('x');
          return { unsubscribe: () => {} };
        },
      })),
    );
    fake.peer.assign();
    for (let i = 0; i < 4; i++) await turn();
    const last = fake.peer.take().findLast(({ type }) => type === 'WORK_EXCEPTION');
    expect(last).toMatchObject({ type: 'WORK_EXCEPTION' });
    expect(fake.worker.status().running).toBe(0);
    await end(fake);
  });

  test('a part that is no bytes, and parts larger than a packet together', async () => {
    const parts: Readonly<Record<string, () => HandlerResult>> = {
      object: async function* () {
        // A program without types may yield anything.
        yield {} as unknown as string;
      },
      large: async function* () {
        for (let i = 0; i < 3; i++) yield 'x'.repeat(500);
      },
    };
    const fake = await createStartedWorker(
      (worker) => {
        worker.register('object', parts['object'] as () => HandlerResult);
        worker.register('large', parts['large'] as () => HandlerResult, { output: 'buffer' });
      },
      { maxPacketBytes: 1024 },
    );
    for (const [name, words] of [
      ['object', 'a value of type object'],
      ['large', "output: 'stream'"],
    ] as const) {
      fake.peer.take();
      fake.peer.assign(name);
      for (let i = 0; i < 4; i++) await turn();
      expect(Buffer.from(fake.peer.expect('WORK_EXCEPTION').data).toString()).toContain(words);
    }
    await end(fake);
  });

  test('a client that nobody gave', async () => {
    const fake = await createStartedWorker((worker) =>
      worker.register('f', async (job) => job.client.submit('g', '')),
    );
    fake.peer.assign();
    await turn();
    expect(Buffer.from(fake.peer.expect('WORK_EXCEPTION').data).toString()).toContain(
      'createWorker({ client })',
    );
    await end(fake);
  });

  test('parts wait for a connection that is full', async () => {
    let taken = 0;
    const fake = await createStartedWorker((worker) =>
      worker.register('f', async function* () {
        for (; taken < 10; taken++) yield 'x'.repeat(200_000);
      }),
    );
    fake.peer.bufferedBytes = 10_000_000;
    fake.peer.assign();
    for (let i = 0; i < 10; i++) await turn();
    expect(taken).toBeLessThan(3);
    fake.peer.drain();
    for (let i = 0; i < 30; i++) await turn();
    expect(taken).toBe(10);
    expect(fake.peer.take().at(-2)?.type).toBe('WORK_COMPLETE');
    await end(fake);
  });
});
