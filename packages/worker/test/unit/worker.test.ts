import { once } from 'node:events';
import { ClosedError, createPool } from '@gearman/pool';
import { InvalidArgumentError, response } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createWorker, type Handler, type WorkerOptions } from '../../src/index.ts';
import { FakeNetwork, turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker, said } from '../support/fake-worker.ts';

/** A handler whose jobs end when the test says so. */
function held(): { readonly handler: Handler; readonly end: (value?: string) => Promise<void> } {
  const ends: ((value?: string) => void)[] = [];
  return {
    handler: () => new Promise((resolve) => ends.push(resolve)),
    end: (value) => {
      ends.shift()?.(value);
      return turn();
    },
  };
}

const noJob = response('NO_JOB', {});
const noop = response('NOOP', {});

describe('createWorker()', () => {
  test.each<[string, object, string]>([
    ['no concurrency', { concurrency: 0 }, 'concurrency'],
    ['half a job', { concurrency: 1.5 }, 'concurrency'],
    ['a poll interval of 0', { pollIntervalMs: 0 }, 'pollIntervalMs'],
    ['an unknown exception format', { exceptionFormat: 'xml' }, 'exceptionFormat'],
    ['an unknown key', { maxJobs: 3 }, 'maxJobs'],
    ['a wrong server', { servers: 'host:port' }, 'host:port'],
  ])('refuses %s', (_, options, word) => {
    expect(() => createWorker(options as WorkerOptions)).toThrow(InvalidArgumentError);
    expect(() => createWorker(options as WorkerOptions)).toThrow(word);
  });

  test('refuses connection options beside a pool', async () => {
    const pool = createPool({ dial: new FakeNetwork().dial, clock: new FakeClock() });
    const options = { pool, servers: 'a:1' } as unknown as WorkerOptions;
    expect(() => createWorker(options)).toThrow('servers: belongs to the pool');
    await pool.close();
  });

  test('connects, but offers nothing before start()', async () => {
    const { worker, peer } = createFakeWorker();
    worker.register('f', () => '');
    peer.accept();
    expect(await said(peer)).toBe('');
    await worker.start();
    expect(await said(peer)).toBe('CAN_DO GRAB_JOB_ALL');
    await worker.stop({ timeoutMs: 0 });
  });

  test('does not mind a server that cannot be reached', async () => {
    const { worker, clock, net, peer } = createFakeWorker();
    worker.register('f', () => '');
    const started = worker.start();
    peer.close();
    clock.advance(60_000);
    expect(net.dials()).toBeGreaterThan(1);
    net.peer().accept();
    await started;
    expect(await said(net.peer())).toBe('CAN_DO GRAB_JOB_ALL');
    await worker.stop({ timeoutMs: 0 });
  });
});

describe('register()', () => {
  test.each<[string, string, unknown, object]>([
    ['an empty name', '', () => '', {}],
    ['a name with a NUL', 'a\0b', () => '', {}],
    ['a name of 513 bytes', 'x'.repeat(513), () => '', {}],
    ['no handler', 'f', undefined, {}],
    ['a timeout of 0', 'f', () => '', { timeoutMs: 0 }],
    ['a timeout in seconds', 'f', () => '', { timeout: 3 }],
  ])('refuses %s', async (_, name, handler, options) => {
    const { worker } = createFakeWorker();
    expect(() => worker.register(name, handler as Handler, options)).toThrow(InvalidArgumentError);
    await worker.stop();
  });

  test('on a sleeping worker asks at once for jobs that wait for the function', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => ''));
    fake.peer.send(noJob);
    expect(await said(fake.peer)).toBe('PRE_SLEEP');
    fake.worker.register('g', () => '');
    expect(await said(fake.peer)).toBe('CAN_DO GRAB_JOB_ALL');
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('asks for nothing while no function is registered', async () => {
    const { worker, peer } = createFakeWorker();
    const started = worker.start();
    peer.accept();
    await started;
    peer.send(noop);
    expect(await said(peer)).toBe('');
    worker.register('f', () => '');
    expect(await said(peer)).toBe('CAN_DO GRAB_JOB_ALL');
    await worker.stop({ timeoutMs: 0 });
  });

  test('again replaces the handler, and tells servers only of a new limit', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => 'old'));
    const stale = fake.worker.register('f', () => 'new');
    expect(fake.events).toEqual([{ type: 'function-replaced', functionName: 'f' }]);
    fake.peer.assign();
    await turn();
    expect(Buffer.from(fake.peer.expect('WORK_COMPLETE').data).toString()).toBe('new');
    fake.peer.take();
    fake.worker.register('f', () => 'newest', { timeoutMs: 2000 });
    expect(await said(fake.peer)).toBe('CAN_DO_TIMEOUT');
    await stale.unregister();
    expect(fake.worker.isRegistered('f')).toBe(true);
    await fake.worker.stop({ timeoutMs: 0 });
  });
});

