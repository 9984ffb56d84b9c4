import { JobRef } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { ClientMiddleware, JobRequest } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

describe('use()', () => {
  test('stands around every submit, the first added outermost', async () => {
    const { client, server } = await connectFakeClient();
    const told: string[] = [];
    const named =
      (name: string): ClientMiddleware =>
      (request, next) => {
        told.push(`${name} before ${request.functionName}`);
        const result = next({ ...request, functionName: `${name}.${request.functionName}` });
        told.push(`${name} after`);
        return result;
      };
    client.use(named('outer')).use(named('inner'));
    const job = client.submit('f', 'data');
    await turn();
    expect(told).toEqual(['outer before f', 'inner before outer.f', 'inner after', 'outer after']);
    expect(server.received).toMatchObject([
      { functionName: 'inner.outer.f', workload: new TextEncoder().encode('data') },
    ]);
    server.create('H:1');
    server.complete('H:1', 'x');
    expect(await job.text()).toBe('x');
    expect(job.functionName).toBe('inner.outer.f');
  });

  test('sees the kind, the payload and the options of each, and can change them', async () => {
    const { client, server } = await connectFakeClient();
    const seen: JobRequest[] = [];
    client.use((request, next) => {
      seen.push(request);
      return next({ ...request, data: 'other', options: { ...request.options, priority: 'high' } });
    });
    const job = client.submit('f', 'data', { uniqueId: 'u' });
    const ref = client.submitBackground('g');
    await turn();
    expect(seen).toEqual([
      { kind: 'foreground', functionName: 'f', data: 'data', options: { uniqueId: 'u' } },
      { kind: 'background', functionName: 'g', data: undefined, options: undefined },
    ]);
    const workload = new TextEncoder().encode('other');
    expect(server.received).toMatchObject([
      { type: 'SUBMIT_JOB_HIGH', uniqueId: 'u', workload },
      { type: 'SUBMIT_JOB_HIGH_BG', workload },
    ]);
    server.create('H:1', 'H:2');
    expect(await ref).toBeInstanceOf(JobRef);
    job.detach();
  });

  test('hears what becomes of a job', async () => {
    const { client, server } = await connectFakeClient();
    const results: string[] = [];
    client.use((request, next) => {
      const result = next(request);
      if ('on' in result) result.on('complete', ({ bytes }) => results.push(Buffer.from(bytes).toString()));
      return result;
    });
    client.submit('f');
    await turn();
    server.create('H:1');
    server.complete('H:1', 'done');
    expect(results).toEqual(['done']);
  });

  test('may refuse: submit() throws, and submitBackground() rejects', async () => {
    const { client, server } = await connectFakeClient();
    client.use(() => {
      throw new RangeError('not today');
    });
    expect(() => client.submit('f')).toThrow('not today');
    await expect(client.submitBackground('f')).rejects.toThrow('not today');
    await expect(client.submitAt('f', 0)).rejects.toThrow('not today');
    await turn();
    expect(server.types).toEqual([]);
    expect(client.pending).toBe(0);
  });
});

describe('with()', () => {
  test('gives the same client with other defaults, which can be given again', async () => {
    const { client, server } = await connectFakeClient({ priority: 'low', responseTimeoutMs: 50 });
    const urgent = client.with({ priority: 'high' });
    urgent.with({ generateUnique: true }).submit('a');
    urgent.submit('b');
    client.submit('c');
    await turn();
    expect(server.received).toMatchObject([
      { type: 'SUBMIT_JOB_HIGH', uniqueId: expect.stringMatching(/./) },
      { type: 'SUBMIT_JOB_HIGH', uniqueId: '' },
      { type: 'SUBMIT_JOB_LOW' },
    ]);
    expect([client.pending, urgent.pending]).toEqual([3, 3]);
    expect(urgent.pool).toBe(client.pool);
    await urgent.close();
  });

  test('shows events of its jobs on both', async () => {
    const { client, server } = await connectFakeClient();
    const other = client.with({});
    const told: string[] = [];
    client.on('created', ({ job }) => told.push(`client ${job.functionName}`));
    other.on('created', ({ job }) => told.push(`other ${job.functionName}`));
    client.submit('a');
    other.submit('b');
    await turn();
    server.create('H:1', 'H:2');
    expect(told).toEqual(['client a', 'other b', 'client b']);
  });

  test('closes with the client, and closes it', async () => {
    const { client } = await connectFakeClient();
    const other = client.with({});
    const job = client.submit('f');
    await other.close();
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(await errorOf(client.status('H:1'))).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(await errorOf(other.status('H:1'))).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });

  test('has the middleware that was there when it was made', async () => {
    const { client, server } = await connectFakeClient();
    const rename =
      (functionName: string): ClientMiddleware =>
      (request, next) =>
        next({ ...request, functionName: request.functionName + functionName });
    client.use(rename('1'));
    const other = client.with({}).use(rename('2'));
    client.use(rename('3'));
    client.submit('f');
    other.submit('f');
    await turn();
    expect(server.received).toMatchObject([{ functionName: 'f13' }, { functionName: 'f12' }]);
  });

  test('refuses what is no default', async () => {
    const { client } = await connectFakeClient();
    const call = (): unknown => Reflect.apply(client.with.bind(client), undefined, [{ uniqueId: 'u' }]);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }));
  });
});

describe('prefix', () => {
  test.each([
    [{ prefix: 'app' }, 'app\tf'],
    [{ prefix: 'app', prefixSeparator: '' }, 'appf'],
    [{ prefix: 'app', prefixSeparator: '::' }, 'app::f'],
    [{ prefix: '' }, 'f'],
    [{ prefixSeparator: '::' }, 'f'],
  ])('%j sends %j', async (options, functionName) => {
    const { client, server } = await connectFakeClient(options);
    const job = client.submit('f');
    void client.submitBackground('f');
    void client.submitAt('f', 0);
    void client.with({}).submit('f');
    await turn();
    expect(server.received.map((packet) => 'functionName' in packet && packet.functionName)).toEqual(
      Array.from({ length: 4 }, () => functionName),
    );
    expect(job.functionName).toBe('f');
    server.create('H:1', 'H:2', 'H:3', 'H:4');
  });

  test('does not make a function name of what is none', async () => {
    const { client } = await connectFakeClient({ prefix: 'app' });
    const call = (): unknown => Reflect.apply(client.submit.bind(client), undefined, [undefined]);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }));
  });
});
