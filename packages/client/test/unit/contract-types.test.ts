import type { Observable } from '@gearman/events';
import type { JobRef } from '@gearman/protocol';
import { codecs, defineFunction, defineRegistry, type HelpDocument } from '@gearman/protocol/payload';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  type Client,
  createClient,
  type Job,
  type JobEvent,
  type Outcome,
  submitMap,
  type TaskReport,
  type TaskResult,
  type TaskSet,
} from '../../src/index.ts';

const order = defineFunction({
  name: 'order',
  input: z.object({ item: z.string(), count: z.number().default(1) }),
  output: z.object({ total: z.number() }).transform(({ total }) => total),
  chunk: z.object({ step: z.string() }),
});
const toUpper = defineFunction({
  name: 'toUpper',
  input: z.string(),
  output: z.string(),
  codec: codecs.text(),
});
const ping = defineFunction({ name: 'ping', input: z.undefined(), output: z.literal('pong') });
const registry = defineRegistry({ order, toUpper, ping });

/** Types only: nothing in here runs. */
function callsByContract(client: Client): unknown {
  return [
    expectTypeOf(client.submit(order, { item: 'a' })).toEqualTypeOf<Job<number, { step: string }>>(),
    expectTypeOf(client.submit(toUpper, 'a')).toEqualTypeOf<Job<string, string>>(),
    expectTypeOf(client.submit(ping)).toEqualTypeOf<Job<'pong', Uint8Array>>(),
    expectTypeOf(client.trySubmit(order, { item: 'a', count: 2 })).resolves.toEqualTypeOf<Outcome<number>>(),
    expectTypeOf(client.submit$(order, { item: 'a' })).toEqualTypeOf<Observable<JobEvent<number>>>(),
    expectTypeOf(client.result$(order, { item: 'a' })).toEqualTypeOf<Observable<number>>(),
    client.submitBackground(order, { item: 'a' }, { priority: 'low' }),
    // @ts-expect-error an input is missing
    client.submit(order),
    // @ts-expect-error a key is missing
    client.submit(order, {}),
    // @ts-expect-error a value is of another type
    client.submitBackground(order, { item: 1 }),
    // @ts-expect-error durations end in Ms
    client.submit(order, { item: 'a' }, { responseTimeout: 5 }),
  ];
}

function callsByName(client: Client<typeof registry>): unknown {
  return [
    expectTypeOf(client.submit('order', { item: 'a' })).toEqualTypeOf<Job<number, { step: string }>>(),
    expectTypeOf(client.submit('ping')).toEqualTypeOf<Job<'pong', Uint8Array>>(),
    expectTypeOf(client.submit('other', 'bytes')).toEqualTypeOf<Job>(),
    expectTypeOf(client.with({}).submit('order', { item: 'a' })).toEqualTypeOf<
      Job<number, { step: string }>
    >(),
    // @ts-expect-error a name with a contract takes what that says, and not text
    client.submit('order', 'bytes'),
    // @ts-expect-error the same for background jobs
    client.submitBackground('order', 'bytes'),
    // @ts-expect-error and for an input that is missing
    client.trySubmit('order'),
  ];
}

function callsByCodec(client: Client): unknown {
  const json = codecs.json<{ a: number }>();
  return [
    expectTypeOf(client.submit('f', { a: 1 }, { codec: json })).toEqualTypeOf<
      Job<{ a: number }, Uint8Array>
    >(),
    expectTypeOf(client.submit('f', 'a', { encoding: 'utf8' })).toEqualTypeOf<Job<string, string>>(),
    expectTypeOf(client.result$('f', 'a', { encoding: 'utf8' })).toEqualTypeOf<Observable<string>>(),
    expectTypeOf(client.submit('f', [1], { codec: codecs.ndjson<number>() })).toEqualTypeOf<
      Job<number[], number>
    >(),
    // @ts-expect-error not what the codec carries
    client.submit('f', { a: 'x' }, { codec: json }),
    // @ts-expect-error one or the other
    client.submit('f', 'a', { codec: codecs.text(), encoding: 'utf8' }),
  ];
}

function clients(): unknown {
  const text = createClient({ encoding: 'utf8', contracts: registry });
  const json = createClient({ codec: codecs.json<number[]>() });
  const takesAny = (client: Client): Client => client;
  return [
    expectTypeOf(text.submit('f', 'a')).toEqualTypeOf<Job<string, string>>(),
    expectTypeOf(text.submit('order', { item: 'a' })).toEqualTypeOf<Job<number, { step: string }>>(),
    expectTypeOf(json.submit('f', [1])).toEqualTypeOf<Job<number[], Uint8Array>>(),
    expectTypeOf(createClient({ contracts: registry })).toEqualTypeOf<Client<typeof registry>>(),
    // Code that knows nothing of contracts takes a client that does.
    takesAny(createClient({ contracts: registry })),
    // @ts-expect-error not what the codec carries
    json.submit('f', 'a'),
  ];
}

