import { response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { ClientOptions, Job, SubmitOptions } from '../../src/index.ts';
import { connectFakeClient, type FakeClient } from '../support/fake-client.ts';
import { createdJob, errorOf } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

// The fake client's random number is 0.5: no jitter.
const RETRY = { limit: 2, minMs: 100, factor: 3 } as const;
const FULL = response('ERROR', { code: 'QUEUE_ERROR', text: 'Job queue is full' });

interface Tried extends FakeClient {
  readonly server: FakeServer;
  readonly job: Job;
  readonly story: string[];
}

/** A job that was sent; its events so far, retries with their numbers. */
async function tried(options: SubmitOptions, client: ClientOptions = {}): Promise<Tried> {
  const fake = await connectFakeClient(client);
  const job = fake.client.submit('f', 'data', options);
  const story: string[] = [];
  job.on('event', (event) => {
    if (event.type === 'retry') story.push(`retry ${event.attempt} after ${event.delayMs}`);
    else story.push(event.type);
  });
  await turn();
  return { ...fake, job, story };
}

/** The connection breaks and comes back. */
async function reconnect({ network, clock }: FakeClient, server: FakeServer): Promise<FakeServer> {
  server.close('ECONNRESET');
  await turn();
  clock.advance(10);
  const next = network.last;
  expect(next).not.toBe(server);
  next.accept();
  await turn();
  return next;
}

const submits = (server: FakeServer): string[] =>
  server.take('SUBMIT_JOB').map(({ workload }) => Buffer.from(workload).toString());

describe('Retries', () => {
  test('send the same payload again, later each time, as the same job with a new handle', async () => {
    const { server, clock, job, story } = await tried({ retries: RETRY });
    expect(submits(server)).toEqual(['data']);
    server.send(FULL);
    expect(job.state).toMatchObject({ name: 'retrying', attempt: 2, delayMs: 100 });
    clock.advance(99);
    await turn();
    expect(submits(server)).toEqual([]);
    clock.advance(1);
    await turn();
    expect(submits(server)).toEqual(['data']);
    server.send(FULL);
    clock.advance(300);
    await turn();
    expect(submits(server)).toEqual(['data']);
    server.create('H:3');
    expect(job.handle).toBe('H:3');
    server.complete('H:3', 'at last');
    expect(await job.text()).toBe('at last');
    expect(story).toEqual([
      'submitted',
      'retry 2 after 100',
      'submitted',
      'retry 3 after 300',
      'submitted',
      'created',
      'complete',
    ]);
  });

  test('end after `limit`, with the last failure', async () => {
    const { server, clock, job, client } = await tried({ retries: 1 });
    for (const delayMs of [100, 0]) {
      server.send(FULL);
      clock.advance(delayMs);
      await turn();
    }
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL' });
    expect(client.pending).toBe(0);
    expect(submits(server)).toHaveLength(2);
  });

  test('are none by default', async () => {
    const { server, job } = await tried({});
    server.send(FULL);
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL' });
  });

  test('follow a lost connection, without what came before', async () => {
    const fake = await tried({ retries: RETRY });
    fake.server.create('H:1');
    fake.server.send(response('WORK_DATA', { handle: 'H:1', data: Buffer.from('half') }));
    fake.server.send(response('WORK_STATUS', { handle: 'H:1', numerator: '1', denominator: '2' }));
    const next = await reconnect(fake, fake.server);
    expect(fake.job).toMatchObject({ handle: undefined, ref: undefined, status: undefined });
    fake.clock.advance(100);
    await turn();
    next.create('H:1');
    next.complete('H:1', 'whole');
    expect(await fake.job.text()).toBe('whole');
  });

  test.each([
    ['WORK_FAIL', () => response('WORK_FAIL', { handle: 'H:1' }), 'ERR_GEARMAN_JOB_FAILED'],
    [
      'WORK_EXCEPTION',
      () => response('WORK_EXCEPTION', { handle: 'H:1', data: Buffer.from('no') }),
      'ERR_GEARMAN_JOB_EXCEPTION',
    ],
  ])('leave what a worker said alone (%s), unless retryIf wants it', async (_, packet, code) => {
    const plain = await createdJob({ retries: RETRY });
    plain.server.send(packet());
    await expect(plain.job).rejects.toMatchObject({ code });

    const asked: string[] = [];
    const retryIf = (error: { readonly code: string }) => asked.push(error.code) > 0;
    const wanted = await createdJob({ retries: { ...RETRY, retryIf } });
    wanted.server.send(packet());
    expect(asked).toEqual([code]);
    wanted.clock.advance(100);
    await turn();
    wanted.server.create('H:2');
    wanted.server.complete('H:2', 'x');
    expect(await wanted.job.text()).toBe('x');
  });

  test.each([
    [
      'an exception named NonRetryableError',
      response('WORK_EXCEPTION', {
        handle: 'H:1',
        data: Buffer.from(JSON.stringify({ name: 'NonRetryableError', message: 'never' })),
      }),
    ],
  ])('never follow %s, whatever retryIf says', async (_, packet) => {
    const { server, job } = await createdJob({ retries: { limit: 9, retryIf: () => true } });
    server.send(packet);
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_EXCEPTION' });
  });

  test('a retryIf that throws means no', async () => {
    const retryIf = (): boolean => {
      throw new Error('oops');
    };
    const { server, job } = await createdJob({ retries: { limit: 9, retryIf } });
    server.send(response('WORK_FAIL', { handle: 'H:1' }));
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  });

  test('what still comes for an earlier attempt is not taken for the next', async () => {
    const { server, clock, job } = await tried({ retries: RETRY, tryTimeoutMs: 50 });
    server.create('H:1');
    clock.advance(50);
    await turn();
    clock.advance(100);
    await turn();
    server.complete('H:1', 'late');
    expect(job.done).toBe(false);
    server.create('H:2');
    server.complete('H:2', 'right');
    expect(await job.text()).toBe('right');
  });

  test('a loop over parts throws when it cannot take them back; one that has none goes on', async () => {
    const { server, clock, job } = await createdJob({ retries: { ...RETRY, retryIf: () => true } });
    const early = job[Symbol.asyncIterator]();
    server.send(response('WORK_DATA', { handle: 'H:1', data: Buffer.from('a') }));
    server.send(response('WORK_FAIL', { handle: 'H:1' }));
    const late = job[Symbol.asyncIterator]();
    clock.advance(100);
    await turn();
    server.create('H:2');
    server.complete('H:2', 'b');
    expect(await early.next()).toMatchObject({ value: Buffer.from('a') });
    await expect(early.next()).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    expect(await late.next()).toMatchObject({ value: Buffer.from('b') });
    expect(await job.text()).toBe('b');
  });

  test('late subscribers see all attempts, in their order', async () => {
    const { server, clock, job } = await tried({ retries: RETRY });
    server.send(FULL);
    clock.advance(100);
    await turn();
    server.create('H:2');
    server.complete('H:2');
    const types: string[] = [];
    for await (const { type } of job.events()) types.push(type);
    expect(types).toEqual(['submitted', 'retry', 'submitted', 'created', 'complete']);
  });

  test('an earlier attempt that may have run is not called "never sent"', async () => {
    const { server, clock, job } = await createdJob({ retries: RETRY, submitTimeoutMs: 40 });
    server.close('ECONNRESET');
    for (let i = 0; i < 60; i++) {
      clock.advance(10);
      await turn();
    }
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST', ref: { handle: 'H:1' } });
  });

  test('of a background job end when a server has taken it', async () => {
    const { client, server, clock } = await connectFakeClient();
    const ref = client.submitBackground('f', 'data', { retries: RETRY });
    await turn();
    expect(server.take('SUBMIT_JOB_BG')).toHaveLength(1);
    server.send(FULL);
    clock.advance(100);
    await turn();
    expect(server.take('SUBMIT_JOB_BG')).toHaveLength(1);
    server.create('H:2');
    expect(String(await ref)).toBe('a:1//H:2');
    expect(client.pending).toBe(0);
  });

  test.each(['detach', 'close'] as const)('end with %s() between two attempts', async (how) => {
    const { server, clock, job, client } = await tried({ retries: RETRY });
    server.send(FULL);
    if (how === 'detach') job.detach();
    else await client.close();
    const code = how === 'detach' ? 'ERR_GEARMAN_JOB_CANCELLED' : 'ERR_GEARMAN_CLOSED';
    await expect(job).rejects.toMatchObject({ code });
    clock.advance(1000);
    await turn();
    expect(submits(server)).toHaveLength(1);
    expect(client.pending).toBe(0);
  });
});

describe('A job that was never acknowledged', () => {
  test('is sent again to the same server when it has a unique id', async () => {
    const fake = await tried({ uniqueId: 'u' });
    const next = await reconnect(fake, fake.server);
    fake.clock.advance(100);
    await turn();
    expect(submits(next)).toEqual(['data']);
    next.create('H:1');
    next.complete('H:1', 'x');
    expect(await fake.job.text()).toBe('x');
  });

  test('goes to no other server, which could not know that it is the same', async () => {
    const fake = await connectFakeClient({ servers: 'a:1,b:1' });
    const [a, b] = fake.network.attempts as [FakeServer, FakeServer];
    b.close('ECONNREFUSED');
    await turn();
    a.accept();
    await turn();
    const error = errorOf(fake.client.submit('f', 'data', { uniqueId: 'u', submitTimeoutMs: 1000 }));
    await turn();
    const taken = fake.network.attempts.filter((server) => server.take('SUBMIT_JOB').length > 0);
    expect(taken).toHaveLength(1);
    taken[0]?.close('ECONNRESET');
    for (let i = 0; i < 200; i++) {
      fake.clock.advance(10);
      for (const server of fake.network.attempts) {
        const { address } = server;
        const isOther = address.kind === 'tcp' && taken[0]?.address !== address;
        if (isOther && !fake.client.pool.connection(`${address.host}:1`)?.ready) server.accept();
      }
      await turn();
    }
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
    expect(fake.network.attempts.flatMap((server) => submits(server))).toEqual([]);
  });

  test.each<[string, SubmitOptions]>([
    ['no unique id', {}],
    ['an empty one', { uniqueId: '' }],
    ['a generated one', { generateUnique: true }],
    ['`resubmit: never`', { uniqueId: 'u', resubmit: 'never' }],
    ['`resubmit: never`, whatever retries say', { uniqueId: 'u', resubmit: 'never', retries: 3 }],
    ['retries, but no unique id', { retries: { limit: 3, retryIf: () => true } }],
  ])('is not sent again with %s', async (_, options) => {
    const fake = await tried(options);
    const error = errorOf(fake.job);
    await reconnect(fake, fake.server);
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
  });

  test('is sent again without a unique id with `resubmit: always`', async () => {
    const fake = await tried({ resubmit: 'always' });
    const next = await reconnect(fake, fake.server);
    fake.clock.advance(100);
    await turn();
    expect(submits(next)).toEqual(['data']);
  });

  test('is sent three times more at most', async () => {
    const { server, clock, job } = await tried({ uniqueId: 'u', createdTimeoutMs: 10 });
    const error = errorOf(job);
    for (let i = 0; i < 200; i++) {
      clock.advance(10);
      await turn();
    }
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
    expect(submits(server)).toHaveLength(4);
  });

  test('hears everything once when a late answer shows that the server had it all the time', async () => {
    const { server, clock, job } = await tried({ uniqueId: 'u', createdTimeoutMs: 10 });
    clock.advance(10);
    clock.advance(100);
    await turn();
    expect(submits(server)).toHaveLength(2);
    server.create('H:1', 'H:1');
    const part = response('WORK_DATA', { handle: 'H:1', data: Buffer.from('a') });
    const last = response('WORK_COMPLETE', { handle: 'H:1', data: Buffer.from('b') });
    server.send(part, part, last, last);
    expect(await job.text()).toBe('ab');
  });

  test('is sent again once the server has forgotten it, as gearmand does with abandoned jobs', async () => {
    const fake = await tried({ uniqueId: 'u' });
    const next = await reconnect(fake, fake.server);
    fake.clock.advance(100);
    await turn();
    submits(next);
    next.create('H:1');
    const say = (known: string): void => {
      expect(next.take('GET_STATUS')).toMatchObject([{ handle: 'H:1' }]);
      const numbers = { running: '0', numerator: '0', denominator: '0' };
      next.send(response('STATUS_RES', { handle: 'H:1', known, ...numbers }));
    };
    fake.clock.advance(1000);
    await turn();
    say('1');
    fake.clock.advance(2000);
    await turn();
    say('0');
    expect(fake.job.state).toMatchObject({ name: 'retrying', error: { code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' } });
    fake.clock.advance(200);
    await turn();
    expect(submits(next)).toEqual(['data']);
    next.create('H:2');
    next.complete('H:2', 'x');
    expect(await fake.job.text()).toBe('x');
    fake.clock.advance(60_000);
    await turn();
    expect(next.take('GET_STATUS')).toEqual([]);
  });

  test('holds for background jobs, too', async () => {
    const fake = await connectFakeClient();
    const ref = fake.client.submitBackground('f', 'data', { uniqueId: 'u' });
    await turn();
    const next = await reconnect(fake, fake.server);
    fake.clock.advance(100);
    await turn();
    expect(next.take('SUBMIT_JOB_BG')).toHaveLength(1);
    next.create('H:1');
    expect(await ref).toMatchObject({ handle: 'H:1' });
  });

  test('a background job that is sent again while the client closes is told as unknown', async () => {
    const fake = await connectFakeClient();
    const error = errorOf(fake.client.submitBackground('f', 'data', { uniqueId: 'u' }));
    await turn();
    fake.server.close('ECONNRESET');
    await fake.client.close();
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
  });
});

describe('onQueueFull: wait', () => {
  test('tries again until there is room', async () => {
    const { server, clock, job } = await tried({ onQueueFull: 'wait' });
    for (const delayMs of [100, 200, 400, 800, 1600]) {
      server.send(FULL);
      clock.advance(delayMs);
      await turn();
    }
    expect(submits(server)).toHaveLength(6);
    server.create('H:1');
    server.complete('H:1', 'x');
    expect(await job.text()).toBe('x');
  });

  test.each<SubmitOptions>([{ submitTimeoutMs: 250 }, { timeoutMs: 250 }])(
    'gives up after %j with the refusal',
    async (limit) => {
      const { server, clock, job } = await tried({ onQueueFull: 'wait', ...limit });
      server.send(FULL);
      clock.advance(100);
      await turn();
      // The next delay, 200 ms, would end after the time.
      server.send(FULL);
      await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL' });
    },
  );
});

describe('timeoutMs', () => {
  test.each([
    ['nobody connects', 'ERR_GEARMAN_SUBMIT_TIMEOUT'],
    ['nobody answers', 'ERR_GEARMAN_SUBMIT_UNKNOWN'],
    ['nobody works', 'ERR_GEARMAN_RESPONSE_TIMEOUT'],
  ])('ends a job when %s', async (what, code) => {
    const fake = await connectFakeClient({ timeoutMs: 300 });
    if (what === 'nobody connects') {
      fake.server.close('ECONNRESET');
      await turn();
    }
    const job = fake.client.submit('f');
    await turn();
    if (what === 'nobody works') fake.server.create('H:1');
    fake.clock.advance(299);
    expect(job.done).toBe(false);
    fake.clock.advance(1);
    await expect(job).rejects.toMatchObject({ code, message: expect.stringContaining('300 ms') });
    expect(fake.client.pending).toBe(0);
  });

  test('counts all attempts: the last one gets what is left', async () => {
    const { server, clock, job } = await tried({ retries: 5, tryTimeoutMs: 100, timeoutMs: 250 });
    server.create('H:1');
    clock.advance(100);
    expect(job.state.name).toBe('retrying');
    clock.advance(100);
    await turn();
    server.create('H:2');
    clock.advance(50);
    await turn();
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT', timeoutMs: 250 });
  });

  test('of a background job counts until a server has it', async () => {
    const { client, server, clock } = await connectFakeClient();
    const ref = client.submitBackground('f', '', { timeoutMs: 300 });
    await turn();
    server.create('H:1');
    clock.advance(1000);
    expect(await ref).toMatchObject({ handle: 'H:1' });
  });
});

describe('maxPending', () => {
  test('refuses one job too many, which is not sent, until another is over', async () => {
    const { client, server } = await connectFakeClient({ maxPending: 2 });
    const first = client.submit('a');
    const second = client.submitBackground('b');
    const third = client.submit('c');
    const fourth = errorOf(client.submitBackground('d'));
    await expect(third).rejects.toMatchObject({
      code: 'ERR_GEARMAN_OVERFLOW',
      option: 'maxPending',
      limit: 2,
    });
    expect(await fourth).toMatchObject({ code: 'ERR_GEARMAN_OVERFLOW' });
    await turn();
    expect(server.types).toEqual(['SUBMIT_JOB', 'SUBMIT_JOB_BG']);
    expect(client.pending).toBe(2);
    server.create('H:1', 'H:2');
    await second;
    const fifth = client.submit('e');
    await turn();
    server.create('H:3');
    server.complete('H:3', 'e');
    expect(await fifth.text()).toBe('e');
    first.detach();
  });
});

describe('server', () => {
  test('is the only one that gets the job, which waits for it', async () => {
    const { client, network } = await connectFakeClient({ servers: 'a:1,b:1' });
    const [a, b] = network.attempts as [FakeServer, FakeServer];
    const job = client.submit('f', 'data', { server: 'a:1' });
    await turn();
    expect(job.state.name).toBe('waiting');
    expect(submits(b)).toEqual([]);
    a.accept();
    await turn();
    expect(submits(a)).toEqual(['data']);
  });

  test('ends the job when it was given up', async () => {
    const { client, network } = await connectFakeClient({
      servers: 'a:1,b:1',
      reconnect: { maxAttempts: 1 },
      submitTimeoutMs: Number.POSITIVE_INFINITY,
    });
    const [a] = network.attempts as [FakeServer, FakeServer];
    const before = client.submit('f', '', { server: 'a:1' });
    await turn();
    a.close('ECONNREFUSED');
    const after = client.submit('f', '', { server: 'a:1' });
    for (const job of [before, after]) {
      await expect(job).rejects.toMatchObject({
        code: 'ERR_GEARMAN_NO_SERVERS',
        message: expect.stringContaining('a:1: connection refused'),
      });
    }
    expect(client.pending).toBe(0);
  });

  test('must be one of the client', async () => {
    const { client } = await connectFakeClient();
    expect(() => client.submit('f', '', { server: 'c:1' })).toThrow(/c:1 is not one of .* \(a:1\)/);
    expect(client.pending).toBe(0);
  });
});
