import { request, response } from '@gearman/protocol';
import { type FakePeer, fakeServer } from '@gearman/testing';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { createPool } from '../../src/index.ts';

const ECHO = request('ECHO_REQ', { data: new Uint8Array(1) });

/** Sockets that keep this process alive. */
const holdingSockets = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap');

const started = vi.spyOn(globalThis, 'setInterval');
const stopped = vi.spyOn(globalThis, 'clearInterval');
afterEach(() => {
  started.mockClear();
  stopped.mockClear();
});
afterAll(() => {
  vi.restoreAllMocks();
});

/** True while a pool of this test keeps the process alive. Timers of the test runner come and go, so these are asked. */
const isHeld = (): boolean =>
  started.mock.results.some(({ value }) => {
    const timer = value as NodeJS.Timeout;
    return timer.hasRef() && !stopped.mock.calls.some(([other]) => other === timer);
  });

/** The server's side of a connection does not count. */
const unref = ({ socket }: FakePeer): void => {
  socket.unref();
};

describe('Pool, and the life of the process', () => {
  test.each(['127.0.0.1', 'localhost'])(
    'an idle connection to %s does not keep the process alive',
    async (host) => {
      await using server = await fakeServer({ onConnect: unref });
      const before = holdingSockets();
      await using pool = createPool({ servers: `${host}:${server.port}` });
      await pool.ready();
      expect(holdingSockets()).toEqual(before);
    },
  );

  test('waiting for a server does, until it ends', async () => {
    await using pool = createPool({ servers: '127.0.0.1:1' });
    const waiting = pool.acquire({ signal: AbortSignal.timeout(5) });
    expect(isHeld()).toBe(true);
    await expect(waiting).rejects.toThrow();
    expect(isHeld()).toBe(false);
  });

  test('ask() does, until it is answered', async () => {
    const peers: FakePeer[] = [];
    await using server = await fakeServer({ onConnect: unref, onMessage: (peer) => peers.push(peer) });
    await using pool = createPool({ servers: `127.0.0.1:${server.port}` });
    const connection = await pool.acquire();
    const answer = connection.ask(ECHO);
    expect(isHeld()).toBe(true);
    await server.until(() => peers.length > 0);
    peers[0]?.send(response('ECHO_RES', { data: new Uint8Array(1) }));
    await answer;
    expect(isHeld()).toBe(false);
  });

  test('hold() does, until as many calls of release()', async () => {
    await using pool = createPool({ servers: '127.0.0.1:1' });
    pool.hold();
    pool.hold();
    pool.release();
    expect(isHeld()).toBe(true);
    pool.release();
    expect(isHeld()).toBe(false);
    pool.hold();
    await pool.close();
    pool.hold();
    expect(isHeld()).toBe(false);
  });
});