describe('unregister()', () => {
  test('tells the server at once when nothing runs', async () => {
    const fake = await createStartedWorker((worker) => {
      worker.register('f', () => '');
      worker.register('g', () => '');
    });
    fake.peer.send(noJob);
    await said(fake.peer);
    await fake.worker.unregister('f');
    expect(await said(fake.peer)).toBe('CANT_DO GRAB_JOB_ALL');
    expect(fake.worker.status().functions).toEqual(['g']);
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('waits for the running job, because CANT_DO would requeue it, and asks for no other meanwhile', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker(
      (worker) => {
        worker.register('f', handler);
        worker.register('g', handler);
      },
      { concurrency: 4 },
    );
    fake.peer.assign('f');
    expect(await said(fake.peer)).toBe('GRAB_JOB_ALL GRAB_JOB_ALL');
    let done = false;
    const unregistered = fake.worker.unregister('f').then(() => {
      done = true;
    });
    // Requests that are in flight bring what they bring.
    fake.peer.assign('f');
    fake.peer.assign('g');
    expect(await said(fake.peer)).toBe('');
    await end('1');
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1)');
    expect(done).toBe(false);
    await end('2');
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(2) CANT_DO GRAB_JOB_ALL GRAB_JOB_ALL GRAB_JOB_ALL');
    await unregistered;
    await end('3');
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('is forgotten when the function is registered again before it was done', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler));
    fake.peer.assign();
    const unregistered = fake.worker.unregister('f');
    fake.worker.register('f', () => 'new');
    await unregistered;
    await end();
    expect(await said(fake.peer)).toBe('CAN_DO WORK_COMPLETE(1) GRAB_JOB_ALL');
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('of the only function leaves a resting worker', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => ''));
    const registration = fake.worker.register('f', () => '');
    fake.peer.send(noJob);
    await registration.unregister();
    expect(await said(fake.peer)).toBe('PRE_SLEEP CANT_DO');
    expect(fake.worker.status().servers).toMatchObject([{ loop: 'resting' }]);
    await registration.unregister();
    await fake.worker.unregister('never heard of');
    await fake.worker.stop();
  });
});

describe('stop()', () => {
  test('lets the running job end, tells its result, takes functions back, then closes', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler));
    fake.peer.assign();
    const stopped = fake.worker.stop();
    expect(fake.worker.status()).toMatchObject({ state: 'stopping', running: 1 });
    expect(await said(fake.peer)).toBe('');
    expect(fake.peer.open).toBe(true);
    await end('result');
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) CANT_DO');
    expect(await stopped).toEqual({ finished: 1, aborted: 0 });
    expect(fake.peer.open).toBe(false);
    expect(fake.events.at(-1)).toEqual({ type: 'stop', finished: 1, aborted: 0 });
    expect(fake.clock.nextTimerInMs).toBeUndefined();
  });

  test('runs the job that was on its way when it was called', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => 'x'));
    const stopped = fake.worker.stop();
    fake.peer.assign();
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) CANT_DO');
    expect(await stopped).toEqual({ finished: 1, aborted: 0 });
  });

  test('takes functions back from an idle server while another one is still busy', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler), {
      servers: 'a:1,b:2',
      concurrency: 2,
    });
    const second = fake.net.peer('b:2');
    second.accept();
    expect(await said(second)).toBe('CAN_DO GRAB_JOB_ALL');
    second.send(noJob);
    fake.peer.assign();
    expect(await said(second)).toBe('PRE_SLEEP');
    const stopped = fake.worker.stop();
    expect(await said(second)).toBe('CANT_DO');
    await said(fake.peer);
    fake.peer.send(noJob);
    await end();
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) CANT_DO');
    await stopped;
  });

  test('aborts signals after timeoutMs and gives the jobs back', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler));
    fake.peer.assign();
    const [job] = fake.worker.running;
    const stopped = fake.worker.stop({ timeoutMs: 1000 });
    fake.clock.advance(999);
    expect(job?.signal.aborted).toBe(false);
    fake.clock.advance(1);
    expect(job?.signal.reason).toBeInstanceOf(ClosedError);
    expect(await stopped).toEqual({ finished: 0, aborted: 1 });
    // To the server the job is still running: CANT_DO makes it requeue it.
    expect(await said(fake.peer)).toBe('CANT_DO');
    await end('too late');
    expect(await said(fake.peer)).toBe('');
  });

  test('gives handlers time between abortAfterMs and timeoutMs', async () => {
    const handler: Handler = async (job) => {
      await once(job.signal, 'abort');
      if (job.text() === 'saves') return 'saved';
      throw job.signal.reason;
    };
    const fake = await createStartedWorker((worker) => worker.register('f', handler), { concurrency: 2 });
    fake.peer.assign('f', 'saves');
    fake.peer.assign('f', 'gives up');
    await said(fake.peer);
    const stopped = fake.worker.stop({ abortAfterMs: 100, timeoutMs: 1000 });
    fake.clock.advance(100);
    // The second one is not reported as broken: another worker will do it.
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) CANT_DO');
    expect(await stopped).toEqual({ finished: 1, aborted: 1 });
    expect(fake.clock.nextTimerInMs).toBeUndefined();
  });

  test('may be called again, with less patience', async () => {
    const { handler } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler));
    fake.peer.assign();
    const first = fake.worker.stop();
    const second = fake.worker.stop({ timeoutMs: 0 });
    expect(await first).toEqual({ finished: 0, aborted: 1 });
    expect(await second).toEqual(await first);
    expect(await fake.worker.stop()).toEqual(await first);
  });

  test('of a worker that was never started only closes it', async () => {
    const { worker, peer } = createFakeWorker();
    peer.accept();
    expect(await worker.stop()).toEqual({ finished: 0, aborted: 0 });
    expect(peer.open).toBe(false);
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(() => worker.register('f', () => '')).toThrow(ClosedError);
  });

  test('refuses wrong options', async () => {
    const { worker } = createFakeWorker();
    await expect(worker.stop({ timeoutMs: -1 })).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(() => worker.handleSignals(['SIGTERM'], { abortAfterMs: Number.NaN })).toThrow(
      InvalidArgumentError,
    );
    await worker[Symbol.asyncDispose]();
    expect(worker.status().state).toBe('stopped');
  });

  test('takes functions back from a shared pool, and leaves it open', async () => {
    const clock = new FakeClock();
    const net = new FakeNetwork();
    const pool = createPool({ servers: 'a:1', clock, dial: net.dial });
    const worker = createWorker({ pool });
    worker.register('f', () => '');
    const started = worker.start();
    net.peer().accept();
    await started;
    await turn();
    net.peer().send(noJob);
    await worker.stop();
    expect(await said(net.peer())).toBe('CAN_DO GRAB_JOB_ALL PRE_SLEEP CANT_DO');
    expect(net.peer().open).toBe(true);
    // A new connection is told of nothing any more.
    net.peer().close();
    clock.advance(100);
    net.peer().accept();
    expect(await said(net.peer())).toBe('');
    await pool.close();
  });

  test('happens by itself when somebody closes the pool', async () => {
    const { handler } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler));
    fake.peer.assign();
    const [job] = fake.worker.running;
    await fake.worker.pool.close();
    expect(job?.signal.reason).toBeInstanceOf(ClosedError);
    expect(await fake.worker.stop()).toEqual({ finished: 0, aborted: 1 });
  });
});

