import { describe, expect, test } from 'vitest';
import { type BackgroundOptions, createClient, type Payload, type SubmitOptions } from '../../src/index.ts';
import { connectFakeClient, createFakeClient } from '../support/fake-client.ts';
import { turn } from '../support/fake-network.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What one submit puts on the wire. */
async function wire(data?: Payload, options?: SubmitOptions) {
  const { client, server } = await connectFakeClient();
  client.submit('reverse', data, options);
  await turn();
  const [packet] = server.received;
  if (packet === undefined || !('uniqueId' in packet && 'workload' in packet))
    throw new Error('no submit was sent');
  return packet;
}

async function backgroundWire(options?: BackgroundOptions) {
  const { client, server } = await connectFakeClient();
  const ref = client.submitBackground('reverse', 'x', options);
  await turn();
  const [packet] = server.received;
  server.create('H:1');
  await ref;
  if (packet === undefined || !('uniqueId' in packet)) throw new Error('no submit was sent');
  return packet;
}

describe('submit()', () => {
  test.each([
    ['high', 'SUBMIT_JOB_HIGH'],
    ['normal', 'SUBMIT_JOB'],
    ['low', 'SUBMIT_JOB_LOW'],
  ] as const)('with priority %s sends %s', async (priority, type) => {
    expect(await wire('x', { priority })).toMatchObject({ type, functionName: 'reverse' });
  });

  test('has normal priority and no unique id by default', async () => {
    expect(await wire('x')).toMatchObject({ type: 'SUBMIT_JOB', uniqueId: '' });
  });

  test.each<[string, Payload, Uint8Array]>([
    ['text as UTF-8', 'grün', Buffer.from('grün')],
    ['bytes as they are', new Uint8Array([0, 255, 0]), Buffer.from([0, 255, 0])],
    ['nothing as nothing', undefined, Buffer.alloc(0)],
  ])('sends %s', async (_, data, expected) => {
    expect(Buffer.compare((await wire(data)).workload, expected)).toBe(0);
  });

  test('sends function names beyond ASCII as UTF-8', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('größe');
    await turn();
    expect(job.functionName).toBe('größe');
    expect(server.take('SUBMIT_JOB')[0]?.functionName).toBe(Buffer.from('größe').toString('latin1'));
  });

  test.each([
    ['an empty function name', () => ['', ''], /function name must not be empty/],
    ['a function name with a NUL', () => ['a\0b', ''], /must not contain a NUL/],
    ['a function name of 513 bytes', () => ['x'.repeat(513), ''], /513 bytes long; at most 512/],
    ['a function name that is no text', () => [7, ''], /function name must be a string, not number/],
    [
      'an object as data',
      () => ['f', { a: 1 }],
      /data must be .*, not an object \(Object\).*JSON\.stringify/,
    ],
    ['a number as data', () => ['f', 7], /not number/],
    ['null as data', () => ['f', null], /not null/],
    ['a unique id of 65 bytes', () => ['f', '', { uniqueId: 'u'.repeat(65) }], /65 bytes long; at most 64/],
    ['an unknown option', () => ['f', '', { timeout: 5 }], /submit\(\): .*timeout/],
    ['an unknown priority', () => ['f', '', { priority: 'urgent' }], /priority/],
    ['a time-out of 0', () => ['f', '', { responseTimeoutMs: 0 }], /responseTimeoutMs/],
    ['a signal that is none', () => ['f', '', { signal: {} }], /signal: must be an AbortSignal/],
  ])('throws for %s before anything is sent', async (_, args, message) => {
    const { client, server } = await connectFakeClient();
    const call = (): unknown => Reflect.apply(client.submit.bind(client), undefined, args());
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
    await turn();
    expect(server.received).toEqual([]);
    expect(client.pending).toBe(0);
  });

  test('sends in the order of the calls, also when they had to wait for a server', async () => {
    const { client, network } = createFakeClient();
    for (const name of ['1', '2', '3']) client.submit(name);
    await turn();
    const server = network.last.accept();
    client.submit('4');
    await turn();
    expect(server.take('SUBMIT_JOB').map(({ functionName }) => functionName)).toEqual(['1', '2', '3', '4']);
  });

  test('sends all submits of a turn in one write', async () => {
    const { client, server } = await connectFakeClient();
    let writes = 0;
    const write = server.write.bind(server);
    server.write = (pieces) => {
      writes++;
      return write(pieces);
    };
    for (let i = 0; i < 50; i++) client.submit('f', 'x');
    await turn();
    expect(server.take('SUBMIT_JOB')).toHaveLength(50);
    expect(writes).toBe(1);
  });
});

