import type { Packet } from '@gearman/protocol';
import { codecs, defineFunction, type FunctionContract } from '@gearman/protocol/payload';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { ContractHandler, ContractJob, RegisterOptions } from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker } from '../support/fake-worker.ts';

const numbers = defineFunction({
  name: 'f',
  input: z.number(),
  chunk: z.number(),
  output: z.number(),
  defaults: { runTimeoutMs: 1000 },
});
const slow = defineFunction({
  name: 'f',
  input: z.number(),
  chunk: z.number().refine(async (n) => n >= 0, 'negative'),
  output: z.number().refine(async (n) => n >= 0, 'negative'),
});

/** Runs one job with this handler, and gives what the worker said about it. */
async function run<C extends FunctionContract>(
  contract: C,
  payload: string,
  handler: ContractHandler<C>,
  options?: RegisterOptions,
) {
  const fake = await createStartedWorker((worker) => worker.register(contract, handler, options));
  onTestFinished(async () => {
    fake.peer.close();
    await fake.worker.stop({ timeoutMs: 0 });
  });
  fake.peer.assign('f', payload, 'id');
  await turn();
  return { ...fake, words: () => words(fake.peer.take()) };
}

/** What clients would get, without the worker's requests for more. */
function words(packets: readonly Packet[]): string[] {
  return packets.flatMap((packet) => {
    if (!packet.type.startsWith('WORK_')) return [];
    return 'data' in packet ? [`${packet.type} ${Buffer.from(packet.data).toString()}`] : [packet.type];
  });
}

