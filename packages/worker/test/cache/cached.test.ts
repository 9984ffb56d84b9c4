import { once } from 'node:events';
import { defineFunction } from '@gearman/protocol/payload';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type CachedOptions,
  type CacheEvent,
  type CacheOptions,
  cached,
  createCache,
} from '../../src/cache/index.ts';
import { createWorker, type Handler, type WorkerJob } from '../../src/index.ts';
import { gate } from '../support/stage.ts';

/** What a job told, and the job. */
class FakeJob {
  readonly told: string[] = [];
  readonly controller = new AbortController();
  readonly functionName = 'f';
  readonly payload: Uint8Array;
  readonly #name = 'fake';

  constructor(payload = 'p') {
    this.payload = Buffer.from(payload);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Fails when it is called with another `this`, as the methods of real jobs do. */
  text(): string {
    return `${this.#name}:${Buffer.from(this.payload).toString()}`;
  }

  progress(...numbers: number[]): void {
    this.told.push(`progress ${numbers.join('/')}`);
  }

  warn(message: string): void {
    this.told.push(`warn ${message}`);
  }

  async write(chunk: string): Promise<void> {
    this.told.push(`write ${chunk}`);
  }

  fail(reason: string): void {
    this.told.push(`fail ${reason}`);
  }
}

function setUp(handler: Handler, options: Partial<CachedOptions> = {}, cacheOptions: CacheOptions = {}) {
  const clock = new FakeClock();
  const cache = createCache({ clock, ...cacheOptions });
  const events: CacheEvent[] = [];
  cache.on('event', (event) => events.push(event));
  let runs = 0;
  const wrapped = cached(
    (job: WorkerJob) => {
      runs++;
      return handler(job);
    },
    { cache, maxAgeMs: 1000, ...options },
  );
  return {
    clock,
    cache,
    events,
    runs: () => runs,
    types: () => events.splice(0).map(({ type }) => type),
    // A fake has what cached handlers use of a job.
    run: (job = new FakeJob()) => wrapped(job as unknown as WorkerJob),
  };
}

/** A result is sent before it is kept; until then jobs share it. */
const keeping = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a cached handler', () => {
  test('runs once for equal payloads, until the result is too old', async () => {
    const { clock, run, runs, types } = setUp((job) => job.text());
    expect(await run()).toBe('fake:p');
    expect(types()).toEqual(['miss']);
    await clock.advanceAsync(1000);
    expect(await run()).toBe('fake:p');
    expect(types()).toEqual(['hit']);
    expect(await run(new FakeJob('q'))).toBe('fake:q');
    await clock.advanceAsync(1);
    await run();
    expect(runs()).toBe(3);
  });

  test('keeps the results of two names apart, and shares those of one', async () => {
    const cache = createCache();
    const make = (name: string, result: string) => cached(() => result, { cache, name, maxAgeMs: 1000 });
    const job = new FakeJob() as unknown as WorkerJob;
    expect([await make('a', '1')(job), await make('b', '2')(job), await make('a', '3')(job)]).toEqual([
      '1',
      '2',
      '1',
    ]);
  });

  test('takes the key it is given', async () => {
    const { cache, run, runs } = setUp(() => 'x', { key: (job) => ({ length: job.payload.length }) });
    await run(new FakeJob('aa'));
    await keeping();
    await run(new FakeJob('bb'));
    expect(runs()).toBe(1);
    expect(await cache.delete('f', { length: 2 })).toBe(true);
    await run(new FakeJob('aa'));
    expect(runs()).toBe(2);
    await keeping();
    await cache.clear();
    await run(new FakeJob('aa'));
    expect(runs()).toBe(3);
  });

  test('changes a result before it is kept and sent', async () => {
    let changes = 0;
    const { run } = setUp(
      () => 'dirty',
      {},
      { transform: (result) => `clean ${String(result)} ${++changes}` },
    );
    const first = await run();
    await keeping();
    expect([first, await run()]).toEqual(['clean dirty 1', 'clean dirty 1']);
  });

  test('sends again what the handler wrote, and parts of its result', async () => {
    const { run, runs } = setUp(async function* (job) {
      await job.write('a');
      yield 'b';
      yield 'c';
    });
    const jobs = [new FakeJob(), new FakeJob()];
    for (const job of jobs) {
      expect(await run(job)).toBeUndefined();
      expect(job.told).toEqual(['write a', 'write b', 'write c']);
      await keeping();
    }
    expect(runs()).toBe(1);
  });

