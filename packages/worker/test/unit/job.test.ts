import { ConnectionLostError } from '@gearman/pool';
import { encodeText, InvalidArgumentError, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { type Handler, JobTimeoutError, type WorkerJob } from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createStartedWorker, type FakeWorker, said } from '../support/fake-worker.ts';

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Runs one job with this handler, up to the end of the turn in which it came. */
async function run(handler: Handler, options: Parameters<typeof createStartedWorker>[1] = {}) {
  const fake = await createStartedWorker((worker) => worker.register('f', handler), options);
  fake.peer.assign('f', 'payload', 'id');
  await turn();
  return fake;
}

/** A handler that hands its job to the test and ends when the test says so. */
class Holder {
  readonly jobs: WorkerJob[] = [];
  readonly #ends: { resolve(value?: string): void; reject(error: unknown): void }[] = [];
  readonly handler: Handler = (job) => {
    this.jobs.push(job);
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
  };

  get job(): WorkerJob {
    const job = this.jobs.at(-1);
    if (job === undefined) throw new Error('no job came');
    return job;
  }

  resolve(value?: string, index = 0): Promise<void> {
    this.#ends[index]?.resolve(value);
    return turn();
  }

  reject(error: unknown, index = 0): Promise<void> {
    this.#ends[index]?.reject(error);
    return turn();
  }
}

async function end({ worker, peer }: FakeWorker): Promise<void> {
  peer.close();
  await worker.stop({ timeoutMs: 0 });
}

