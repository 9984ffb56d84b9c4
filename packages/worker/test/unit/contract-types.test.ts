import { codecs, defineFunction } from '@gearman/protocol/payload';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { ContractHandler, ContractJob, Registration, Worker } from '../../src/index.ts';

const order = defineFunction({
  name: 'order',
  input: z.object({ item: z.string(), count: z.number().default(1) }),
  output: z.object({ total: z.number() }).transform(({ total }) => total),
  chunk: z.object({ step: z.string() }).transform(({ step }) => step),
});
const shout = defineFunction({ name: 'shout', codec: codecs.text() });

/** Types only: nothing in here runs. */
function registrations(worker: Worker): unknown {
  return [
    expectTypeOf(worker.register(order, () => ({ total: 1 }))).toEqualTypeOf<Registration>(),
    worker.register(order, async (job) => {
      expectTypeOf(job.data).toEqualTypeOf<{ item: string; count: number }>();
      await job.write({ step: 'a' });
      return { total: job.data.count };
    }),
    worker.register(order, async function* () {
      yield { step: 'a' };
      return { total: 1 };
    }),
    worker.register(shout, (job) => job.data.toUpperCase()),
    worker.register(shout, () => {}),
    worker.register('f', (job) => job.data.toUpperCase(), { encoding: 'utf8' }),
    worker.register('f', (job) => [job.data.length], { codec: codecs.json<number[]>(), timeoutMs: 5 }),
    // @ts-expect-error text, and not a number
    worker.register('f', () => 1, { encoding: 'utf8' }),
    // @ts-expect-error without a codec a handler gets bytes
    worker.register('f', (job) => job.data),
    // @ts-expect-error the result is what the schema takes, not what it gives
    worker.register(order, () => 1),
    // @ts-expect-error so are chunks
    (job: ContractJob<typeof order>) => job.write('a'),
    // @ts-expect-error a schema for the result wants one
    worker.register(order, () => {}),
    // @ts-expect-error text, and not a number
    worker.register(shout, () => 1),
  ];
}

test('handlers have the types of their contract, without casts', () => {
  expectTypeOf(registrations).toBeFunction();
  expectTypeOf<ContractJob<typeof shout>['data']>().toEqualTypeOf<string>();
  expectTypeOf<Parameters<ContractJob<typeof order>['complete']>[0]>().toEqualTypeOf<{ total: number }>();
  expectTypeOf<(job: ContractJob<typeof shout>) => Promise<string>>().toExtend<
    ContractHandler<typeof shout>
  >();
});

test('handlers without a contract are inferred as ever', () => {
  const plain = (worker: Worker): unknown => [
    worker.register('f', () => new Promise(() => {})),
    worker.register('f', (job) => new Promise((resolve) => resolve(job.payload))),
    worker.register('f', () => new Promise(() => {}), { timeoutMs: 5 }),
    worker.register('f', (job) => new Promise((resolve) => resolve(job.payload)), { timeoutMs: 5 }),
  ];
  expectTypeOf(plain).toBeFunction();
});