  test('does not keep failures and exceptions', async () => {
    const outcomes = ['fail', 'throw', 'ok'];
    const { run, types } = setUp((job) => {
      const outcome = outcomes.shift();
      if (outcome === 'fail') return job.fail('no');
      if (outcome === 'throw') throw new Error('broken');
      return outcome;
    });
    const job = new FakeJob();
    await run(job);
    expect(job.told).toEqual(['fail no']);
    await expect(run()).rejects.toThrow('broken');
    expect(await run()).toBe('ok');
    expect(types()).toEqual(['miss', 'miss', 'miss']);
  });

  test('does not keep what is too large', async () => {
    const { run, runs, events } = setUp(() => 'x'.repeat(11), {}, { maxResultBytes: 10 });
    await run();
    await keeping();
    await run();
    expect(runs()).toBe(2);
    expect(events[1]).toEqual({ type: 'too-large', name: 'f', resultBytes: 11 });
  });
});

describe('an old result', () => {
  test('is better than an empty one, for as long as maxStaleMs', async () => {
    const results = ['full', '', '', 'new'];
    const { clock, run, types } = setUp(() => results.shift(), { maxStaleMs: 500 });
    expect(await run()).toBe('full');
    await clock.advanceAsync(1001);
    expect(await run()).toBe('full');
    expect(types()).toEqual(['miss', 'miss', 'stale']);
    await clock.advanceAsync(500);
    expect(await run()).toBe('');
    // An empty result is not kept.
    expect(await run()).toBe('new');
  });

  test('is not wanted with staleIfEmpty: false; then empty results are kept', async () => {
    const results = ['full', '', 'new'];
    const { clock, run } = setUp(() => results.shift(), { staleIfEmpty: false });
    await run();
    await clock.advanceAsync(1001);
    const second = await run();
    await keeping();
    expect([second, await run()]).toEqual(['', '']);
  });

  test('is better than a failure or an exception with staleIfError', async () => {
    const outcomes = ['full', 'throw', 'fail'];
    const { clock, run, events } = setUp(
      (job) => {
        const outcome = outcomes.shift();
        if (outcome === 'throw') throw new Error('broken');
        return outcome === 'fail' ? job.fail() : outcome;
      },
      { staleIfError: true },
    );
    await run();
    await clock.advanceAsync(1001);
    const job = new FakeJob();
    expect([await run(), await run(job)]).toEqual(['full', 'full']);
    expect(job.told).toEqual([]);
    expect(events.at(2)).toMatchObject({
      type: 'stale',
      reason: 'error',
      ageMs: 1001,
      error: new Error('broken'),
    });
  });

  test('does not follow chunks of a new one', async () => {
    let isBroken = false;
    const { clock, run } = setUp(
      async (job) => {
        await job.write('part');
        if (isBroken) throw new Error('broken');
        return 'end';
      },
      { staleIfError: true },
    );
    await run();
    await clock.advanceAsync(1001);
    isBroken = true;
    await expect(run()).rejects.toThrow('broken');
  });
});

