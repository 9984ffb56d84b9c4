import { request, response } from '@gearman/protocol';
import { fakeServer, freePort, type LeakWatch, type OnMessage, watchLeaks } from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClosedError, type ConnectionStateName, createPool, type Pool } from '../../src/index.ts';

const echo: OnMessage = (peer, message) => {
  if (message.type === 'ECHO_REQ') peer.send(response('ECHO_RES', { data: message.data }));
};

const untilState = (pool: Pool, name: ConnectionStateName): Promise<void> =>
  new Promise((resolve) => {
    if (pool.servers[0]?.state === name) resolve();
    pool.on('state', ({ to }) => {
      if (to === name) resolve();
    });
  });

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

describe('Pool, closing on real sockets', () => {
  test.each<ConnectionStateName>(['connecting', 'waiting'])(
    'in state %s with nobody there',
    async (state) => {
      const pool = createPool({ servers: `127.0.0.1:${await freePort()}` });
      const waiting = pool.acquire();
      await untilState(pool, state);
      await Promise.all([pool.close(), expect(waiting).rejects.toThrow(ClosedError)]);
      expect(pool.servers[0]?.state).toBe('closed');
    },
  );

  test.each<ConnectionStateName>(['connecting', 'ready', 'closing'])(
    'in state %s leaves no socket open',
    async (state) => {
      await using server = await fakeServer(echo);
      const pool = createPool({ servers: `127.0.0.1:${server.port}` });
      if (state !== 'connecting') await pool.ready();
      if (state === 'closing') void pool.close();
      expect(pool.servers[0]?.state).toBe(state);
      await pool.close();
      await server.until(() => server.peers.size === 0);
    },
  );

  test('puts on the wire what was sent in the same turn, however much it is', async () => {
    await using server = await fakeServer();
    const pool = createPool({ servers: `127.0.0.1:${server.port}` });
    const connection = await pool.acquire();
    const workload = new Uint8Array(300 * 1024);
    for (let i = 0; i < 20; i++) {
      connection.send(request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: String(i), workload }));
    }
    await pool.close();
    await server.until(() => server.peers.size === 0);
    expect(server.received.length).toBe(20);
  });

  test('cuts off a server that does not close its side', async () => {
    await using server = await fakeServer({ onConnect: (peer) => peer.stopReading() });
    const pool = createPool({ servers: `127.0.0.1:${server.port}` });
    const connection = await pool.acquire();
    for (let i = 0; i < 200; i++) connection.send(request('ECHO_REQ', { data: new Uint8Array(128 * 1024) }));
    await pool.close({ timeoutMs: 20 });
    for (const peer of server.peers) peer.resumeReading();
    await server.until(() => server.peers.size === 0);
    expect(connection.state.name).toBe('closed');
  });

  test('a server restarted 20 times with requests in flight: each settles once, no socket is left', async () => {
    const port = await freePort();
    const pool = createPool({ servers: `127.0.0.1:${port}`, reconnect: { maxMs: 20 } });
    const counts = { asked: 0, answered: 0, lost: 0 };
    const answers: Promise<unknown>[] = [];
    let accepted = 0;
    for (let restart = 0; restart < 20; restart++) {
      const server = await fakeServer(echo, { port });
      const connection = await pool.acquire();
      for (let i = 0; i < 500; i++) {
        counts.asked++;
        const data = Buffer.from(`${restart}/${i}`);
        const settled = connection.ask(request('ECHO_REQ', { data })).then(
          (reply) => {
            counts.answered++;
            expect(data.equals(reply.data)).toBe(true);
          },
          (error: { code: string }) => {
            counts.lost++;
            expect(error.code).toBe('ERR_GEARMAN_CONNECTION_LOST');
          },
        );
        answers.push(settled);
      }
      // In the middle of the answers, not before the first.
      await Promise.race(answers.slice(-500));
      await server.until(() => server.received.length > restart * 10);
      accepted += server.accepted;
      const disconnected = new Promise((resolve) => pool.once('disconnect', resolve));
      await server.stop();
      await disconnected;
    }
    await Promise.all(answers);
    expect(counts.answered + counts.lost).toBe(counts.asked);
    expect(counts.answered).toBeGreaterThan(0);
    expect(pool.connections[0]?.epoch).toBe(20);
    expect(accepted).toBe(20);
    expect(pool.connections[0]?.pending).toBe(0);
    await pool.close();
  });
});