describe('Unique ids', () => {
  test('a given one is sent as it is', async () => {
    expect(await wire('x', { uniqueId: 'order-7' })).toMatchObject({ uniqueId: 'order-7' });
    expect(await wire('x', { uniqueId: '-' })).toMatchObject({ uniqueId: '-' });
  });

  test('`payload` stands for 40 digits that depend on function and data only', async () => {
    const one = await wire('x', { uniqueId: 'payload' });
    expect(one.uniqueId).toMatch(/^[0-9a-f]{40}$/);
    expect(await wire('x', { uniqueId: 'payload' })).toMatchObject({ uniqueId: one.uniqueId });
    expect((await wire('y', { uniqueId: 'payload' })).uniqueId).not.toBe(one.uniqueId);
  });

  test('background jobs get a random one, which gearmand needs to store them apart', async () => {
    const [one, two] = [await backgroundWire(), await backgroundWire()];
    expect(one.uniqueId).toMatch(UUID);
    expect(two.uniqueId).not.toBe(one.uniqueId);
  });

  test.each([{ generateUnique: false }, { uniqueId: '' }])(
    'background jobs with %j get none',
    async (options) => {
      expect(await backgroundWire(options)).toMatchObject({ uniqueId: '' });
    },
  );

  test('foreground jobs get one when asked to', async () => {
    expect((await wire('x', { generateUnique: true })).uniqueId).toMatch(UUID);
  });

  test('equal ids go to the same server, generated ones take turns', async () => {
    const { client, network } = createFakeClient({ servers: 'a,b' });
    for (const server of network.attempts) server.accept();
    await turn();
    for (let i = 0; i < 10; i++) client.submit('f', '', { uniqueId: 'same' });
    await turn();
    expect(network.attempts.map((server) => server.take('SUBMIT_JOB').length)).toContain(10);
    for (let i = 0; i < 10; i++) client.submit('f', '', { generateUnique: true });
    await turn();
    expect(network.attempts.map((server) => server.take('SUBMIT_JOB').length)).toEqual([5, 5]);
  });
});

describe('submitBackground()', () => {
  test.each([
    ['high', 'SUBMIT_JOB_HIGH_BG'],
    ['normal', 'SUBMIT_JOB_BG'],
    ['low', 'SUBMIT_JOB_LOW_BG'],
  ] as const)('with priority %s sends %s', async (priority, type) => {
    expect(await backgroundWire({ priority })).toMatchObject({ type });
  });

  test('resolves with the reference', async () => {
    const { client, server } = await connectFakeClient();
    const created = client.submitBackground('f');
    await turn();
    expect(client.pending).toBe(1);
    server.create('H:box:1');
    expect(String(await created)).toBe('a:1//H:box:1');
    expect(client.pending).toBe(0);
  });

  test('rejects, and does not throw, for what can never be sent', async () => {
    const { client } = createFakeClient();
    await expect(client.submitBackground('')).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  });
});

describe('createClient()', () => {
  test('asks every server for exceptions', async () => {
    const { network } = createFakeClient({ options: ['other'] });
    const server = network.last.accept();
    await turn();
    expect(server.options).toEqual(['other', 'exceptions']);
  });

  test('does not with `exceptions: false`', async () => {
    const { network } = createFakeClient({ exceptions: false });
    const server = network.last.accept();
    await turn();
    expect(server.options).toEqual([]);
  });

  test.each([
    [{ server: 'a' }, /createClient\(\): .*server/],
    [{ servers: 'a:b' }, /not a server address/],
    [{ submitTimeoutMs: -1 }, /submitTimeoutMs/],
    [{ pool: {}, servers: 'a' }, /createClient\(\): .*servers/],
  ])('refuses %j', (options, message) => {
    const call = (): unknown => Reflect.apply(createClient, undefined, [options]);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }));
    expect(call).toThrow(message);
  });

  test('its defaults hold for every job that does not say otherwise', async () => {
    const { client, server } = await connectFakeClient({ priority: 'low', generateUnique: true });
    client.submit('a');
    client.submit('b', '', { priority: 'high' });
    await turn();
    expect(server.types).toEqual(['SUBMIT_JOB_LOW', 'SUBMIT_JOB_HIGH']);
  });
});
