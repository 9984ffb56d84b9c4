import { encodePacket, request, response } from '@gearman/protocol';
import {
  type FakePeer,
  type FakeServer,
  fakeServer,
  type LeakWatch,
  type OnMessage,
  watchLeaks,
} from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConnectionLostError, createPool, type Pool } from '../../src/index.ts';

const ECHO = request('ECHO_REQ', { data: Buffer.from('hello') });
const ANSWER = Buffer.concat(encodePacket(response('ECHO_RES', { data: Buffer.from('hello') })));
const echo: OnMessage = (peer, message) => {
  if (message.type === 'ECHO_REQ') peer.sendBytes(ANSWER);
};

const poolOf = (server: FakeServer): Pool => createPool({ servers: `127.0.0.1:${server.port}` });

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

describe('Pool, and a rude server', () => {
  /** Cuts the answer after each of its bytes, on the first connection only. */
  test.each(Array.from({ length: ANSWER.length }, (_, i) => i))(
    'a server that closes after byte %d of its answer fails that request, and the next one works',
    async (cut) => {
      let rude = true;
      await using server = await fakeServer((peer, message) => {
        if (!rude) return echo(peer, message);
        rude = false;
        peer.end(ANSWER.subarray(0, cut));
      });
      await using pool = poolOf(server);
      const first = await pool.acquire();
      const lost = new Promise((resolve) => pool.once('disconnect', resolve));
      await expect(first.ask(ECHO)).rejects.toThrow(ConnectionLostError);
      await lost;
      const second = await pool.acquire();
      expect(second).toBe(first);
      expect(second.epoch).toBe(2);
      expect((await second.ask(ECHO)).type).toBe('ECHO_RES');
    },
  );

  test('reads an answer that comes byte by byte', async () => {
    await using server = await fakeServer((peer) => {
      peer.dribble(ANSWER);
    });
    await using pool = poolOf(server);
    const connection = await pool.acquire();
    expect((await connection.ask(ECHO)).type).toBe('ECHO_RES');
  });

  test('gives up on a request that is never answered, and takes the late answer for nothing else', async () => {
    const peers: FakePeer[] = [];
    await using server = await fakeServer((peer, message) => {
      if (message.type === 'ECHO_REQ') peers.push(peer);
      else peer.send(response('NO_JOB', {}));
    });
    await using pool = poolOf(server);
    const connection = await pool.acquire();
    await expect(connection.ask(ECHO, 5)).rejects.toMatchObject({ code: 'ERR_GEARMAN_REPLY_TIMEOUT' });
    await server.until(() => peers.length > 0);
    peers[0]?.sendBytes(ANSWER);
    expect((await connection.ask(request('GRAB_JOB', {}))).type).toBe('NO_JOB');
    expect(connection.epoch).toBe(1);
  });

  test.each([
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['garbage', Buffer.from([0, 1, 2, 3])],
    ['a request', Buffer.concat(encodePacket(ECHO))],
  ])('tells that %s is not a job server, and tries it again ever more slowly', async (_, greeting) => {
    await using server = await fakeServer({ onConnect: (peer) => peer.sendBytes(greeting) });
    await using pool = poolOf(server);
    const delays: number[] = [];
    const errors: string[] = [];
    pool.on('protocol-error', ({ error }) => errors.push(error.message));
    await new Promise<void>((resolve) => {
      pool.on('reconnecting', ({ delayMs }) => {
        if (delays.push(delayMs) === 4) resolve();
      });
    });
    expect(errors[0]).toMatch(/^the server sent/);
    expect(delays[3]).toBeGreaterThan((delays[0] ?? 0) * 3);
  });

  test('one rude server of two harms nobody on the other', async () => {
    await using rude = await fakeServer({ onConnect: (peer) => peer.sendBytes('what?\n') });
    await using good = await fakeServer(echo);
    await using pool = createPool({ servers: [`127.0.0.1:${rude.port}`, `127.0.0.1:${good.port}`] });
    await new Promise<void>((resolve) => {
      pool.on('connect', ({ server }) => {
        if (server === `127.0.0.1:${good.port}`) resolve();
      });
    });
    const connection = pool.connection(`127.0.0.1:${good.port}`);
    for (let i = 0; i < 100; i++) expect((await connection?.ask(ECHO))?.type).toBe('ECHO_RES');
    expect(connection?.epoch).toBe(1);
  });

  test('holds no more than it should while the server does not read', async () => {
    await using server = await fakeServer({ onConnect: (peer) => peer.stopReading(), onMessage: echo });
    await using pool = poolOf(server);
    const connection = await pool.acquire();
    const data = new Uint8Array(64 * 1024);
    let sent = 0;
    while (connection.bufferedBytes < 1024 * 1024 && sent < 10_000) {
      connection.send(request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: data }));
      sent++;
    }
    let resumed = false;
    const drained = connection.drained().then(() => resumed);
    resumed = true;
    for (const peer of server.peers) peer.resumeReading();
    expect(await drained).toBe(true);
    await server.until(() => server.received.length === sent);
  });
});
