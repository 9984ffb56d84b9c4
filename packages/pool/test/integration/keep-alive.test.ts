import { request, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { createPool } from '../../src/index.ts';
import { type Peer, ScriptedServer } from '../support/scripted-server.ts';

const ECHO = request('ECHO_REQ', { data: new Uint8Array(1) });

/** Things of one kind that keep this process alive. */
const holders = (kind: 'TCPSocketWrap' | 'Timeout'): string[] =>
  process.getActiveResourcesInfo().filter((name) => name === kind);

/** The server's side of a connection does not count. */
const unref = ({ socket }: Peer): void => {
  socket.unref();
};

describe('Pool, and the life of the process', () => {
  test.each(['127.0.0.1', 'localhost'])(
    'an idle connection to %s does not keep the process alive',
    async (host) => {
      await using server = await ScriptedServer.listen(() => {}, {}, unref);
      const before = holders('TCPSocketWrap');
      await using pool = createPool({ servers: `${host}:${server.port}` });
      await pool.ready();
      expect(holders('TCPSocketWrap')).toEqual(before);
    },
  );

  test('waiting for a server does, until it ends', async () => {
    const before = holders('Timeout');
    await using pool = createPool({ servers: '127.0.0.1:1' });
    const waiting = pool.acquire({ signal: AbortSignal.timeout(5) });
    expect(holders('Timeout').length).toBe(before.length + 1);
    await expect(waiting).rejects.toThrow();
    expect(holders('Timeout')).toEqual(before);
  });

  test('ask() does, until it is answered', async () => {
    const peers: Peer[] = [];
    await using server = await ScriptedServer.listen((peer) => peers.push(peer), {}, unref);
    await using pool = createPool({ servers: `127.0.0.1:${server.port}` });
    const connection = await pool.acquire();
    const before = holders('Timeout');
    const answer = connection.ask(ECHO);
    expect(holders('Timeout').length).toBe(before.length + 1);
    await server.until(() => peers.length > 0);
    peers[0]?.send(response('ECHO_RES', { data: new Uint8Array(1) }));
    await answer;
    expect(holders('Timeout')).toEqual(before);
  });

  test('hold() does, until as many calls of release()', async () => {
    const before = holders('Timeout');
    await using pool = createPool({ servers: '127.0.0.1:1' });
    pool.hold();
    pool.hold();
    pool.release();
    expect(holders('Timeout').length).toBe(before.length + 1);
    pool.release();
    expect(holders('Timeout')).toEqual(before);
    pool.hold();
    await pool.close();
    pool.hold();
    expect(holders('Timeout')).toEqual(before);
  });
});
