import { response } from '@gearman/protocol';
import { describe, expect, test, vi } from 'vitest';
import { type BackgroundOptions, type Client, createClient } from '../../src/index.ts';
import { connectFakeClient, createFakeClient } from '../support/fake-client.ts';
import { createdJob, errorOf, sentJob } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const handle = 'H:1';

/** Both ways to submit, as one. */
const SUBMIT = {
  submit: (client: Client, functionName: string, options?: BackgroundOptions): PromiseLike<unknown> =>
    client.submit(functionName, '', options),
  submitBackground: (
    client: Client,
    functionName: string,
    options?: BackgroundOptions,
  ): PromiseLike<unknown> => client.submitBackground(functionName, '', options),
};

describe('Without a server', () => {
  test('a job waits, and is sent when one is there', async () => {
    const { client, network, clock } = createFakeClient();
    const job = client.submit('f');
    await turn();
    network.last.close('ECONNREFUSED');
    clock.advance(5000);
    expect(job.state.name).toBe('waiting');
    const server = network.last.accept();
    await turn();
    server.create(handle);
    server.complete(handle, 'x');
    expect(await job.text()).toBe('x');
  });

  test.each(['submit', 'submitBackground'] as const)(
    '%s() names every server and why it could not be used',
    async (method) => {
      const { client, network, clock } = createFakeClient({ servers: 'a,b', submitTimeoutMs: 30 });
      const result = errorOf(SUBMIT[method](client, 'reverse'));
      await turn();
      network.attempts[0]?.close('ECONNREFUSED');
      clock.advance(30);
      const error = await result;
      expect(error.message).toBe(
        'job "reverse" was not sent: no job server accepted a connection within 30 ms ' +
          '(a:4730: connection refused; b:4730: still connecting); is gearmand running?',
      );
      expect(error).toMatchObject({
        code: 'ERR_GEARMAN_SUBMIT_TIMEOUT',
        retryable: true,
        timeoutMs: 30,
        failures: [{ server: 'a:4730', error: { code: 'ERR_GEARMAN_CONNECT' } }, { server: 'b:4730' }],
      });
      network.last.accept();
      await turn();
      expect(network.last.types).toEqual([]);
      expect(client.pending).toBe(0);
    },
  );

  test('a job fails at once when every server was given up', async () => {
    const { client, network } = createFakeClient({ reconnect: { maxAttempts: 1 } });
    const job = client.submit('f');
    const background = errorOf(client.submitBackground('f'));
    await turn();
    network.last.close('ECONNREFUSED');
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_NO_SERVERS' });
    expect(await background).toMatchObject({ code: 'ERR_GEARMAN_NO_SERVERS' });
    await expect(client.submit('g')).rejects.toMatchObject({ code: 'ERR_GEARMAN_NO_SERVERS' });
    expect(client.pending).toBe(0);
  });

  test('each job has its own time', async () => {
    const { client, clock } = createFakeClient();
    const ended: number[] = [];
    const never = Number.POSITIVE_INFINITY;
    for (const submitTimeoutMs of [300, 100, never, 200]) {
      client.submit('f', '', { submitTimeoutMs }).on('timeout', () => ended.push(submitTimeoutMs));
    }
    await turn();
    for (const expected of [[], [100], [100, 200], [100, 200, 300], [100, 200, 300]]) {
      clock.advance(1);
      await turn();
      expect(ended).toEqual(expected);
      clock.advance(99);
      await turn();
    }
    expect(client.pending).toBe(1);
  });
});