describe('a handler of a contract', () => {
  test('gets its input decoded, and everything else of a job', async () => {
    let seen: ContractJob<typeof numbers> | undefined;
    const { words } = await run(numbers, '41', (job) => {
      seen = job;
      job.progress(1, 2);
      job.warn('careful');
      return job.data + 1;
    });
    expect(words()).toEqual(['WORK_STATUS', 'WORK_WARNING careful', 'WORK_COMPLETE 42']);
    expect(seen).toMatchObject({ functionName: 'f', ended: true, reducer: undefined });
    expect([seen?.text(), seen?.ref.server, seen?.signal.aborted]).toEqual(['41', 'a:1', false]);
  });

  test.each(['"x"', '{', ''])('is not called for the input %o', async (payload) => {
    let called = false;
    const { words, events } = await run(numbers, payload, () => {
      called = true;
      return 0;
    });
    expect(called).toBe(false);
    expect(words()).toEqual([expect.stringContaining('"code":"ERR_GEARMAN_INVALID_INPUT"')]);
    expect(events.map(({ type }) => type)).toContain('job-exception');
  });

  test('writes chunks ahead of its result, in order, whether it waits for them or not', async () => {
    const handler = async (job: ContractJob<typeof numbers>): Promise<number> => {
      await job.write(1);
      void job.write(2);
      return 3;
    };
    for (const contract of [numbers, slow]) {
      const { words } = await run(contract, '0', handler);
      expect(words()).toEqual(['WORK_DATA 1', 'WORK_DATA 2', 'WORK_COMPLETE 3']);
    }
  });

  test.each([
    ['at once', numbers, 'x' as unknown as number],
    ['later', slow, -1],
  ])(
    'that writes a wrong chunk, found %s, ends the job with it, even if it does not wait',
    async (_, contract, bad) => {
      const { words } = await run(contract, '0', (job) => {
        void job.write(1);
        void job.write(bad);
        return 2;
      });
      expect(words()).toEqual([
        'WORK_DATA 1',
        expect.stringMatching(/^WORK_EXCEPTION .*ERR_GEARMAN_INVALID_OUTPUT/),
      ]);
    },
  );

  test.each([
    ['at once', numbers, 'x' as unknown as number],
    ['later', slow, -1],
  ])(
    'that returns or completes with something wrong, found %s, ends the job with it',
    async (_, contract, bad) => {
      const returned = await run(contract, '0', () => bad);
      const completed = await run(contract, '0', (job) => {
        job.complete(bad);
        return 1;
      });
      for (const { words } of [returned, completed]) {
        expect(words()).toEqual([expect.stringMatching(/^WORK_EXCEPTION .*ERR_GEARMAN_INVALID_OUTPUT/)]);
      }
    },
  );

  test('may end its job by itself', async () => {
    for (const contract of [numbers, slow]) {
      const { words } = await run(contract, '0', (job) => {
        job.complete(1);
        return 2;
      });
      expect(words()).toEqual(['WORK_COMPLETE 1']);
    }
    const failed = await run(numbers, '0', (job) => {
      job.fail('no');
      return 0;
    });
    expect(failed.words()).toEqual(['WORK_WARNING no', 'WORK_FAIL']);
  });

  test('may be a generator, which is ended when its job is', async () => {
    const { words } = await run(numbers, '2', async function* (job) {
      for (let i = 0; i < job.data; i++) yield i;
      return 10;
    });
    expect(words()).toEqual(['WORK_DATA 0', 'WORK_DATA 1', 'WORK_COMPLETE 10']);

    let ended = false;
    const broken = await run(numbers, '2', async function* () {
      try {
        yield 0;
        yield 'x' as unknown as number;
        yield 2;
      } finally {
        ended = true;
      }
      return 10;
    });
    expect(broken.words()).toEqual([
      'WORK_DATA 0',
      expect.stringMatching(/^WORK_EXCEPTION .*INVALID_OUTPUT/),
    ]);
    expect(ended).toBe(true);
  });

  test('stops sending when the job is lost', async () => {
    const steps: (() => void)[] = [];
    let ended = false;
    const { peer, words } = await run(numbers, '0', async function* () {
      try {
        for (let i = 0; ; i++) {
          yield i;
          await new Promise<void>((resolve) => steps.push(resolve));
        }
      } finally {
        ended = true;
      }
    });
    expect(words()).toEqual(['WORK_DATA 0']);
    peer.close();
    steps.shift()?.();
    await turn();
    expect(ended).toBe(true);
    expect(words()).toEqual([]);
  });

  test('keeps what `manual` and `falsyFails` mean', async () => {
    const any = defineFunction({ name: 'f' });
    let job: ContractJob<typeof any> | undefined;
    const keep = (each: ContractJob<typeof any>): void => {
      job = each;
    };
    const manual = await run(any, '1', keep, { manual: true });
    expect(manual.words()).toEqual([]);
    job?.complete({ done: true });
    await turn();
    expect(manual.words()).toEqual(['WORK_COMPLETE {"done":true}']);
    expect((await run(any, '1', () => false, { falsyFails: true })).words()).toEqual(['WORK_FAIL']);
    expect((await run(any, '1', () => new RangeError('no'))).words()).toEqual([
      expect.stringContaining('"name":"RangeError"'),
    ]);
  });

  test('has the time limit of its contract, unless it is registered with another', async () => {
    const { words: _, ...usual } = await run(numbers, '0', (job) => new Promise<number>(() => job.signal));
    usual.clock.advance(1000);
    expect(usual.events.map(({ type }) => type)).toContain('job-timeout');
    const other = await run(numbers, '0', (job) => new Promise<number>(() => job.signal), {
      timeoutMs: 5000,
    });
    other.clock.advance(1000);
    expect(other.events.map(({ type }) => type)).not.toContain('job-timeout');
  });

  test('works by a codec alone', async () => {
    const fake = await createStartedWorker((worker) =>
      worker.register('f', (job) => [...job.data, 3], { codec: codecs.ndjson<number>() }),
    );
    fake.peer.assign('f', '1\n2\n', 'id');
    await turn();
    expect(words(fake.peer.take())).toEqual(['WORK_COMPLETE 1\n2\n3\n']);
    fake.peer.close();
    await fake.worker.stop({ timeoutMs: 0 });
  });
});

test.each<[string, unknown, object, RegExp]>([
  ['a contract that is none', { name: 'f' }, {}, /contract made with defineFunction/],
  ['a payload as a stream', numbers, { payload: 'stream' }, /payload/],
  ['chunks to be put together', numbers, { output: 'buffer' }, /output/],
  ['an unknown option', numbers, { timeout: 5 }, /timeout/],
  ['a codec that is none', 'f', { codec: 'json' }, /codec/],
  ['two ways to encode', 'f', { codec: codecs.raw, encoding: 'utf8' }, /exclude/],
])('%s is refused', async (_name, contract, options, message) => {
  const { worker } = createFakeWorker();
  expect(() => worker.register(contract as typeof numbers, () => 0, options)).toThrow(
    expect.objectContaining({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    }),
  );
  expect(() => worker.register(numbers, 7 as never)).toThrow(/must be a function/);
  await worker.stop();
});
