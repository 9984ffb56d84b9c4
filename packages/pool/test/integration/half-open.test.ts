import { request, response } from '@gearman/protocol';
import { fakeServer, type LeakWatch, type OnMessage, watchLeaks } from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPool, type Pool } from '../../src/index.ts';

const heartbeat = { idleMs: 20, timeoutMs: 40 };
const echo: OnMessage = (peer, message) => {
  if (message.type === 'ECHO_REQ') peer.send(response('ECHO_RES', { data: message.data }));
};
const submit = (sizeBytes: number) =>
  request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload: new Uint8Array(sizeBytes) });

/** Resolves when the pool has lost a connection, with the error. */
const loss = (pool: Pool): Promise<Error> =>
  new Promise((resolve) => pool.once('disconnect', ({ error }) => resolve(error)));

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

describe('Heartbeat, on real sockets', () => {
  test('finds a server that hangs, fails what waits there, and connects anew', async () => {
    let hung = true;
    await using server = await fakeServer((peer, message) => {
      if (!hung) echo(peer, message);
    });
    await using pool = createPool({ servers: server.server, heartbeat });
    const connection = await pool.acquire();
    const lost = loss(pool);
    const job = connection.ask(submit(10), Number.POSITIVE_INFINITY);
    await expect(job).rejects.toMatchObject({
      code: 'ERR_GEARMAN_CONNECTION_LOST',
      cause: { code: 'ERR_GEARMAN_REPLY_TIMEOUT' },
    });
    expect((await lost).message).toContain('did not answer a heartbeat within 40 ms');
    hung = false;
    expect((await pool.echo()).server).toBe(server.server);
    expect(server.accepted).toBe(2);
  });

  test('finds a server that stopped reading while much is on its way to it', async () => {
    await using server = await fakeServer({ onConnect: (peer) => void peer.socket.pause() });
    await using pool = createPool({ servers: server.server, heartbeat });
    const connection = await pool.acquire();
    const lost = loss(pool);
    const job = connection.ask(submit(32 * 2 ** 20), Number.POSITIVE_INFINITY);
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
    await lost;
  });

  test('bears with a server that reads a large packet slowly, much longer than the time for an answer', async () => {
    const patient = { idleMs: 20, timeoutMs: 500 };
    const sizeBytes = 32 * 2 ** 20;
    const startMs = performance.now();
    let readMs = 0;
    const timers = new Set<NodeJS.Timeout>();
    await using server = await fakeServer({
      onConnect: ({ socket }) => {
        // Some of it every few milliseconds, so that the whole takes a good many heartbeats.
        socket.on('data', () => {
          socket.pause();
          const timer = setTimeout(() => {
            timers.delete(timer);
            socket.resume();
          }, 2);
          timers.add(timer);
        });
      },
      onMessage: (peer, message) => {
        readMs = performance.now() - startMs;
        echo(peer, message);
        if (message.type === 'SUBMIT_JOB') peer.send(response('JOB_CREATED', { handle: 'H:1' }));
      },
    });
    await using pool = createPool({ servers: server.server, heartbeat: patient });
    const connection = await pool.acquire();
    const created = await connection.ask(submit(sizeBytes), Number.POSITIVE_INFINITY);
    expect(created.handle).toBe('H:1');
    expect(connection.epoch).toBe(1);
    expect(readMs).toBeGreaterThan(patient.idleMs + patient.timeoutMs);
    for (const timer of timers) clearTimeout(timer);
  });

  test('bears with a server whose answer is large and comes slowly', async () => {
    const data = new Uint8Array(400);
    const packet = Buffer.concat([Buffer.from('\0RES\0\0\0\x11\0\0\x01\x90', 'latin1'), data]);
    await using server = await fakeServer((peer, message) => {
      // Heartbeats have to wait for their turn.
      if (message.type !== 'ECHO_REQ' || message.data.length === 0) return;
      let at = 0;
      const timer = setInterval(() => {
        peer.sendBytes(packet.subarray(at, at + 40));
        at += 40;
        if (at >= packet.length) clearInterval(timer);
      }, 40);
    });
    await using pool = createPool({ servers: server.server, heartbeat: { idleMs: 5, timeoutMs: 250 } });
    const connection = await pool.acquire();
    const reply = await connection.ask(request('ECHO_REQ', { data }), Number.POSITIVE_INFINITY);
    expect(reply.data.length).toBe(400);
    expect(connection.epoch).toBe(1);
  });

  test('bears with a process that was busy for longer than the time for an answer', async () => {
    await using server = await fakeServer(echo);
    await using pool = createPool({ servers: server.server, heartbeat: { idleMs: 5, timeoutMs: 5 } });
    const connection = await pool.acquire();
    for (let i = 0; i < 5; i++) {
      const before = server.received.length;
      await server.until(() => server.received.length > before);
      const busyUntilMs = performance.now() + 30;
      while (performance.now() < busyUntilMs);
    }
    await pool.echo();
    expect(connection.epoch).toBe(1);
  });
});
