import { defineFunction } from '@gearman/protocol/payload';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { MapError } from '../../src/collection-errors.ts';
import { Fifo } from '../../src/fifo.ts';
import { InOrder } from '../../src/in-order.ts';
import { mapInOrder, mapToArray, mapToOne, parseMapOptions } from '../../src/map.ts';
import type { Inputs } from '../../src/map-run.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';
import { HandClient } from '../support/hand-client.ts';

type Options = Parameters<typeof parseMapOptions>[0];

/** A map over inputs whose jobs the test plays by hand. */
function byHand(items: Inputs<string>, options: Options = {}) {
  const client = new HandClient();
  const settings = parseMapOptions(options, 'map()');
  return {
    client,
    task: {
      functionName: 'f',
      items,
      settings,
      submit: (input: string) => client.submit('f', input),
    },
  };
}

/** Inputs of which the test sees how many were read, and whether they were left. */
function watched(count: number) {
  const seen = { read: 0, left: false };
  async function* read(): AsyncGenerator<string> {
    try {
      for (let i = 0; i < count; i++) {
        seen.read++;
        yield `n${i}`;
      }
    } finally {
      seen.left = true;
    }
  }
  return { seen, items: read() };
}

describe('map()', () => {
  test('reads inputs only when there is room for their jobs', async () => {
    const { seen, items } = watched(100);
    const { client, task } = byHand(items, { concurrency: 3 });
    const results = mapToArray(task);
    await turn();
    expect([seen.read, client.running]).toEqual([3, ['n0', 'n1', 'n2']]);
    client.jobs[1]?.complete('b');
    await turn();
    expect([seen.read, client.running]).toEqual([4, ['n0', 'n2', 'n3']]);
    client.jobs[0]?.fail();
    await errorOf(results);
  });

  test('gives results in the order of the inputs, whatever the order in which they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(1000), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        async (order, concurrency) => {
          const inputs = order.map((_, i) => `n${i}`);
          const { client, task } = byHand(inputs, { concurrency });
          const results = mapToArray(task);
          for (const pick of order) {
            await turn();
            const running = client.jobs.filter(({ job }) => !job.done);
            expect(running.length).toBeLessThanOrEqual(concurrency);
            const job = running[pick % running.length];
            job?.complete(job.text.toUpperCase());
          }
          expect((await results).map(String)).toEqual(inputs.map((input) => input.toUpperCase()));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('needs no job for no inputs', async () => {
    expect(await mapToArray(byHand([]).task)).toEqual([]);
    expect(await mapToOne(byHand([]).task, () => 'never', 'initial')).toBe('initial');
  });

  test('ends with the first failure: other jobs are detached, inputs are left', async () => {
    const { seen, items } = watched(100);
    const { client, task } = byHand(items, { concurrency: 2 });
    const results = mapToArray(task);
    await turn();
    client.jobs[1]?.fail();
    expect(await errorOf(results)).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    await turn();
    expect([client.running, seen.left, client.jobs.length]).toEqual([[], true, 2]);
  });

  test('with stopOnError false tells every failure, and every result, at the end', async () => {
    const { client, task } = byHand(['a', 'b', 'c'], { stopOnError: false });
    const results = mapToArray(task);
    await turn();
    client.jobs[2]?.fail();
    client.jobs[0]?.complete('A');
    client.jobs[1]?.fail();
    const error = await errorOf(results);
    expect(error).toBeInstanceOf(MapError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^2 of 3 jobs failed/),
      outcomes: [{ ok: true, value: Buffer.from('A') }, { ok: false }, { ok: false }],
    });
  });

  test('rejects with what its inputs throw, and detaches', async () => {
    const { client, task } = byHand(
      (function* () {
        yield 'a';
        throw new Error('no more');
      })(),
    );
    expect(await errorOf(mapToArray(task))).toMatchObject({ message: 'no more' });
    expect(client.running).toEqual([]);
  });

  test('rejects with what reduce throws, and detaches', async () => {
    const { client, task } = byHand(['a', 'b']);
    const result = mapToOne(
      task,
      () => {
        throw new Error('cannot add');
      },
      0,
    );
    await turn();
    client.jobs[0]?.complete('A');
    expect(await errorOf(result)).toMatchObject({ message: 'cannot add' });
    expect(client.running).toEqual([]);
  });

  test.each(['before', 'while jobs run', 'while inputs are awaited'])('is aborted %s', async (when) => {
    const abort = new AbortController();
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const inputs = when === 'while inputs are awaited' ? never : ['a', 'b'];
    if (when === 'before') abort.abort('enough');
    const array = byHand(inputs, { signal: abort.signal });
    const loop = byHand(inputs, { signal: abort.signal });
    const errors = [errorOf(mapToArray(array.task)), errorOf(mapInOrder(loop.task).next())];
    await turn();
    abort.abort('enough');
    for (const error of errors) {
      expect(await error).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', cause: 'enough' });
    }
    expect([array.client.running, loop.client.running]).toEqual([[], []]);
    expect(array.client.jobs).toHaveLength(when === 'while jobs run' ? 2 : 0);
  });

  test('refuses options that make no sense', () => {
    const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    expect(() => byHand([], { concurrency: 0 })).toThrow(wrong);
    expect(() => byHand([], { concurrency: 1.5 })).toThrow(wrong);
    const reduce = () => undefined as never;
    expect(() => byHand([], { stopOnError: false, reduce })).toThrow(wrong);
  });
});

