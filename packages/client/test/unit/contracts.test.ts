import { inspect } from 'node:util';
import { response } from '@gearman/protocol';
import { codecs, defineFunction, defineRegistry, ValidationError } from '@gearman/protocol/payload';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const add = defineFunction({
  name: 'add',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  defaults: { priority: 'high', responseTimeoutMs: 500 },
});
const later = defineFunction({
  name: 'later',
  input: z.number().refine(async (n) => n > 0, 'must be positive'),
  output: z.number().refine(async (n) => n > 0, 'must be positive'),
});

/** What the server got: types, names and payloads. */
async function sentTo(server: { received: unknown[] }): Promise<unknown[]> {
  await turn();
  return server.received.splice(0).map((packet) => {
    const { type, functionName, workload } = packet as {
      type: string;
      functionName: unknown;
      workload: Uint8Array;
    };
    return [type, functionName, Buffer.from(workload).toString()];
  });
}

async function connect(options?: ClientOptions) {
  const fake = await connectFakeClient(options);
  onTestFinished(() => fake.client.close());
  return fake;
}

describe('a contract', () => {
  it('sends the encoded input, and gives the decoded result', async () => {
    const { client, server } = await connect();
    const job = client.submit(add, { a: 1, b: 2 });
    expect(job.functionName).toBe('add');
    expect(await sentTo(server)).toEqual([['SUBMIT_JOB_HIGH', 'add', '{"a":1,"b":2}']]);
    server.create('H:1');
    server.complete('H:1', '3');
    expect(await job).toBe(3);
    expect(job.state).toMatchObject({ name: 'complete', event: { value: 3 } });
  });

  it('has defaults that stand between those of the client and those of the call', async () => {
    const { client, server, clock } = await connect({ priority: 'low', responseTimeoutMs: 9000 });
    const usual = errorOf(client.submit(add, { a: 1, b: 2 }));
    const other = errorOf(client.submit(add, { a: 1, b: 2 }, { priority: 'normal', responseTimeoutMs: 600 }));
    expect((await sentTo(server)).map((sent) => (sent as string[])[0])).toEqual([
      'SUBMIT_JOB_HIGH',
      'SUBMIT_JOB',
    ]);
    server.create('H:1', 'H:2');
    clock.advance(500);
    expect(await usual).toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT', timeoutMs: 500 });
    clock.advance(100);
    expect(await other).toMatchObject({ timeoutMs: 600 });
  });

  it.each(['wrong', { a: 1 }, { a: 1n, b: 2 }])(
    'refuses the input %o before anything is sent',
    async (input) => {
      const { client, server } = await connect();
      // What types forbid, data from outside can be all the same.
      const wrong = input as { a: number; b: number };
      const story: string[] = [];
      const job = client.submit(add, wrong);
      job.on('event', ({ type }) => story.push(type));
      expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_INVALID_INPUT', functionName: 'add' });
      expect(await errorOf(client.submitBackground(add, wrong))).toBeInstanceOf(ValidationError);
      expect(await client.trySubmit(add, wrong)).toMatchObject({ ok: false, error: { part: 'input' } });
      expect(await errorOf(client.submit(add, wrong, { retries: 3, uniqueId: 'payload' }))).toBeInstanceOf(
        ValidationError,
      );
      expect(await sentTo(server)).toEqual([]);
      expect(story).toEqual(['fail']);
      expect(client.pending).toBe(0);
    },
  );

  it('is not retried when the result breaks it', async () => {
    const { client, server } = await connect();
    const job = client.submit(add, { a: 1, b: 2 }, { retries: { retryIf: () => true } });
    await sentTo(server);
    server.create('H:1');
    server.complete('H:1', '"three"');
    expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_INVALID_OUTPUT' });
    expect(await sentTo(server)).toEqual([]);
  });

  it('has a say before and after a job also when it takes its time', async () => {
    const { client, server } = await connect();
    const job = client.submit(later, 1, { uniqueId: 'payload' });
    expect(client.pending).toBe(1);
    expect(await sentTo(server)).toEqual([['SUBMIT_JOB', 'later', '1']]);
    server.create('H:1');
    server.complete('H:1', '2');
    // The result has come: whatever happens now cannot take it away.
    server.close();
    expect(await job).toBe(2);
    expect(job.uniqueId).not.toBe('');
  });

  it('can be given up while it is being checked', async () => {
    const { client, server } = await connect();
    const abort = new AbortController();
    const job = errorOf(client.submit(later, 1, { signal: abort.signal }));
    abort.abort();
    expect(await job).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED' });
    expect(await sentTo(server)).toEqual([]);
  });

  it('keeps a failed result of one job from others', async () => {
    const { client, server } = await connect();
    const jobs = [client.trySubmit(add, { a: 1, b: 1 }), client.trySubmit(add, { a: 2, b: 2 })];
    await sentTo(server);
    server.create('H:1', 'H:2');
    server.complete('H:1', 'oops');
    server.complete('H:2', '4');
    expect(await Promise.all(jobs)).toMatchObject([{ ok: false }, { ok: true, value: 4 }]);
  });

  it('shows the value in events, and chunks as parts that stand for something', async () => {
    const { client, server } = await connect();
    const lines = defineFunction({ name: 'lines', codec: codecs.ndjson<number>() });
    const values: unknown[] = [];
    const chunks: number[] = [];
    const job = client.submit(lines, [0]);
    job.on('complete', ({ value }) => values.push(value));
    job.data$.subscribe({ next: (chunk) => chunks.push(chunk), complete: () => chunks.push(-1) });
    await sentTo(server);
    server.create('H:1');
    server.send(response('WORK_DATA', { handle: 'H:1', data: Buffer.from('1\n2') }));
    expect(chunks).toEqual([1]);
    server.complete('H:1', '2\n3\n');
    expect([chunks, values]).toEqual([[1, 22, 3, -1], [[1, 22, 3]]]);
  });

  it('loops over chunks only as long as nobody tries again', async () => {
    const { client, server } = await connect();
    const rows = defineFunction({ name: 'rows', chunk: z.number() });
    const job = client.submit(rows, null, { dataMode: 'events' });
    const loop = job[Symbol.asyncIterator]();
    await sentTo(server);
    server.create('H:1');
    server.send(response('WORK_DATA', { handle: 'H:1', data: Buffer.from('1') }));
    server.complete('H:1', '{"rows":1}');
    expect([await loop.next(), await loop.next()]).toEqual([
      { done: false, value: 1 },
      { done: true, value: undefined },
    ]);
    expect(await job).toEqual({ rows: 1 });
  });
});

