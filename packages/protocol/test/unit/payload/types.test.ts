import {
  type ChunkOf,
  type Codec,
  codecs,
  defineFunction,
  defineRegistry,
  type FunctionContract,
  type InputOf,
  type JobDataOf,
  type NameOf,
  type OutputOf,
  type ReturnOf,
  type StandardSchema,
  type WrittenChunkOf,
} from '@gearman/protocol/payload';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';

describe('types', () => {
  test('a schema gives one type to the sender and one to the receiver', () => {
    const order = defineFunction({
      name: 'order',
      input: z.object({ items: z.array(z.string()), currency: z.string().default('EUR') }),
      output: z.object({ total: z.number() }).transform(({ total }) => total),
      chunk: z.string().transform(Number),
    });
    type Order = typeof order;
    expectTypeOf(order.name).toEqualTypeOf<'order'>();
    expectTypeOf<InputOf<Order>>().toEqualTypeOf<{ items: string[]; currency?: string | undefined }>();
    expectTypeOf<JobDataOf<Order>>().toEqualTypeOf<{ items: string[]; currency: string }>();
    expectTypeOf<ReturnOf<Order>>().toEqualTypeOf<{ total: number }>();
    expectTypeOf<OutputOf<Order>>().toEqualTypeOf<number>();
    expectTypeOf<WrittenChunkOf<Order>>().toEqualTypeOf<string>();
    expectTypeOf<ChunkOf<Order>>().toEqualTypeOf<number>();
  });

  test('without schemas the codec decides', () => {
    const shout = defineFunction({ name: 'shout', codec: codecs.text() });
    expectTypeOf<InputOf<typeof shout>>().toEqualTypeOf<string>();
    expectTypeOf<OutputOf<typeof shout>>().toEqualTypeOf<string>();
    expectTypeOf<ChunkOf<typeof shout>>().toEqualTypeOf<string>();
    const rows = defineFunction({ name: 'rows', codec: codecs.ndjson<{ id: number }>() });
    expectTypeOf<OutputOf<typeof rows>>().toEqualTypeOf<{ id: number }[]>();
    expectTypeOf<ChunkOf<typeof rows>>().toEqualTypeOf<{ id: number }>();
    const anything = defineFunction({ name: 'anything' });
    expectTypeOf<InputOf<typeof anything>>().toBeUnknown();
    expectTypeOf<ChunkOf<typeof anything>>().toEqualTypeOf<Uint8Array>();
  });

  test('a schema that takes anything leaves what is sent to the codec', () => {
    const half = defineFunction({ name: 'half', input: z.coerce.number(), codec: codecs.text() });
    expectTypeOf<InputOf<typeof half>>().toEqualTypeOf<string>();
    expectTypeOf<JobDataOf<typeof half>>().toEqualTypeOf<number>();
  });

  test('codecs can be stacked', () => {
    const keys = { a: new Uint8Array(32) };
    const stacked = (): Codec<{ id: number }> =>
      codecs.encrypted(codecs.compressed(codecs.json<{ id: number }>()), { keys });
    expectTypeOf(stacked).returns.toEqualTypeOf<Codec<{ id: number }>>();
    expectTypeOf(codecs.envelope(codecs.text()).decode).returns.toEqualTypeOf<{
      readonly headers: Readonly<Record<string, string>>;
      readonly value: string;
    }>();
  });

  test('every contract is one of whatever', () => {
    const contract = defineFunction({ name: 'f', input: z.string(), chunk: z.number() });
    expectTypeOf(contract).toExtend<FunctionContract>();
    expectTypeOf(z.string()).toExtend<StandardSchema<string>>();
  });

  test('a registry knows its names', () => {
    const registry = defineRegistry({ a: defineFunction({ name: 'a' }), b: defineFunction({ name: 'b' }) });
    expectTypeOf<NameOf<typeof registry>>().toEqualTypeOf<'a' | 'b'>();
  });
});
