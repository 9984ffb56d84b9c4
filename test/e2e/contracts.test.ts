import { randomBytes } from 'node:crypto';
import { createClient } from '@gearman/client';
import {
  codecs,
  defineFunction,
  defineRegistry,
  describeTasks,
  ValidationError,
} from '@gearman/protocol/payload';
import {
  shouldTestGearmand,
  startGearmand,
  startOurServer,
  type TestServer,
  watchLeaks,
} from '@gearman/testing';
import { createWorker, defineWorker, type Worker } from '@gearman/worker';
import fc from 'fast-check';
import { test as base, describe, expect, expectTypeOf } from 'vitest';
import { z } from 'zod';

interface Fixtures {
  readonly atEnd: (cleanUp: () => Promise<unknown>) => void;
  readonly server: TestServer;
  /** A worker that is started when its functions are registered. */
  readonly work: (register: (worker: Worker) => void) => Promise<Worker>;
}

const toUpper = defineFunction({
  name: 'toUpper',
  input: z.string(),
  output: z.string(),
  codec: codecs.text(),
});
const order = defineFunction({
  name: 'order',
  input: z.object({ items: z.array(z.number()), currency: z.string().default('EUR') }),
  output: z.object({ total: z.number(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  defaults: { priority: 'high' },
});
const countdown = defineFunction({
  name: 'countdown',
  input: z.number(),
  chunk: z.object({ left: z.number() }),
  output: z.string(),
});
const checkedLater = defineFunction({
  name: 'checkedLater',
  input: z.number().refine(async (n) => n !== 13, 'must not be 13'),
  chunk: z.number().refine(async (n) => n >= 0, 'must not be negative'),
  output: z.number().refine(async (n) => n < 100, 'must be below 100'),
});
const registry = defineRegistry({ toUpper, order, countdown, checkedLater });

function startAll(worker: Worker): void {
  worker.register(toUpper, (job) => job.data.toUpperCase());
  worker.register(order, async (job) => ({
    total: job.data.items.reduce((sum, price) => sum + price, 0),
    at: '2020-02-02T00:00:00Z',
    currency: job.data.currency,
  }));
  worker.register(countdown, async function* (job) {
    for (let left = job.data; left > 0; left--) yield { left };
    return 'lift-off';
  });
  worker.register(checkedLater, (job) => {
    // Not awaited: they stay in order all the same.
    void job.write(job.data);
    void job.write(job.data + 1);
    return job.data * 10;
  });
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

const servers = [
  { name: '@gearman/server', start: () => startOurServer(), run: true },
  { name: 'gearmand', start: () => startGearmand(), run: shouldTestGearmand() },
];

const contractTest = (start: () => Promise<TestServer>) =>
  base.extend<Fixtures>({
    atEnd: async ({ task }, use) => {
      const leaks = watchLeaks();
      const cleanUps: (() => Promise<unknown>)[] = [];
      await use((cleanUp) => cleanUps.unshift(cleanUp));
      for (const cleanUp of cleanUps) await cleanUp();
      await expect(leaks.check(), task.name).resolves.toBeUndefined();
    },
    server: async ({ atEnd }, use) => {
      const server = await start();
      atEnd(() => server.stop());
      await use(server);
    },
    work: async ({ server, atEnd }, use) => {
      await use(async (register) => {
        const worker = createWorker({ servers: server.server, concurrency: 4 });
        atEnd(() => worker.stop());
        register(worker);
        await worker.start();
        return worker;
      });
    },
  });

for (const { name, start, run } of servers) {
  describe.skipIf(!run)(`contracts through ${name}`, () => {
    const test = contractTest(start);

    test('those of defineWorker() type and check its clients', async ({ server, work }) => {
      const mail = defineWorker({
        name: 'mail',
        tasks: {
          send: {
            input: z.object({ to: z.string(), copies: z.number().default(1) }),
            output: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
            handler: ({ data }) => ({ at: `20${10 + data.copies}-02-02T00:00:00Z` }),
          },
          count: { output: z.number(), handler: async () => 3 },
        },
      });
      await work((worker) => worker.mount(mail));
      await using client = createClient({ servers: server.server, contracts: mail.contracts });
      const sent = await client.submit('mail_send', { to: 'you' });
      expectTypeOf(sent).toEqualTypeOf<{ at: Date }>();
      expect(sent.at.getUTCFullYear()).toBe(2011);
      const rpc = client.rpc();
      expectTypeOf(rpc.mail.count()).resolves.toEqualTypeOf<number>();
      expect([await rpc.mail.count(), await rpc.mail_count()]).toEqual([3, 3]);
      expect((await rpc.mail.send({ to: 'you', copies: 2 })).at.getUTCFullYear()).toBe(2012);
      // @ts-expect-error a key is missing
      const refused = await client.trySubmit('mail_send', {});
      expect(refused).toMatchObject({ ok: false, error: { code: 'ERR_GEARMAN_INVALID_INPUT' } });
    });

    test('carry values, checked and transformed on both sides', async ({ server, work }) => {
      await work(startAll);
      await using client = createClient({ servers: server.server });
      expect(await client.submit(toUpper, 'größe')).toBe('GRÖSSE');
      expect(await client.submit(order, { items: [1, 2, 3] })).toEqual({
        total: 6,
        at: new Date('2020-02-02T00:00:00Z'),
      });
      expect(await client.trySubmit(toUpper, 'a')).toEqual({ ok: true, value: 'A' });
      expect((await client.submitBackground(toUpper, 'a')).server).toBe(server.server);
    });

    test('are found by name in the registry', async ({ server, work }) => {
      await work(startAll);
      await using client = createClient({ servers: server.server, contracts: registry });
      expect(await client.submit('toUpper', 'abc')).toBe('ABC');
      expect((await client.submit('order', { items: [2] })).total).toBe(2);
      expect(await client.rpc().toUpper('rpc')).toBe('RPC');
    });

    test('give chunks their own values, in order, beside the result', async ({ server, work }) => {
      await work(startAll);
      await using client = createClient({ servers: server.server });
      const job = client.submit(countdown, 3);
      expect(await collect(job)).toEqual([{ left: 3 }, { left: 2 }, { left: 1 }]);
      expect(await job).toBe('lift-off');
      // Who comes late gets all of them, too.
      expect(await collect(job)).toEqual([{ left: 3 }, { left: 2 }, { left: 1 }]);
    });

    test('may be checked asynchronously everywhere', async ({ server, work }) => {
      await work(startAll);
      await using client = createClient({ servers: server.server });
      const job = client.submit(checkedLater, 4);
      expect([await collect(job), await job]).toEqual([[4, 5], 40]);
      await expect(client.submit(checkedLater, 13)).rejects.toMatchObject({
        code: 'ERR_GEARMAN_INVALID_INPUT',
      });
      await expect(client.submitBackground(checkedLater, 13)).rejects.toBeInstanceOf(ValidationError);
      await expect(client.submit(checkedLater, 10)).rejects.toMatchObject({
        code: 'ERR_GEARMAN_JOB_EXCEPTION',
        remote: { code: 'ERR_GEARMAN_INVALID_OUTPUT', message: expect.stringContaining('must be below 100') },
      });
      await expect(client.submit(checkedLater, -1)).rejects.toMatchObject({
        remote: {
          code: 'ERR_GEARMAN_INVALID_OUTPUT',
          message: expect.stringContaining('must not be negative'),
        },
      });
    });

    test('protect a handler from input that breaks them', async ({ server, work }) => {
      const called: unknown[] = [];
      await work((worker) =>
        worker.register(order, (job) => {
          called.push(job.data);
          return { total: 0, at: '' };
        }),
      );
      await using client = createClient({ servers: server.server });
      // Not by contract: somebody else's client.
      await expect(client.submit('order', '{"items":["x"]}')).rejects.toMatchObject({
        code: 'ERR_GEARMAN_JOB_EXCEPTION',
        remote: {
          name: 'ValidationError',
          code: 'ERR_GEARMAN_INVALID_INPUT',
          message: expect.stringContaining('items[0]'),
        },
      });
      await expect(
        client.submit('order', '{oops', { retries: { limit: 5, retryIf: () => true } }),
      ).rejects.toMatchObject({
        remote: {
          code: 'ERR_GEARMAN_INVALID_INPUT',
          message: expect.stringContaining('(5 bytes) cannot be decoded'),
        },
      });
      expect(called).toEqual([]);
    });

    test('protect the client from results that break them', async ({ server, work }) => {
      await work((worker) => {
        worker.register('order', () => '{"total":"much"}');
        worker.register('countdown', (job) => {
          void job.write('{"left":"few"}');
          return '"over"';
        });
      });
      await using client = createClient({ servers: server.server });
      await expect(client.submit(order, { items: [] })).rejects.toMatchObject({
        code: 'ERR_GEARMAN_INVALID_OUTPUT',
        issues: [expect.objectContaining({ path: 'total' }), expect.objectContaining({ path: 'at' })],
      });
      const job = client.submit(countdown, 1);
      await expect(collect(job)).rejects.toMatchObject({
        code: 'ERR_GEARMAN_INVALID_OUTPUT',
        part: 'chunk',
      });
      expect(await job).toBe('over');
    });

    test('let a handler end its job by itself, and void handlers say nothing', async ({ server, work }) => {
      const note = defineFunction({ name: 'note', input: z.string() });
      const shout = defineFunction({ name: 'shout', codec: codecs.text() });
      await work((worker) => {
        worker.register(note, (job) => {
          if (job.data === 'fail') job.fail();
          if (job.data === 'complete') job.complete({ done: true });
          if (job.data === 'throw') throw new RangeError('no');
        });
        worker.register(shout, () => {});
      });
      await using client = createClient({ servers: server.server });
      expect(await client.submit(note, 'x')).toBeUndefined();
      expect(await client.submit(note, 'complete')).toEqual({ done: true });
      expect(await client.submit(shout, 'x')).toBe('');
      await expect(client.submit(note, 'fail')).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
      await expect(client.submit(note, 'throw')).rejects.toMatchObject({ remote: { name: 'RangeError' } });
    });

    test('join a result that was written in parts before decoding it, wherever it is cut', async ({
      server,
      work,
    }) => {
      const parts = defineFunction({ name: 'parts', input: z.array(z.number()), codec: codecs.json() });
      const sizes = [2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1];
      const sample = (size: number): object => ({ text: 'ä'.repeat(Math.floor((size - 11) / 2)) });
      await work((worker) => {
        worker.register('parts', async (job) => {
          const [size = 0, ...cuts]: number[] = JSON.parse(job.text());
          const encoded = Buffer.from(JSON.stringify(sample(size)));
          let start = 0;
          for (const cut of cuts) {
            await job.write(encoded.subarray(start, cut));
            start = cut;
          }
          return encoded.subarray(start);
        });
      });
      await using client = createClient({ servers: server.server });
      for (const size of sizes) {
        for (const cuts of [[], [1], [2 ** 16], [size - 3], [10, 11, 12, 13, 2 ** 15 + 1]]) {
          expect(await client.submit(parts, [size, ...cuts])).toEqual(sample(size));
        }
      }
      const cuts = fc
        .array(fc.nat({ max: 400 }), { maxLength: 8 })
        .map((all) => all.toSorted((a, b) => a - b));
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 12, max: 400 }), cuts, async (size, where) => {
          expect(await client.submit(parts, [size, ...where])).toEqual(sample(size));
        }),
        { numRuns: 40 },
      );
    });

    test('carry what compresses and encrypts', async ({ server, work }) => {
      const codec = codecs.encrypted(codecs.compressed(codecs.json<{ text: string }>()), {
        keys: { a: randomBytes(32) },
      });
      const secret = defineFunction({ name: 'secret', codec, chunk: z.object({ text: z.string() }) });
      await work((worker) =>
        worker.register(secret, async function* ({ data: { text } }) {
          yield { text: text.slice(0, 1) };
          return { text: text.toUpperCase() };
        }),
      );
      await using client = createClient({ servers: server.server });
      const text = 'gearman '.repeat(20_000);
      const job = client.submit(secret, { text });
      expect(await collect(job)).toEqual([{ text: 'g' }]);
      expect((await job).text === text.toUpperCase()).toBe(true);
    });

    test('are not needed for codecs: of the client, and of a call, which wins', async ({ server, work }) => {
      await work((worker) =>
        worker.register('echo', async (job) => {
          const bytes = job.payload;
          await job.write(bytes.subarray(0, 3));
          return bytes.subarray(3);
        }),
      );
      await using client = createClient({ servers: server.server, encoding: 'utf8' });
      const job = client.submit('echo', 'a€😀');
      expect(await collect(job)).toEqual(['a', '€😀']);
      expect(await job).toBe('a€😀');
      expect(await client.submit('echo', { a: [1] }, { codec: codecs.json<{ a: number[] }>() })).toEqual({
        a: [1],
      });
      expect(await client.submit('echo', 'c7ff', { encoding: 'hex' })).toBe('c7ff');
      const rows = client.submit('echo', [{ id: 1 }, { id: 2 }], { codec: codecs.ndjson<{ id: number }>() });
      expect([await collect(rows), await rows]).toEqual([
        [{ id: 1 }, { id: 2 }],
        [{ id: 1 }, { id: 2 }],
      ]);
    });

    test('are not needed for codecs in a worker either', async ({ server, work }) => {
      await work((worker) => {
        worker.register('upper', (job) => job.data.toUpperCase(), { encoding: 'latin1' });
        worker.register('sum', ({ data }) => [data.reduce((a, b) => a + b)], {
          codec: codecs.json<number[]>(),
        });
      });
      await using client = createClient({ servers: server.server });
      expect(
        Buffer.from(await client.submit('upper', Buffer.from('größe', 'latin1'))).toString('latin1'),
      ).toBe('GRÖSSE');
      expect(await client.submit('sum', [1, 2, 3], { codec: codecs.json<number[]>() })).toEqual([6]);
      await expect(client.submit('sum', '{oops')).rejects.toMatchObject({
        remote: { code: 'ERR_GEARMAN_INVALID_INPUT' },
      });
    });

    test('can be asked for help', async ({ server, work }) => {
      const echo = defineFunction({
        name: 'mail.send',
        input: z.object({ to: z.string() }),
        description: 'sends',
      });
      await work((worker) => {
        worker.register('mail.help', () => JSON.stringify(describeTasks({ send: echo })));
        worker.register('odd_help', () => '{"send":7}');
      });
      await using client = createClient({ servers: server.server });
      expect(await client.help('mail', { separator: '.' })).toMatchObject({
        send: { description: 'sends', args: { to: { required: true } } },
      });
      await expect(client.help('odd')).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_OUTPUT' });
    });
  });
}