describe('a loop over chunks that begins when the job is over', () => {
  const rows = defineFunction({ name: 'rows', chunk: z.number() });

  it.each([[], [1, 2]])('ends, after the chunks that came: %j', async (...chunks) => {
    const { client, server } = await connect();
    const job = client.submit(rows, null);
    await sentTo(server);
    server.create('H:1');
    for (const chunk of chunks) {
      server.send(response('WORK_DATA', { handle: 'H:1', data: Buffer.from(String(chunk)) }));
    }
    server.complete('H:1');
    expect(await job).toBeUndefined();
    const seen: number[] = [];
    for await (const chunk of job) seen.push(chunk);
    expect(seen).toEqual(chunks);
  });

  it('throws what the job failed with', async () => {
    const { client, server } = await connect();
    const job = client.submit(rows, null);
    await sentTo(server);
    server.create('H:1');
    server.send(response('WORK_FAIL', { handle: 'H:1' }));
    expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    expect(await errorOf(job[Symbol.asyncIterator]().next())).toMatchObject({
      code: 'ERR_GEARMAN_JOB_FAILED',
    });
  });
});

describe('a registry', () => {
  it('gives names their contracts; other names carry bytes', async () => {
    const { client, server } = await connect();
    const typed = createClient({ pool: client.pool, contracts: defineRegistry({ add }) });
    onTestFinished(() => typed.close());
    void typed.submit('add', { a: 1, b: 2 });
    void typed.submit('other', 'abc');
    void typed.submit('toString', 'abc');
    expect(await sentTo(server)).toEqual([
      ['SUBMIT_JOB_HIGH', 'add', '{"a":1,"b":2}'],
      ['SUBMIT_JOB', 'other', 'abc'],
      ['SUBMIT_JOB', 'toString', 'abc'],
    ]);
    expect(await typed.with({ priority: 'low' }).trySubmit('add', { a: 1, b: Number.NaN })).toMatchObject({
      error: { code: 'ERR_GEARMAN_INVALID_INPUT' },
    });
  });

  it.each([
    [{ contracts: { add: {} } }, /contracts/],
    [{ codec: 'json' }, /codec/],
    [{ codec: codecs.raw, encoding: 'utf8' }, /exclude each other/],
    [{ encoding: 'klingon' }, /klingon/],
  ])('%o is refused', (options, message) => {
    expect(() => createClient(options as ClientOptions)).toThrow(message);
  });
});

describe('rpc()', () => {
  it('calls functions by their names in parts', async () => {
    const { client, server } = await connect();
    const contracts = defineRegistry({
      mail_send: defineFunction({ name: 'mail_send', input: z.object({ to: z.string() }) }),
    });
    const typed = createClient({ pool: client.pool, contracts });
    onTestFinished(() => typed.close());
    const rpc = typed.rpc();
    void rpc.mail.send({ to: 'me' });
    void rpc.mail_send({ to: 'you' }, { priority: 'low' });
    expect(await errorOf(rpc.mail.send({} as { to: string }))).toBeInstanceOf(ValidationError);
    const { log } = client.rpc<{ log: { write(line: string): void } }>({ separator: '.' });
    void log.write('hello');
    expect(await sentTo(server)).toEqual([
      ['SUBMIT_JOB', 'mail_send', '{"to":"me"}'],
      ['SUBMIT_JOB_LOW', 'mail_send', '{"to":"you"}'],
      ['SUBMIT_JOB', 'log.write', '"hello"'],
    ]);
  });

  it('submits nothing when it is awaited, printed or serialized', async () => {
    const { client, server } = await connect();
    const rpc = client.rpc<{ a: { b(): number } }>();
    // As code that does not know what it holds would.
    const values: unknown[] = [rpc, rpc.a, rpc.a.b];
    for (const value of values) {
      await value;
      inspect(value, { showProxy: false });
      JSON.stringify({ value });
      expect(() => String(value)).toThrow(TypeError);
    }
    expect(await sentTo(server)).toEqual([]);
    expect(client.pending).toBe(0);
  });
});
