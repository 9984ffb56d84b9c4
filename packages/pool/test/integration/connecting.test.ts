import { rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { request, response } from '@gearman/protocol';
import { fakeServer, freePort, type LeakWatch, type OnMessage, watchLeaks } from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPool } from '../../src/index.ts';

const ECHO = request('ECHO_REQ', { data: Buffer.from('hello') });

/** Answers ECHO_REQ and nothing else. */
const echo: OnMessage = (peer, message) => {
  if (message.type === 'ECHO_REQ') peer.send(response('ECHO_RES', { data: message.data }));
};

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

describe('Pool, on real sockets', () => {
  test('waits for a server that starts later', async () => {
    const port = await freePort();
    await using pool = createPool({ servers: `127.0.0.1:${port}` });
    const failed = new Promise((resolve) => pool.once('connection-error', resolve));
    const ready = pool.acquire();
    await failed;
    await using server = await fakeServer(echo, { port });
    const connection = await ready;
    expect(Buffer.from((await connection.ask(ECHO)).data).toString()).toBe('hello');
    expect(server.accepted).toBe(1);
  });

  test.each([
    [
      'a refused port',
      async () => `127.0.0.1:${await freePort()}`,
      /^no job server .* \(127\.0\.0\.1:\d+: connection refused\); is gearmand running\?$/,
    ],
    [
      'an unknown host',
      () => 'no-such-host.invalid',
      /no-such-host\.invalid:4730: (host not found|host name lookup failed)/,
    ],
    ['a missing socket', () => 'unix:/no/such/socket', /unix:\/no\/such\/socket: no such socket/],
    ['a host name that is none', () => `${'a'.repeat(300)}:1`, /a:1: /],
  ])('says in the call that waited what is wrong with %s', async (_, address, message) => {
    await using pool = createPool({ servers: await address(), reconnect: { maxAttempts: 1 } });
    await expect(pool.acquire()).rejects.toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_NO_SERVERS' }));
    const reason = pool.servers[0]?.lastError?.message;
    expect(reason).toMatch(message.source.startsWith('^') ? /connection refused/ : message);
  });

  test('connects to localhost whichever of its addresses answers', async () => {
    await using server = await fakeServer(echo);
    await using pool = createPool({ servers: `localhost:${server.port}` });
    const connection = await pool.acquire();
    expect((await connection.ask(ECHO)).type).toBe('ECHO_RES');
  });

  test.skipIf(!hasIpv6)('connects over IPv6', async () => {
    await using server = await fakeServer(echo, { host: '::1' });
    await using pool = createPool({ servers: `[::1]:${server.port}` });
    const connection = await pool.acquire();
    expect(connection.server).toBe(`[::1]:${server.port}`);
    expect((await connection.ask(ECHO)).type).toBe('ECHO_RES');
  });

  test.skipIf(process.platform === 'win32')('connects over a Unix socket', async () => {
    const path = join(tmpdir(), `gearman-pool-${process.pid}.sock`);
    await rm(path, { force: true });
    await using _server = await fakeServer(echo, { path });
    await using pool = createPool({ servers: `unix:${path}` });
    const connection = await pool.acquire();
    expect((await connection.ask(ECHO)).type).toBe('ECHO_RES');
  });

  test('two pools in one process do not mix their bytes up', async () => {
    await using server = await fakeServer(echo);
    const servers = `127.0.0.1:${server.port}`;
    await using one = createPool({ servers });
    await using two = createPool({ servers });
    const connections = await Promise.all([one.acquire(), two.acquire()]);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const data = Buffer.from(`${i}:`.repeat(500));
        const reply = await connections[i % 2]?.ask(request('ECHO_REQ', { data }));
        return data.equals(reply?.data ?? new Uint8Array());
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
  });
});