describe('several servers', () => {
  test('share the slots, and take turns when there are too few', async () => {
    const { handler, end } = held();
    const fake = await createStartedWorker((worker) => worker.register('f', handler), { servers: 'a:1,b:2' });
    const [a, b] = [fake.peer, fake.net.peer('b:2')];
    b.accept();
    a.assign();
    expect([await said(a), await said(b)]).toEqual(['', 'CAN_DO']);
    await end();
    // The second server has waited longest.
    expect([await said(a), await said(b)]).toEqual(['WORK_COMPLETE(1)', 'GRAB_JOB_ALL']);
    b.assign();
    await end();
    expect([await said(a), await said(b)]).toEqual(['GRAB_JOB_ALL', 'WORK_COMPLETE(1)']);
    a.send(noJob);
    expect([await said(a), await said(b)]).toEqual(['PRE_SLEEP', 'GRAB_JOB_ALL']);
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('one that is lost gives its slots to the others', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => ''), {
      servers: 'a:1,b:2',
    });
    const b = fake.net.peer('b:2');
    b.accept();
    expect(await said(b)).toBe('CAN_DO');
    fake.peer.close();
    expect(await said(b)).toBe('GRAB_JOB_ALL');
    await fake.worker.stop({ timeoutMs: 0 });
  });
});

describe('events', () => {
  test('tell a job in order, with idle when nothing is left to do', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => 'abc'));
    const all = lastValueFrom(fake.worker.events$.pipe(toArray()));
    fake.peer.assign();
    fake.peer.send(noJob);
    fake.peer.send(noop);
    fake.peer.send(noJob);
    await fake.worker.stop();
    expect((await all).map(({ type }) => type)).toEqual(['job-start', 'job-complete', 'idle', 'stop']);
    expect(fake.events).toContainEqual({ type: 'job-complete', job: expect.anything(), resultBytes: 3 });
  });

  test('may have listeners that throw', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => ''));
    fake.worker.on('job-start', () => {
      throw new Error('listener');
    });
    fake.peer.assign();
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    expect(fake.events).toContainEqual({
      type: 'listener-error',
      error: expect.any(Error),
      during: 'job-start',
    });
    await fake.worker.stop({ timeoutMs: 0 });
  });
});