describe('Without an answer', () => {
  test.each(['submit', 'submitBackground'] as const)(
    '%s() does not know what became of the job after createdTimeoutMs',
    async (method) => {
      const { client, clock } = await connectFakeClient();
      const result = errorOf(SUBMIT[method](client, 'reverse', { createdTimeoutMs: 70 }));
      await turn();
      clock.advance(69);
      expect(client.pending).toBe(1);
      clock.advance(1);
      const error = await result;
      expect(error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN', retryable: false, server: 'a:1' });
      expect(error.message).toBe(
        'job "reverse" was sent to a:1, but it did not answer within 70 ms; it may or may not run: ' +
          'send it again only if running twice does no harm',
      );
    },
  );

  test('a late JOB_CREATED goes to nobody, and the next one to the next job', async () => {
    const { client, server, clock } = await connectFakeClient();
    const late = errorOf(client.submit('a', '', { createdTimeoutMs: 10 }));
    const next = client.submit('b');
    await turn();
    clock.advance(10);
    await late;
    server.create('H:1', 'H:2');
    server.complete('H:1', 'a');
    server.complete('H:2', 'b');
    expect(await next.text()).toBe('b');
  });

  test.each(['submit', 'submitBackground'] as const)(
    '%s() does not know either when the connection is lost before JOB_CREATED',
    async (method) => {
      const { client, server } = await connectFakeClient();
      const result = errorOf(SUBMIT[method](client, 'reverse'));
      await turn();
      server.close('ECONNRESET');
      const error = await result;
      expect(error).toMatchObject({
        code: 'ERR_GEARMAN_SUBMIT_UNKNOWN',
        cause: { code: 'ERR_GEARMAN_CONNECTION_LOST' },
        message: expect.stringContaining('connection to a:1 lost: connection reset'),
      });
    },
  );

  test('a job that gives no result in responseTimeoutMs is left to the server', async () => {
    const { client, server, clock, job } = await createdJob({ responseTimeoutMs: 1000 });
    clock.advance(999);
    expect(job.done).toBe(false);
    clock.advance(1);
    const error = await errorOf(job);
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT', timeoutMs: 1000, ref: { handle } });
    server.complete(handle, 'late');
    expect(job.state).toMatchObject({ name: 'failed', event: { type: 'timeout', error } });
    expect(client.pending).toBe(0);
  });

  test('responseTimeoutMs of the client holds for all its jobs', async () => {
    const { clock, job } = await createdJob({}, { responseTimeoutMs: 5 });
    clock.advance(5);
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT' });
  });

  test('a lost connection ends the jobs that were created on it', async () => {
    const { server, job, network, clock, client } = await createdJob();
    server.close('ECONNRESET');
    const error = await errorOf(job);
    expect(error).toMatchObject({
      name: 'ConnectionLostError',
      code: 'ERR_GEARMAN_CONNECTION_LOST',
      server: 'a:1',
      ref: { handle },
    });
    expect(error.message).toBe(
      'connection to a:1 lost: connection reset; the result of job "reverse" (H:1) is lost with it, and a worker ' +
        'that has started it goes on; submit it again if running twice does no harm',
    );
    clock.advance(1000);
    const again = network.last.accept();
    const next = client.submit('f');
    await turn();
    again.create(handle);
    again.complete(handle, 'other job, same handle');
    expect(await next.text()).toBe('other job, same handle');
  });
});

describe('A refused job', () => {
  test.each([
    ['QUEUE_ERROR', 'Job queue is full'],
    ['queue_full', ''],
  ])('is told apart when the queue is full (%s)', async (code, text) => {
    const { server, job, client } = await sentJob();
    const background = errorOf(client.submitBackground('reverse'));
    await turn();
    server.send(response('ERROR', { code, text }), response('ERROR', { code, text }));
    for (const error of [await errorOf(job), await background]) {
      expect(error).toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL', retryable: true, server: 'a:1' });
    }
  });

  test('carries what the server said', async () => {
    const { server, job } = await sentJob();
    server.send(response('ERROR', { code: 'QUEUE_ERROR', text: 'QUEUE_ERROR' }));
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_SERVER', serverCode: 'QUEUE_ERROR' });
    expect(job.state).toMatchObject({ name: 'failed', event: { type: 'fail' } });
  });

  test('does not disturb its neighbours', async () => {
    const { client, server } = await connectFakeClient();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => client.submit(name));
    await turn();
    server.create('H:a');
    server.send(response('ERROR', { code: 'X', text: '' }));
    server.create('H:c');
    server.complete('H:c', 'c');
    server.complete('H:a', 'a');
    expect(await a?.text()).toBe('a');
    await expect(b).rejects.toMatchObject({ code: 'ERR_GEARMAN_SERVER' });
    expect(await c?.text()).toBe('c');
  });
});

describe('A job given up', () => {
  const reason = new Error('too slow');

  test.each(['submit', 'submitBackground'] as const)(
    '%s() sends nothing for an aborted signal',
    async (method) => {
      const { client, server } = await connectFakeClient();
      const error = await errorOf(SUBMIT[method](client, 'reverse', { signal: AbortSignal.abort(reason) }));
      expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', submitted: false, cause: reason });
      expect(error.message).toBe('job "reverse" was aborted by its signal; it was never sent');
      await turn();
      expect(server.received).toEqual([]);
      expect(client.pending).toBe(0);
    },
  );

  test.each(['submit', 'submitBackground'] as const)('%s() stops waiting for a server', async (method) => {
    const { client, network, clock } = createFakeClient();
    const abort = new AbortController();
    const result = errorOf(SUBMIT[method](client, 'f', { signal: abort.signal }));
    await turn();
    abort.abort(reason);
    expect(await result).toMatchObject({ submitted: false });
    network.last.accept();
    await turn();
    expect(network.last.types).toEqual([]);
    clock.advance(60_000);
  });

  test('aborted after it was sent, it is left to the server', async () => {
    const abort = new AbortController();
    const { server, job, client } = await createdJob({ signal: abort.signal });
    abort.abort(reason);
    const error = await errorOf(job);
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', submitted: true, cause: reason });
    expect(error.message).toBe('job "reverse" was aborted by its signal; the server may still run it');
    server.complete(handle, 'late');
    expect(client.pending).toBe(0);
  });

  test('a background job whose caller left is still answered in order', async () => {
    const { client, server } = await connectFakeClient();
    const abort = new AbortController();
    const left = errorOf(client.submitBackground('a', '', { signal: abort.signal }));
    const stayed = client.submitBackground('b');
    await turn();
    abort.abort(reason);
    expect(await left).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', submitted: true });
    server.create('H:a', 'H:b');
    expect((await stayed).handle).toBe('H:b');
  });

  test('the signal is let go when the job is over', async () => {
    const { signal } = new AbortController();
    const added: unknown[] = [];
    const removed: unknown[] = [];
    signal.addEventListener = (_: string, listener: unknown) => added.push(listener);
    signal.removeEventListener = (_: string, listener: unknown) => removed.push(listener);
    const { server, job } = await createdJob({ signal });
    expect(added).toHaveLength(1);
    server.complete(handle);
    await job;
    expect(removed).toEqual(added);
  });

  test('a signal that many jobs share is listened to once, and let go with the last of them', async () => {
    const { client } = await connectFakeClient();
    const abort = new AbortController();
    const listens = vi.spyOn(abort.signal, 'addEventListener');
    const letsGo = vi.spyOn(abort.signal, 'removeEventListener');
    const jobs = Array.from({ length: 20 }, () => errorOf(client.submit('f', '', { signal: abort.signal })));
    await turn();
    expect(listens).toHaveBeenCalledTimes(1);
    abort.abort(reason);
    for (const error of await Promise.all(jobs)) expect(error).toMatchObject({ cause: reason });
    expect(letsGo).toHaveBeenCalledTimes(1);
    expect(client.pending).toBe(0);
  });

  test('detach() ends it here', async () => {
    const { job, story } = await createdJob();
    job.detach();
    job.detach();
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', submitted: true });
    expect(story).toEqual(['submitted', 'created', 'cancelled']);
  });

  test('detach() in the same turn as submit() sends nothing', async () => {
    const { client, server } = await connectFakeClient();
    client.submit('f').detach();
    await turn();
    expect(server.received).toEqual([]);
  });
});