function proxies(client: Client<typeof registry>, plain: Client): unknown {
  const rpc = client.rpc();
  const mail = defineRegistry({
    'mail.send': defineFunction({ name: 'mail.send', input: z.string(), output: z.number() }),
    'mail.box.list': defineFunction({ name: 'mail.box.list', output: z.array(z.string()) }),
  });
  const dotted = createClient({ contracts: mail }).rpc({ separator: '.' });
  const described = plain.rpc<{ mail: { send(to: string): Promise<number>; ping(): void } }>();
  return [
    expectTypeOf(rpc.order({ item: 'a' })).toEqualTypeOf<Job<number, { step: string }>>(),
    expectTypeOf(rpc.ping()).toEqualTypeOf<Job<'pong', Uint8Array>>(),
    expectTypeOf(dotted.mail.send('me')).toEqualTypeOf<Job<number, Uint8Array>>(),
    expectTypeOf(dotted.mail.box.list(null)).toEqualTypeOf<Job<string[], Uint8Array>>(),
    expectTypeOf(dotted['mail.send']('me')).toEqualTypeOf<Job<number, Uint8Array>>(),
    expectTypeOf(described.mail.send('me', { priority: 'low' })).toEqualTypeOf<Job<number>>(),
    expectTypeOf(plain.help('mail')).resolves.toEqualTypeOf<HelpDocument>(),
    // @ts-expect-error another type
    rpc.order({ item: 1 }),
    // @ts-expect-error there is no such function
    dotted.mail.fetch('me'),
    // @ts-expect-error another type
    described.mail.send(1),
  ];
}

function collections(client: Client<typeof registry>): unknown {
  const set = client.taskSet<number>();
  const queue = client.taskQueue({
    contract: order,
    onComplete: ({ value }) => expectTypeOf(value).toEqualTypeOf<number>(),
  });
  const words: Observable<string> = client.result$(toUpper, 'a');
  return [
    expectTypeOf(set.add(order, { item: 'a' })).toEqualTypeOf<Job<number, { step: string }>>(),
    expectTypeOf(set.add(order, { item: 'a' }, { background: true })).resolves.toEqualTypeOf<JobRef>(),
    expectTypeOf(set.wait()).resolves.toEqualTypeOf<TaskReport<number>>(),
    expectTypeOf<TaskResult<number> & { ok: true }>().toExtend<{ value: number | undefined }>(),
    expectTypeOf(client.taskSet()).toEqualTypeOf<TaskSet>(),
    expectTypeOf(client.taskSet().add('f', 'bytes')).toEqualTypeOf<Job>(),
    expectTypeOf(client.taskSet<number | string>().add(ping)).toEqualTypeOf<Job<'pong', Uint8Array>>(),
    queue.add({ item: 'a' }, { background: true }).add({ item: 'b' }),
    expectTypeOf(queue.run()).toEqualTypeOf<TaskSet<number>>(),
    expectTypeOf(client.taskQueue({ functionName: 'f' }).add('bytes').run()).toEqualTypeOf<TaskSet>(),
    expectTypeOf(
      client.submitMany([
        { contract: order, data: { item: 'a' } },
        { contract: ping, options: { priority: 'low' } },
      ]),
    ).toEqualTypeOf<[Job<number, { step: string }>, Job<'pong', Uint8Array>]>(),
    expectTypeOf(client.submitMany(['a', 'b'].map((data) => ({ contract: toUpper, data })))).toEqualTypeOf<
      Job<string, string>[]
    >(),
    expectTypeOf(client.submitMany([{ functionName: 'f', data: 'bytes' }])).toEqualTypeOf<Job[]>(),
    client.submitManyBackground([{ contract: order, data: { item: 'a' } }]),
    expectTypeOf(words.pipe(submitMap(client, toUpper))).toEqualTypeOf<Observable<string>>(),
    expectTypeOf(words.pipe(submitMap(client, 'f'))).toEqualTypeOf<Observable<Buffer>>(),
    client.submitAt(order, { delayMs: 5 }, { item: 'a' }),
    client.submitAt('order', { delayMs: 5 }, { item: 'a' }, { priority: 'normal' }),
    client.schedule(order, { hour: 3 }, { item: 'a' }),
    // @ts-expect-error its result is no number
    set.add(toUpper, 'a'),
    // @ts-expect-error what is submitted by name gives bytes
    set.add('f'),
    // @ts-expect-error a key is missing
    set.add(order, {}),
    // @ts-expect-error an input is missing
    queue.add(),
    // @ts-expect-error another type
    client.submitMany([{ contract: order, data: { item: 1 } }]),
    // @ts-expect-error another type
    client.submitManyBackground([{ contract: toUpper, data: 1 }]),
    // @ts-expect-error a name with a contract takes what that says, and not text
    client.submitAt('order', { delayMs: 5 }, 'bytes'),
  ];
}

test('calls have the types of their contract, codec or client, without casts', () => {
  for (const calls of [callsByContract, callsByName, callsByCodec, clients, proxies, collections]) {
    expectTypeOf(calls).toBeFunction();
  }
});

test('a job gives what awaiting and iterating say', () => {
  type Order = Job<number, { step: string }>;
  expectTypeOf<Awaited<Order>>().toEqualTypeOf<number>();
  expectTypeOf<Order>().toExtend<AsyncIterable<{ step: string }>>();
  expectTypeOf<Order['data$']>().toEqualTypeOf<Observable<{ step: string }>>();
  expectTypeOf<Order['result$']>().toEqualTypeOf<Observable<number>>();
});
