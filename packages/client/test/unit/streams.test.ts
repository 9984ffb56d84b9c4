import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { response } from '@gearman/protocol';
import fc from 'fast-check';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { StreamOptions } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';

/** The only job that was sent, whose handle is `H:1` from now on. */
async function created(server: FakeServer) {
  await turn();
  const [packet] = server.take('SUBMIT_JOB');
  if (packet === undefined) throw new Error('nothing was sent');
  server.create(handle);
  return { ...packet, text: Buffer.from(packet.workload).toString() };
}

const data = (bytes: string | Uint8Array) => response('WORK_DATA', { handle, data: Buffer.from(bytes) });

/** Cuts bytes at places that are parts of their length. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => Math.floor(place * bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  );
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
const around = (size: number) => fc.integer({ min: size - 2, max: size + 2 });
const sizes = fc.oneof(fc.integer({ min: 0, max: 300 }), around(1 << 16), around(1 << 20));

describe('submitStream()', () => {
  test('sends nothing before its writing side has ended', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f', { uniqueId: 'u' });
    stream.write('ab');
    await turn();
    expect(server.types).toEqual([]);
    expect([stream.functionName, stream.uniqueId, stream.handle, client.pending]).toEqual([
      'f',
      'u',
      undefined,
      1,
    ]);
    stream.end('c');
    expect((await created(server)).text).toBe('abc');
    expect([stream.handle, stream.ref]).toEqual([handle, await stream.created]);
  });

  test('gives parts as they come, and ends with the job', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f').end();
    const events = firstValueFrom(stream.events$.pipe(toArray()));
    await created(server);
    const parts: string[] = [];
    stream.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
    server.send(data('a'), data(''), data('b'));
    await turn();
    expect(parts).toEqual(['a', 'b']);
    server.complete(handle, 'c');
    await new Promise((resolve) => stream.once('close', resolve));
    expect(parts).toEqual(['a', 'b', 'c']);
    expect((await events).map(({ type }) => type)).toEqual([
      'submitted',
      'created',
      'data',
      'data',
      'data',
      'complete',
    ]);
  });

  test('does not depend on how payload and result are cut', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, places, places, fc.boolean(), async (size, sent, came, known) => {
        const { client, server } = await connectFakeClient();
        const payload = Buffer.alloc(size, 'payload.');
        const options: StreamOptions = known ? { sizeBytes: size } : {};
        const stream = Readable.from(cut(payload, sent)).pipe(client.submitStream('f', options));
        const result = buffer(stream);
        await new Promise((resolve) => stream.once('finish', resolve));
        const { workload } = await created(server);
        const [last = Buffer.of(), ...parts] = cut(workload, came).reverse();
        for (const part of parts.reverse()) server.send(data(part));
        server.send(response('WORK_COMPLETE', { handle, data: last }));
        expect(Buffer.compare(await result, payload)).toBe(0);
        await client.close();
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ['longer than it may be', { maxPayloadBytes: 3 }, 'maxPayloadBytes, which is 3'],
    ['longer than its size', { sizeBytes: 3 }, 'sizeBytes, which is 3'],
    ['shorter than its size', { sizeBytes: 5 }, 'ended after 4 bytes'],
  ])('refuses a payload that is %s, and sends nothing', async (_, options, said) => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f', options);
    stream.end('four');
    const error = await errorOf(text(stream));
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_PAYLOAD', message: expect.stringContaining(said) });
    await turn();
    expect([server.types, client.pending, stream.job.done]).toEqual([[], 0, true]);
  });

  test('refuses wrong options at once', async () => {
    const { client } = await connectFakeClient();
    const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    expect(() => client.submitStream('f', { maxBufferedBytes: 0 })).toThrow(wrong);
    expect(() => client.submitStream('f', { sizeBytes: -1 })).toThrow(wrong);
    expect(() => client.submitStream('')).toThrow(wrong);
    expect(client.pending).toBe(0);
  });

  test('an error that nobody listens to ends nothing', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f').end();
    await created(server);
    server.send(response('WORK_FAIL', { handle }));
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.errored).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  });

  test('ends with its signal, also while its payload is written', async () => {
    const { client, server } = await connectFakeClient();
    const abort = new AbortController();
    const stream = client.submitStream('f', { signal: abort.signal });
    stream.write('a');
    abort.abort('enough');
    expect(await errorOf(text(stream))).toMatchObject({
      code: 'ERR_GEARMAN_JOB_CANCELLED',
      cause: 'enough',
      submitted: false,
    });
    await turn();
    expect(server.types).toEqual([]);
  });

  test('ends with its client, also while its payload is written', async () => {
    const { client } = await connectFakeClient();
    const stream = client.submitStream('f');
    const error = errorOf(text(stream));
    await client.close();
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });

  test('that is destroyed detaches, and never sends what was not written to its end', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f');
    stream.write('a');
    stream.destroy();
    await turn();
    expect([server.types, client.pending]).toEqual([[], 0]);
    expect(stream.job.state).toMatchObject({ event: { type: 'cancelled', error: { submitted: false } } });
  });

  test('that is destroyed asks the server to cancel its job when that is wanted', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f', { cancelOnAbort: true }).end();
    await created(server);
    stream.destroy();
    await turn();
    await turn();
    // That is what cancelling begins with.
    expect(server.take('GET_STATUS')).toMatchObject([{ handle }]);
    expect(stream.job.done).toBe(true);
    await client.close();
  });

  test('makes a unique id of its payload when that is there', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f', { uniqueId: 'payload' });
    expect(stream.uniqueId).toBe('');
    stream.end('x');
    const { uniqueId } = await created(server);
    expect(stream.uniqueId).toBe(uniqueId);
    expect(uniqueId).toBe(client.submit('f', 'x', { uniqueId: 'payload' }).uniqueId);
  });

  test('reads nothing more from the server while its reader cannot keep up', async () => {
    const { client, server } = await connectFakeClient();
    const stream = client.submitStream('f', { maxBufferedBytes: 10 }).end();
    const other = client.submitStream('f', { maxBufferedBytes: 10 });
    await created(server);
    server.send(data('0123456789'));
    expect(server.paused).toBe(false);
    server.send(data('a'));
    expect(server.paused).toBe(true);
    expect(String(stream.read())).toBe('0123456789a');
    expect(server.paused).toBe(false);
    server.send(data('0123456789abc'));
    expect(server.paused).toBe(true);
    stream.destroy();
    expect(server.paused).toBe(false);
    other.destroy();
  });

  test('does so without being told only while nobody else waits for the server', async () => {
    const { client, server } = await connectFakeClient();
    const mebibyte = Buffer.alloc(1 << 20);
    const stream = client.submitStream('f').end();
    await created(server);
    server.send(data(mebibyte), data('a'));
    expect(server.paused).toBe(true);
    // Another job: its reader may be the one who does not read.
    const other = client.submit('g');
    await turn();
    expect(server.paused).toBe(false);
    server.create('H:2');
    server.send(data('b'));
    expect(server.paused).toBe(false);
    server.complete('H:2', 'done');
    expect(await other.text()).toBe('done');
    // Somebody may be asking for a status: it was said above that more may come.
    expect((stream.read() as Buffer).length).toBe((1 << 20) + 2);
    server.send(data(mebibyte), data('c'));
    expect(server.paused).toBe(true);
    const answer = client.echo('still there?');
    await turn();
    expect(server.paused).toBe(false);
    server.send(data('d'));
    expect(server.paused).toBe(false);
    server.send(response('ECHO_RES', { data: Buffer.from('yes') }));
    await answer;
    server.send(data('e'));
    expect(server.paused).toBe(true);
    stream.destroy();
    expect(server.paused).toBe(false);
  });
});

describe("A job's result as a stream", () => {
  test('has what came before somebody asked', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    await created(server);
    server.send(data('a'));
    const early = text(job.stream());
    server.send(data('b'));
    server.complete(handle, 'c');
    expect([await early, await text(job.stream()), await text(job.webStream())]).toEqual([
      'abc',
      'abc',
      'abc',
    ]);
  });

  test('errors as the job does, whether it has failed already or not', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    await created(server);
    const early = errorOf(text(job.stream()));
    server.send(response('WORK_FAIL', { handle }));
    const failed = { code: 'ERR_GEARMAN_JOB_FAILED' };
    expect(await early).toMatchObject(failed);
    expect(await errorOf(text(job.stream()))).toMatchObject(failed);
    expect(await errorOf(text(job.webStream()))).toMatchObject(failed);
  });

  test('may be destroyed without harm to the job', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    await created(server);
    job.stream().destroy();
    await job.webStream().cancel();
    server.complete(handle, 'c');
    expect(await job.text()).toBe('c');
  });

  test('can be piped', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    const piped = text(job.pipe(new PassThrough()));
    await created(server);
    server.complete(handle, 'c');
    expect(await piped).toBe('c');
  });
});

describe('A payload that is still to come', () => {
  const forms = {
    'a promise': () => Promise.resolve('ab'),
    'a Node stream': () => Readable.from([Buffer.from('a'), 'b']),
    'a web stream': () => new Blob(['ab']).stream(),
    'an async iterable': async function* () {
      yield 'a';
      yield Buffer.from('b');
    },
  };

  test.each(Object.entries(forms))('may be %s', async (_, make) => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f', make());
    expect(job.state).toEqual({ name: 'waiting' });
    void client.submitBackground('f', make());
    expect((await created(server)).text).toBe('ab');
    const [background] = server.take('SUBMIT_JOB_BG');
    expect(Buffer.from(background?.workload ?? '').toString()).toBe('ab');
    server.complete(handle, 'c');
    expect(await job.text()).toBe('c');
  });

  test('may be the result of another job', async () => {
    const { client, server } = await connectFakeClient();
    const second = client.submit('second', client.submit('first', 'a'));
    await created(server);
    server.complete(handle, 'b');
    await turn();
    const [packet] = server.take('SUBMIT_JOB');
    expect([packet?.functionName, Buffer.from(packet?.workload ?? '').toString()]).toEqual(['second', 'b']);
    second.detach();
  });

  test('that fails, or is too long, ends the job, and nothing is sent', async () => {
    const { client, server } = await connectFakeClient();
    const broken = Promise.reject(new Error('no such file'));
    const job = client.submit('f', broken, { retries: { limit: 3, retryIf: () => true } });
    const reason = { code: 'ERR_GEARMAN_PAYLOAD', cause: { message: 'no such file' } };
    expect(await errorOf(job)).toMatchObject(reason);
    expect(job.state).toMatchObject({ event: { type: 'fail' } });
    const long = client.submitBackground('f', Readable.from(['abc', 'd']), { maxPayloadBytes: 3 });
    expect(await errorOf(long)).toMatchObject({ code: 'ERR_GEARMAN_PAYLOAD' });
    await turn();
    expect([server.types, client.pending]).toEqual([[], 0]);
  });

  test('is not read any further once the job is over', async () => {
    const { client, server } = await connectFakeClient();
    let reads = 0;
    const source = new Readable({
      read() {
        reads++;
        setImmediate(() => this.push('x'));
      },
    });
    const job = client.submit('f', source);
    await turn();
    job.detach();
    await new Promise((resolve) => source.once('close', resolve));
    expect(reads).toBeGreaterThan(0);
    expect(server.types).toEqual([]);
  });
});