describe('close()', () => {
  test('ends foreground jobs, in every state', async () => {
    const { client, server } = await connectFakeClient();
    const created = client.submit('created');
    await turn();
    server.create(handle);
    const submitted = client.submit('submitted');
    await turn();
    const fresh = client.submit('fresh');
    const closed = client.close();
    for (const job of [created, submitted, fresh]) {
      await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
      expect(job.state).toMatchObject({ name: 'failed', event: { type: 'lost' } });
    }
    await closed;
    expect(client.pending).toBe(0);
    expect(server.ended).toBe(true);
  });

  test('waits until the background jobs that were sent are acknowledged', async () => {
    const { client, server } = await connectFakeClient();
    const refs = [client.submitBackground('a'), client.submitBackground('b')];
    const closed = client.close();
    await turn();
    expect(server.take('SUBMIT_JOB_BG')).toHaveLength(2);
    expect(server.ended).toBe(false);
    server.create('H:a', 'H:b');
    expect((await Promise.all(refs)).map(String)).toEqual(['a:1//H:a', 'a:1//H:b']);
    await closed;
    expect(server.ended).toBe(true);
  });

  test('waits for them no longer than timeoutMs', async () => {
    const { client, server, clock } = await connectFakeClient();
    const background = errorOf(client.submitBackground('a'));
    const closed = client.close({ timeoutMs: 100 });
    await turn();
    clock.advance(100);
    expect(await background).toMatchObject({
      code: 'ERR_GEARMAN_SUBMIT_UNKNOWN',
      message: expect.stringContaining('the client was closed before the answer came'),
    });
    await closed;
    expect(server.ended).toBe(true);
  });

  test('does not wait for background jobs that have no server', async () => {
    const { client } = createFakeClient();
    const background = errorOf(client.submitBackground('a'));
    await client.close();
    expect(await background).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });

  test('may be called twice, and with `await using`', async () => {
    const { client } = createFakeClient();
    expect(client.close()).toBe(client.close());
    await client[Symbol.asyncDispose]();
  });

  test('whatever is asked for afterwards says so', async () => {
    const { client } = createFakeClient();
    await client.close();
    const closed = { code: 'ERR_GEARMAN_CLOSED' };
    await expect(client.submit('f')).rejects.toMatchObject(closed);
    await expect(client.submitBackground('f')).rejects.toMatchObject(closed);
    await expect(client.status('H:1')).rejects.toMatchObject(closed);
    await expect(client.echo()).rejects.toMatchObject(closed);
    expect(client.pending).toBe(0);
  });

  test('leaves a shared pool open', async () => {
    const { client: owner, server } = await connectFakeClient();
    const client = createClient({ pool: owner.pool });
    const job = client.submit('f');
    await turn();
    server.create(handle);
    const events: string[] = [];
    client.on('event', ({ type }) => events.push(type));
    await client.close();
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    await expect(client.echo()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(events).toEqual(['lost', 'close']);
    server.complete(handle);
    expect(owner.pool.closed).toBe(false);
  });

  test('of a shared pool ends the jobs of its clients', async () => {
    const { client: owner, server } = await connectFakeClient();
    const client = createClient({ pool: owner.pool });
    const [created, background] = [client.submit('f'), errorOf(client.submitBackground('f'))];
    await turn();
    server.create(handle);
    await owner.pool.close();
    await expect(created).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(await background).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
    expect(client.pending).toBe(0);
  });
});
