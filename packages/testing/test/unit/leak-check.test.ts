import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { watchLeaks } from '../../src/leak-check.ts';

async function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

describe('watchLeaks', () => {
  it('accepts what was closed, also when closing takes a moment', async () => {
    const leaks = watchLeaks();
    const { server, port } = await listen();
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    clearTimeout(setTimeout(() => {}, 60_000));
    socket.end();
    server.close();
    await leaks.check();
  });

  it('names a server and a socket that are still open', async () => {
    const leaks = watchLeaks();
    const { server, port } = await listen();
    const socket = connect(port, '127.0.0.1');
    await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
    await expect(leaks.check({ settleMs: 20 })).rejects.toThrow(
      'left open: 1 TCPServerWrap, 2 TCPSocketWrap',
    );
    socket.destroy();
    server.close();
    await leaks.check();
  });

  it('names a timer that is still set', async () => {
    const leaks = watchLeaks();
    // Several, because timers of the test runner come and go meanwhile.
    const timers = Array.from({ length: 5 }, () => setTimeout(() => {}, 60_000));
    await expect(leaks.check({ settleMs: 20 })).rejects.toThrow(/left open: \d+ Timeout/);
    for (const timer of timers) clearTimeout(timer);
    await leaks.check();
  });

  it('overlooks what was open before and timers that hold nothing', async () => {
    const before = setTimeout(() => {}, 60_000);
    const leaks = watchLeaks();
    const unreferenced = setTimeout(() => {}, 60_000).unref();
    await leaks.check();
    clearTimeout(before);
    clearTimeout(unreferenced);
  });
});