describe('jobs that want the same at the same time', () => {
  test('share one run: result, progress, warnings and chunks', async () => {
    const begun = gate();
    const wait = gate();
    const { run, runs, types } = setUp(async (job) => {
      await job.write('early');
      begun.open();
      await wait.opened;
      job.progress(1, 2);
      job.warn('careful');
      await job.write('late');
      return 'done';
    });
    const jobs = [new FakeJob(), new FakeJob(), new FakeJob()];
    const [first, ...others] = jobs;
    const results = [run(first)];
    await begun.opened;
    results.push(...others.map((job) => run(job)));
    wait.open();
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done']);
    for (const { told } of jobs) {
      expect(told.filter((line) => line.startsWith('write'))).toEqual(['write early', 'write late']);
      expect(told).toEqual(expect.arrayContaining(['progress 1/2', 'warn careful']));
    }
    expect(runs()).toBe(1);
    expect(types()).toEqual(['miss', 'shared', 'shared']);
  });

  test('share failures and exceptions', async () => {
    const { run, runs } = setUp(async (job) => {
      job.fail('no');
    });
    const jobs = [new FakeJob(), new FakeJob()];
    await Promise.all(jobs.map((job) => run(job)));
    expect(jobs.map(({ told }) => told)).toEqual([['fail no'], ['fail no']]);
    expect(runs()).toBe(1);
  });

  test('go on while one of them is left; the signal aborts with the last', async () => {
    const begun = gate<AbortSignal>();
    const { run } = setUp(async (job) => {
      begun.open(job.signal);
      await once(job.signal, 'abort');
      throw job.signal.reason;
    });
    const [first, second] = [new FakeJob(), new FakeJob()];
    const results = [run(first), run(second)];
    const signal = await begun.opened;
    first.controller.abort(new Error('lost'));
    expect(signal.aborted).toBe(false);
    second.controller.abort(new Error('lost too'));
    const settled = await Promise.allSettled(results);
    expect(settled.map((each) => each.status === 'rejected' && each.reason.message)).toEqual([
      'lost too',
      'lost too',
    ]);
  });

  test('do not join a run that has written more than is kept', async () => {
    const begun = gate();
    const wait = gate();
    const { run, runs } = setUp(
      async (job) => {
        await job.write('much too much');
        begun.open();
        await wait.opened;
        return 'done';
      },
      {},
      { maxResultBytes: 5 },
    );
    const first = run();
    await begun.opened;
    const second = run();
    wait.open();
    await Promise.all([first, second]);
    expect(runs()).toBe(2);
  });
});

describe('trouble with the store', () => {
  const broken = (error: Error) => {
    const reject = async (): Promise<never> => {
      throw error;
    };
    return { opts: {}, get: reject, set: reject, delete: reject, clear: reject, on: () => broken(error) };
  };

  test('fails no job, and is told and written', async () => {
    const lines: string[] = [];
    const say = (_: object, message: string): void => void lines.push(message);
    const { run, runs, events, cache } = setUp(
      () => 'x',
      {},
      { store: broken(new Error('down')), logger: { debug: say, info: say, warn: say, error: say } },
    );
    expect(await run()).toBe('x');
    await keeping();
    expect(await run()).toBe('x');
    expect(runs()).toBe(2);
    expect(await cache.delete('f', 'x')).toBe(false);
    const operations = events.flatMap((event) => (event.type === 'store-error' ? event.operation : []));
    expect(operations).toEqual(expect.arrayContaining(['get', 'set', 'delete']));
    expect(lines[0]).toBe('the store of the cache is in trouble');
  });

  test('a store that does not answer delays a job by storeTimeoutMs at most', async () => {
    const never = new Promise<never>(() => {});
    const silent = { ...broken(new Error('')), get: () => never, set: () => never };
    const { clock, run, events } = setUp(() => 'x', {}, { store: silent, storeTimeoutMs: 200 });
    const result = run();
    await clock.advanceAsync(200);
    expect(await result).toBe('x');
    expect(events[0]).toMatchObject({
      type: 'store-error',
      operation: 'get',
      error: { code: 'ERR_GEARMAN_STORE_TIMEOUT' },
    });
  });
});

describe('options', () => {
  test('are checked', () => {
    const cache = createCache();
    expect(() => createCache({ maxEntries: 0 })).toThrow(/maxEntries/);
    // @ts-expect-error: no such option
    expect(() => createCache({ size: 1 })).toThrow(/size/);
    // @ts-expect-error: not a store
    expect(() => createCache({ store: 'redis://127.0.0.1' })).toThrow(/store of keyv/);
    // @ts-expect-error: maxAgeMs is missing
    expect(() => cached(() => '', { cache })).toThrow(/maxAgeMs/);
    // @ts-expect-error: not a cache
    expect(() => cached(() => '', { cache: {}, maxAgeMs: 1 })).toThrow(/createCache/);
  });

  test('handlers of every kind keep their types', async () => {
    const cache = createCache();
    await using worker = createWorker({ servers: '127.0.0.1:1', lazy: true });
    worker.register(
      'bytes',
      cached((job) => job.text().length.toString(), { cache, maxAgeMs: 1 }),
    );
    const sum = defineFunction({
      name: 'sum',
      input: z.object({ a: z.number() }),
      output: z.number(),
    });
    worker.register(
      sum,
      cached((job) => job.data.a + 1, { cache, maxAgeMs: 1, key: (job) => job.data.a }),
    );
    expect(worker.isRegistered('sum')).toBe(true);
  });
});
