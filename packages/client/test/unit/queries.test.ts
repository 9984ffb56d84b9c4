import { JobRef, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { connectFakeClient, createFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';
const ref = new JobRef('a:1', handle);
const UNKNOWN = { known: false, running: false, numerator: 0, denominator: 0, fraction: 0, servers: [] };

function answer(server: FakeServer, known: string, running = '0', numerator = '0', denominator = '0'): void {
  for (const query of server.take('GET_STATUS')) {
    server.send(response('STATUS_RES', { handle: query.handle, known, running, numerator, denominator }));
  }
  for (const { uniqueId } of server.take('GET_STATUS_UNIQUE')) {
    const fields = { uniqueId, known, running, numerator, denominator, clients: '2' };
    server.send(response('STATUS_RES_UNIQUE', fields));
  }
}

async function twoServers() {
  const fake = createFakeClient({ servers: 'a:1,b:1' });
  for (const server of fake.network.attempts) server.accept();
  await turn();
  const [a, b] = fake.network.attempts;
  if (a === undefined || b === undefined) throw new Error('two servers were given');
  return { ...fake, a, b };
}

describe('status()', () => {
  test.each([ref, String(ref), handle])('of %s asks for the handle and reads the answer', async (job) => {
    const { client, server } = await connectFakeClient();
    const status = client.status(job);
    await turn();
    expect(server.received).toMatchObject([{ type: 'GET_STATUS', handle }]);
    answer(server, '1', '1', '1', '4');
    expect(await status).toEqual({
      known: true,
      running: true,
      numerator: 1,
      denominator: 4,
      fraction: 0.25,
      servers: ['a:1'],
    });
  });

  test('reads empty numbers as 0', async () => {
    const { client, server } = await connectFakeClient();
    const status = client.status(ref);
    await turn();
    answer(server, '1', '0', '', '');
    expect(await status).toMatchObject({
      known: true,
      running: false,
      numerator: 0,
      denominator: 0,
      fraction: 0,
    });
  });

  test('of a job nobody knows says so', async () => {
    const { client, server } = await connectFakeClient();
    const status = client.status(ref);
    await turn();
    answer(server, '0');
    expect(await status).toEqual(UNKNOWN);
  });

  test('of a reference asks its server only', async () => {
    const { client, a, b } = await twoServers();
    const status = client.status(new JobRef('b:1', handle));
    await turn();
    expect([a.types, b.types]).toEqual([[], ['GET_STATUS']]);
    answer(b, '1');
    expect(await status).toMatchObject({ known: true, servers: ['b:1'] });
  });

  test('of a bare handle asks all and takes the one that is furthest', async () => {
    const { client, a, b } = await twoServers();
    const status = client.status(handle);
    await turn();
    answer(a, '1', '0', '1', '9');
    answer(b, '1', '1', '5', '9');
    expect(await status).toMatchObject({ running: true, numerator: 5, servers: ['a:1', 'b:1'] });
  });

  test('leaves out a server that fails while another answers', async () => {
    const { client, a, b } = await twoServers();
    const [status, other] = [client.status(handle), errorOf(client.status(new JobRef('a:1', handle)))];
    await turn();
    a.close();
    answer(b, '1');
    expect(await status).toMatchObject({ known: true, servers: ['b:1'] });
    expect(await other).toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
  });

  test.each([
    ['', /job handle must not be empty/],
    ['x'.repeat(64), /64 bytes long; at most 63/],
    ['//H:1', /is not a job reference/],
    ['c:1//H:1', /c:1 is not one of this client's servers \(a:1\)/],
  ])('of %j rejects', async (job, message) => {
    const { client } = await connectFakeClient();
    await expect(client.status(job)).rejects.toThrow(message);
    await expect(client.status(job)).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  });

  test('waits for a server, and then says which could not be reached', async () => {
    const { client, clock } = createFakeClient();
    const error = errorOf(client.status(ref, { timeoutMs: 20 }));
    clock.advance(20);
    expect(await error).toMatchObject({
      code: 'ERR_GEARMAN_NO_SERVERS',
      message: expect.stringContaining('a:1: still connecting'),
    });
  });

  test('gives up after its time, or with its signal', async () => {
    const { client, clock } = await connectFakeClient();
    const late = errorOf(client.status(ref, { timeoutMs: 20 }));
    const reason = new Error('enough');
    const abort = new AbortController();
    const aborted = errorOf(client.status(ref, { signal: abort.signal }));
    await turn();
    clock.advance(20);
    abort.abort(reason);
    expect(await late).toMatchObject({ code: 'ERR_GEARMAN_REPLY_TIMEOUT' });
    expect(await aborted).toBe(reason);
  });
});

describe('statusByUnique()', () => {
  test('asks every server and adds up who waits', async () => {
    const { client, a, b } = await twoServers();
    const status = client.statusByUnique('u');
    await turn();
    answer(a, '1', '1', '1', '2');
    answer(b, '0');
    expect(await status).toMatchObject({ known: true, fraction: 0.5, servers: ['a:1'], clients: 4 });
  });
});

describe('echo()', () => {
  test('brings the bytes back, and tells how long it took', async () => {
    const { client, server, clock } = await connectFakeClient();
    const echo = client.echo('hällo');
    await turn();
    clock.advance(7);
    for (const { data } of server.take('ECHO_REQ')) server.send(response('ECHO_RES', { data }));
    expect(await echo).toEqual({ data: Buffer.from('hällo'), rttMs: 7, server: 'a:1' });
  });

  test('can ask one server', async () => {
    const { client, a, b } = await twoServers();
    const echo = client.echo(undefined, { server: 'b:1' });
    await turn();
    expect(a.types).toEqual([]);
    b.send(response('ECHO_RES', { data: new Uint8Array(0) }));
    expect(await echo).toMatchObject({ server: 'b:1' });
    await expect(client.echo('', { server: 'c' })).rejects.toThrow(/not one of this client's servers/);
  });
});

test('setOption() asks now and after every reconnect', async () => {
  const { client, server, network, clock } = await connectFakeClient();
  client.setOption('x-more');
  await turn();
  expect(server.options).toEqual(['exceptions', 'x-more']);
  server.close();
  clock.advance(1000);
  network.last.accept();
  await turn();
  expect(network.last.options).toEqual(['exceptions', 'x-more']);
  expect(() => client.setOption('')).toThrow(
    expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
  );
});

describe('statusMany()', () => {
  test('asks for all at once, each at its server, and answers in their order', async () => {
    const { client, a, b } = await twoServers();
    const refs = [new JobRef('a:1', 'H:1'), new JobRef('b:1', 'H:1'), new JobRef('a:1', 'H:2')];
    const statuses = client.statusMany(refs);
    await turn();
    expect(a.received).toMatchObject([{ handle: 'H:1' }, { handle: 'H:2' }]);
    expect(b.received).toMatchObject([{ handle: 'H:1' }]);
    answer(b, '0');
    answer(a, '1', '1', '1', '2');
    expect((await statuses).map(({ known, servers }) => [known, ...servers])).toEqual([
      [true, 'a:1'],
      [false],
      [true, 'a:1'],
    ]);
  });

  test('of unique ids asks every server', async () => {
    const { client, a, b } = await twoServers();
    const statuses = client.statusManyByUnique(new Set(['u', 'v']));
    await turn();
    for (const server of [a, b]) {
      expect(server.received).toMatchObject([{ uniqueId: 'u' }, { uniqueId: 'v' }]);
      answer(server, '1');
    }
    expect(await statuses).toMatchObject([{ clients: 4 }, { clients: 4 }]);
  });

  test('of none asks nobody', async () => {
    const { client, server } = await connectFakeClient();
    expect(await client.statusMany([])).toEqual([]);
    expect(server.types).toEqual([]);
  });

  test('rejects with the first failure', async () => {
    const { client } = await connectFakeClient();
    expect(await errorOf(client.statusMany([ref, 'c:1//H:1']))).toMatchObject({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
    });
  });
});

describe('watch$()', () => {
  test('asks again after each answer, and completes when nobody knows the job', async () => {
    const { client, server, clock } = await connectFakeClient();
    const seen: string[] = [];
    client.watch$(ref, { intervalMs: 100 }).subscribe({
      next: ({ known, fraction }) => seen.push(known ? String(fraction) : 'gone'),
      complete: () => seen.push('complete'),
    });
    for (const [known, numerator] of [
      ['1', '0'],
      ['1', '1'],
      ['0', '0'],
    ] as const) {
      await turn();
      answer(server, known, '1', numerator, '2');
      await turn();
      clock.advance(99);
      await turn();
      expect(server.types).toEqual([]);
      clock.advance(1);
    }
    await turn();
    expect(seen).toEqual(['0', '0.5', 'gone', 'complete']);
    expect(server.types).toEqual([]);
  });

  test('asks on subscribe only, and no more once nobody looks', async () => {
    const { client, server, clock } = await connectFakeClient();
    const watch$ = client.watch$(ref);
    await turn();
    expect(server.types).toEqual([]);
    const subscription = watch$.subscribe();
    await turn();
    answer(server, '1');
    await turn();
    subscription.unsubscribe();
    clock.advance(5000);
    await turn();
    expect(server.types).toEqual([]);
  });

  test('asks no more when nobody waits for the answer', async () => {
    const { client, server, clock } = await connectFakeClient();
    const subscription = client.watch$(ref).subscribe();
    await turn();
    subscription.unsubscribe();
    answer(server, '1');
    await turn();
    clock.advance(5000);
    await turn();
    expect(server.take('GET_STATUS')).toEqual([]);
  });

  test('errors when it cannot ask', async () => {
    const { client } = await connectFakeClient();
    const error = await new Promise((resolve) => client.watch$('c:1//H:1').subscribe({ error: resolve }));
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  });
});