describe('what a handler returns', () => {
  test.each<[string, Handler, string]>([
    ['a string', () => 'grüße', 'grüße'],
    ['bytes', () => Buffer.from('bytes'), 'bytes'],
    ['nothing', () => {}, ''],
    ['a promise of a string', async () => 'later', 'later'],
    ['a promise of nothing', async () => {}, ''],
    ['its payload', (job) => job.payload, 'payload'],
    ['its text', (job) => job.text().toUpperCase(), 'PAYLOAD'],
  ])('is the result when it is %s', async (_, handler, expected) => {
    const fake = await run(handler);
    expect(textOf(fake.peer.expect('WORK_COMPLETE').data)).toBe(expected);
    expect(fake.peer.expect('GRAB_JOB_ALL').type).toBe('GRAB_JOB_ALL');
    await end(fake);
  });

  test.each<[string, unknown]>([
    ['type number', 42],
    ['null', null],
    ['an array', ['a']],
    ['type object', {}],
    ['type boolean', false],
    ['type function', () => 'x'],
    ['type symbol', Symbol('x')],
    ['type object', new Date()],
  ])('is refused with advice when it is %s', async (kind, value) => {
    // A program without types may return anything.
    for (const handler of [() => value, () => Promise.resolve(value)] as unknown as Handler[]) {
      const fake = await run(handler);
      const exception = JSON.parse(textOf(fake.peer.expect('WORK_EXCEPTION').data));
      expect(exception).toMatchObject({ name: 'InvalidArgumentError', code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
      expect(exception.message).toContain(kind);
      expect(exception.message).toContain('return a Uint8Array, a string or nothing');
      await end(fake);
    }
  });

  test('counts as thrown when it is an error', async () => {
    const fake = await run((() => new RangeError('too far')) as unknown as Handler);
    expect(JSON.parse(textOf(fake.peer.expect('WORK_EXCEPTION').data))).toEqual({
      name: 'RangeError',
      message: 'too far',
    });
    await end(fake);
  });

  test('is refused when it does not fit into a packet, and the worker goes on', async () => {
    const fake = await run(() => Buffer.alloc(1021), { maxPacketBytes: 1024 });
    expect(textOf(fake.peer.expect('WORK_EXCEPTION').data)).toContain('maxPacketBytes');
    fake.peer.take();
    fake.peer.assign();
    expect(await said(fake.peer)).toBe('WORK_EXCEPTION(2) GRAB_JOB_ALL');
    await end(fake);
  });
});

describe('what a handler throws', () => {
  const hostile = {
    get message(): string {
      throw new Error('no');
    },
    toString(): string {
      throw new Error('no');
    },
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();

  test.each<[string, unknown, object]>([
    ['an error', new TypeError('wrong'), { name: 'TypeError', message: 'wrong' }],
    [
      'an error with a code',
      Object.assign(new Error('gone'), { code: 'ENOENT' }),
      { name: 'Error', message: 'gone', code: 'ENOENT' },
    ],
    ['a string', 'plain', { name: 'Error', message: 'plain' }],
    ['undefined', undefined, { name: 'Error', message: 'undefined' }],
    ['null', null, { name: 'Error', message: 'null' }],
    ['a number', 7, { name: 'Error', message: '7' }],
    ['a symbol', Symbol('s'), { name: 'Error', message: 'Symbol(s)' }],
    ['an object', { why: 1 }, { name: 'Error', message: '{"why":1}' }],
    ['an error of another realm', { name: 'X', message: 'far' }, { name: 'X', message: 'far' }],
    [
      'an object without prototype',
      Object.create(null),
      { message: expect.stringContaining('cannot be described') },
    ],
    [
      'an object that throws in its turn',
      hostile,
      { message: expect.stringContaining('cannot be described') },
    ],
    ['a revoked proxy', proxy, { message: expect.stringContaining('cannot be described') }],
  ])('becomes one WORK_EXCEPTION: %s', async (_, thrown, expected) => {
    const throwing: Handler = () => {
      throw thrown;
    };
    const rejecting: Handler = async () => {
      throw thrown;
    };
    for (const handler of [throwing, rejecting]) {
      const fake = await run(handler);
      expect(JSON.parse(textOf(fake.peer.expect('WORK_EXCEPTION').data))).toMatchObject(expected);
      expect(await said(fake.peer)).toBe('GRAB_JOB_ALL');
      const told = fake.events.find((event) => event.type === 'job-exception');
      expect(Object.is(told?.error, thrown)).toBe(true);
      await end(fake);
    }
  });

  test('is told with its stack, or as text, when that is wished', async () => {
    const handler: Handler = () => {
      throw new Error('wrong');
    };
    const text = await run(handler, { exceptionFormat: 'text' });
    expect(textOf(text.peer.expect('WORK_EXCEPTION').data)).toBe('wrong');
    await end(text);
    const stack = await run(handler, { exceptionFormat: 'json-with-stack' });
    expect(JSON.parse(textOf(stack.peer.expect('WORK_EXCEPTION').data)).stack).toContain('job.test.ts');
    await end(stack);
  });

  test('is told when the promise it returns has a then() that throws', async () => {
    const handler = (() => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the point.
      get then(): never {
        throw new Error('trap');
      },
    })) as unknown as Handler;
    const fake = await run(handler);
    expect(textOf(fake.peer.expect('WORK_EXCEPTION').data)).toContain('trap');
    await end(fake);
  });

  test('after the end of the job is an event and nothing else', async () => {
    const fake = await run((job) => {
      job.complete('done');
      throw new Error('late');
    });
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    expect(fake.events.map(({ type }) => type)).toEqual(['job-start', 'job-complete', 'late-error']);
    await end(fake);
  });
});

describe('WorkerJob', () => {
  test('knows what the server said of it', async () => {
    const holder = new Holder();
    const fake = await createStartedWorker((worker) => worker.register('größe', holder.handler));
    fake.peer.send(
      response('JOB_ASSIGN_ALL', {
        handle: 'H:box:1',
        functionName: encodeText('größe'),
        uniqueId: encodeText('ключ'),
        reducer: encodeText('größer'),
        workload: Buffer.from('naïve'),
      }),
    );
    const { job } = holder;
    expect(job).toMatchObject({
      functionName: 'größe',
      handle: 'H:box:1',
      server: 'a:1',
      uniqueId: 'ключ',
      reducer: 'größer',
      ended: false,
    });
    expect(String(job.ref)).toBe('a:1//H:box:1');
    expect(job.text()).toBe('naïve');
    await end(fake);
  });

  test('owns its payload, whatever the connection reads next', async () => {
    const holder = new Holder();
    const fake = await createStartedWorker((worker) => worker.register('f', holder.handler), {
      concurrency: 2,
    });
    fake.peer.assign('f', 'first');
    fake.peer.assign('f', 'second');
    await turn();
    expect(holder.jobs.map((job) => job.text())).toEqual(['first', 'second']);
    await end(fake);
  });

  test('reports progress as two numbers, or as a fraction', async () => {
    const fake = await run((job) => {
      job.progress(3, 10);
      job.progress(0.25);
      job.progress(0, 0);
    });
    const sent = fake.peer.take().filter(({ type }) => type === 'WORK_STATUS');
    expect(sent).toMatchObject([
      { numerator: '3', denominator: '10' },
      { numerator: '250', denominator: '1000' },
      { numerator: '0', denominator: '0' },
    ]);
    expect(fake.events).toContainEqual({
      type: 'job-progress',
      job: expect.anything(),
      numerator: 250,
      denominator: 1000,
    });
    await end(fake);
  });

  test.each<[string, readonly number[]]>([
    ['a fraction over 1', [1.5]],
    ['a negative fraction', [-0.1]],
    ['NaN', [Number.NaN]],
    ['a fraction with a denominator', [0.5, 1]],
    ['a negative number', [-1, 2]],
    ['infinity', [1, Number.POSITIVE_INFINITY]],
  ])('throws for progress that is %s', async (_, [numerator = 0, denominator]) => {
    let error: unknown;
    const fake = await run((job) => {
      try {
        job.progress(numerator, denominator);
      } catch (thrown) {
        error = thrown;
      }
    });
    expect(error).toBeInstanceOf(InvalidArgumentError);
    await end(fake);
  });

  test('sends data, warnings and the result in the order of the calls', async () => {
    const fake = await run(async (job) => {
      await job.write('a');
      job.warn('careful');
      await job.write(Buffer.from('b'));
      return 'c';
    });
    expect(await said(fake.peer)).toBe(
      'WORK_DATA(1) WORK_WARNING(1) WORK_DATA(1) WORK_COMPLETE(1) GRAB_JOB_ALL',
    );
    await end(fake);
  });

  test('lets a writer wait while the connection is full', async () => {
    const steps: string[] = [];
    const fake = await createStartedWorker((worker) =>
      worker.register('f', async (job) => {
        await job.write('x');
        steps.push('written');
      }),
    );
    fake.peer.bufferedBytes = 10_000_000;
    fake.peer.assign();
    expect(await said(fake.peer)).toBe('WORK_DATA(1)');
    expect(steps).toEqual([]);
    fake.peer.drain();
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    expect(steps).toEqual(['written']);
    await end(fake);
  });

  test('rejects a piece that does not fit into a packet', async () => {
    const fake = await run((job) => job.write(Buffer.alloc(2000)), { maxPacketBytes: 1024 });
    expect(textOf(fake.peer.expect('WORK_EXCEPTION').data)).toContain('maxPacketBytes');
    await end(fake);
  });

  test('fails with a reason, which travels as a warning', async () => {
    const fake = await run((job) => job.fail('no disk'));
    expect(textOf(fake.peer.expect('WORK_WARNING').data)).toBe('no disk');
    expect(await said(fake.peer)).toBe('WORK_FAIL(1) GRAB_JOB_ALL');
    expect(fake.events).toContainEqual({ type: 'job-fail', job: expect.anything(), reason: 'no disk' });
    await end(fake);
  });

  test('ends once: what comes later does nothing', async () => {
    const fake = await run(async (job) => {
      job.fail();
      expect(job.ended).toBe(true);
      job.complete('x');
      job.exception(new Error('x'));
      job.fail('again');
      job.warn('x');
      job.progress(0.5);
      await job.write('x');
      return 'x';
    });
    expect(await said(fake.peer)).toBe('WORK_FAIL(1) GRAB_JOB_ALL');
    await end(fake);
  });

  test('keeps its slot until its handler has ended, even when it has ended before', async () => {
    const holder = new Holder();
    const fake = await run((job) => {
      job.complete();
      return holder.handler(job);
    });
    expect(await said(fake.peer)).toBe('WORK_COMPLETE(1)');
    expect(fake.worker.status().running).toBe(1);
    await holder.resolve();
    expect(await said(fake.peer)).toBe('GRAB_JOB_ALL');
    await end(fake);
  });
});

describe('a job whose connection is lost', () => {
  test('aborts its signal and never sends on the next connection', async () => {
    const holder = new Holder();
    const fake = await run(holder.handler);
    const { job } = holder;
    const { signal } = job;
    expect(signal.aborted).toBe(false);
    fake.peer.close();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(ConnectionLostError);
    expect(job.ended).toBe(true);
    expect(fake.events.at(-1)).toMatchObject({ type: 'job-lost', job });

    fake.clock.advance(100);
    const next = fake.net.peer();
    expect(next).not.toBe(fake.peer);
    next.accept();
    // The slot is still taken by the handler.
    expect(await said(next)).toBe('CAN_DO');
    await job.write('x');
    job.complete('x');
    await holder.resolve('x');
    expect(await said(next)).toBe('GRAB_JOB_ALL');
    next.close();
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('has an aborted signal, also when that is asked for only afterwards', async () => {
    const holder = new Holder();
    const fake = await run(holder.handler);
    fake.peer.close();
    expect(holder.job.signal.aborted).toBe(true);
    await holder.reject(holder.job.signal.reason);
    expect(fake.events.map(({ type }) => type)).toEqual(['job-start', 'job-lost']);
    await end(fake);
  });
});

describe('a time limit', () => {
  const limited = async (holder: Holder): Promise<FakeWorker> => {
    const fake = await createStartedWorker(
      (worker) => worker.register('f', holder.handler, { timeoutMs: 1500 }),
      { concurrency: 2 },
    );
    fake.peer.assign();
    await said(fake.peer);
    return fake;
  };

  test('is told to the server in milliseconds', async () => {
    const holder = new Holder();
    const fake = await createStartedWorker(() => {});
    fake.worker.register('f', holder.handler, { timeoutMs: 1500 });
    await turn();
    expect(fake.peer.expect('CAN_DO_TIMEOUT')).toMatchObject({ functionName: 'f', timeout: '1500' });
    await end(fake);
  });

  test('aborts the signal, and tells the outcome of the handler', async () => {
    const holder = new Holder();
    const fake = await limited(holder);
    const { signal } = holder.job;
    fake.clock.advance(1499);
    expect(signal.aborted).toBe(false);
    fake.clock.advance(1);
    expect(signal.reason).toBeInstanceOf(JobTimeoutError);
    expect(fake.events.at(-1)).toMatchObject({ type: 'job-timeout', error: { timeoutMs: 1500 } });
    await holder.reject(signal.reason);
    expect(textOf(fake.peer.expect('WORK_EXCEPTION').data)).toContain('ERR_GEARMAN_JOB_TIMEOUT');
    await end(fake);
  });

  test('leaves no timer behind when the job ends in time', async () => {
    const holder = new Holder();
    const fake = await limited(holder);
    await holder.resolve();
    await end(fake);
    expect(fake.clock.nextTimerInMs).toBeUndefined();
  });

  test('silences the first attempt when the server gives the job to this connection again', async () => {
    const holder = new Holder();
    const fake = await limited(holder);
    fake.clock.advance(1500);
    const workload = new Uint8Array(0);
    fake.peer.send(response('JOB_ASSIGN_UNIQ', { handle: 'H:1', functionName: 'f', uniqueId: '', workload }));
    expect(holder.jobs).toHaveLength(2);
    await holder.resolve('first', 0);
    expect(await said(fake.peer)).toBe('GRAB_JOB_ALL');
    await holder.resolve('second', 1);
    expect(textOf(fake.peer.expect('WORK_COMPLETE').data)).toBe('second');
    await end(fake);
  });
});

test('a job of an unknown function is refused, and the worker goes on', async () => {
  const fake = await createStartedWorker((worker) => worker.register('f', () => ''));
  fake.peer.assign('stranger');
  expect(await said(fake.peer)).toBe('CANT_DO WORK_FAIL(1) GRAB_JOB_ALL');
  expect(fake.events).toEqual([
    { type: 'unknown-function', server: 'a:1', functionName: 'stranger', handle: 'H:1' },
  ]);
  fake.peer.assign();
  expect(await said(fake.peer)).toBe('WORK_COMPLETE(2) GRAB_JOB_ALL');
  await end(fake);
});