test('map() and mapResults() take contracts, and give what those say', async () => {
  const { client, server } = await connectFakeClient();
  const square = defineFunction({
    name: 'square',
    input: z.object({ value: z.number() }),
    output: z.number(),
  });
  const answer = async (handle: string, result: string): Promise<string> => {
    await turn();
    const [packet] = server.take('SUBMIT_JOB');
    server.create(handle);
    server.complete(handle, result);
    return Buffer.from(packet?.workload ?? '').toString();
  };
  const all = client.map(square, [{ value: 3 }]);
  expectTypeOf(all).resolves.toEqualTypeOf<number[]>();
  expect(await answer('H:1', '9')).toBe('{"value":3}');
  expect(await all).toEqual([9]);

  const loop = client.mapResults(square, [{ value: 4 }]);
  const first = loop.next();
  await answer('H:2', '"sixteen"');
  expect(await errorOf(first)).toMatchObject({ code: 'ERR_GEARMAN_INVALID_OUTPUT' });

  const wrong = [{ value: 'x' }] as unknown as { value: number }[];
  expect(await errorOf(client.map(square, wrong))).toMatchObject({ code: 'ERR_GEARMAN_INVALID_INPUT' });
});

describe('mapResults()', () => {
  test('reads no more inputs than results are taken, but for what runs', async () => {
    const { seen, items } = watched(100);
    const { client, task } = byHand(items, { concurrency: 2 });
    const results = mapInOrder(task);
    const first = results.next();
    await turn();
    expect(seen.read).toBe(2);
    client.jobs[1]?.complete('b');
    await turn();
    // The second has come, but not its turn.
    expect(seen.read).toBe(2);
    client.jobs[0]?.complete('a');
    expect(String((await first).value)).toBe('a');
    await turn();
    expect(seen.read).toBe(3);
    await results.return();
    await turn();
    expect([client.running, seen.left]).toEqual([[], true]);
  });

  test('submits nothing before somebody asks', async () => {
    const { client, task } = byHand(['a']);
    mapInOrder(task);
    await turn();
    expect(client.jobs).toEqual([]);
  });

  test('gives what has come while its inputs keep it waiting', async () => {
    let go: (input: string) => void = () => {};
    const inputs = (async function* () {
      yield 'a';
      yield await new Promise<string>((resolve) => {
        go = resolve;
      });
    })();
    const { client, task } = byHand(inputs, { concurrency: 5 });
    const results = mapInOrder(task);
    const first = results.next();
    await turn();
    client.jobs[0]?.complete('A');
    expect(String((await first).value)).toBe('A');
    const second = results.next();
    go('b');
    await turn();
    client.jobs[1]?.complete('B');
    expect(String((await second).value)).toBe('B');
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test('throws as soon as a job fails', async () => {
    const { client, task } = byHand(['a', 'b']);
    const first = errorOf(mapInOrder(task).next());
    await turn();
    client.jobs[1]?.fail();
    expect(await first).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    expect(client.running).toEqual([]);
  });
});

test('InOrder gives everything once, in the order of the indexes', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), (indexes) => {
      const order = new InOrder<number>();
      const given = indexes.flatMap((index) => order.accept(index, index));
      expect(given).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }),
  );
});

test('Fifo gives what was put in first, however much that is', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 5000; i++) fifo.push(i);
  for (let i = 0; i < 4000; i++) expect(fifo.take()).toBe(i);
  for (let i = 5000; i < 6000; i++) fifo.push(i);
  for (let i = 4000; i < 6000; i++) expect(fifo.take()).toBe(i);
  expect(fifo.size).toBe(0);
  fifo.push(1);
  fifo.clear();
  expect(fifo.size).toBe(0);
});
