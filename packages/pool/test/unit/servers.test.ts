import { request, response } from '@gearman/protocol';
import { type FakeTransport, turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import type { Connection, PoolUser } from '../../src/index.ts';
import { createFakePool, type FakePool } from '../support/fake-pool.ts';

const ECHO = request('ECHO_REQ', { data: new Uint8Array() });
const ECHOED = response('ECHO_RES', { data: new Uint8Array() });

/** A pool of `a` and `b`, both connected. */
function createPair(): FakePool & { readonly a: FakeTransport; readonly b: FakeTransport } {
  const fake = createFakePool({ servers: 'a:1,b:1' });
  const [a, b] = fake.net.attempts;
  if (a === undefined || b === undefined) throw new Error('two servers were dialled');
  a.accept();
  b.accept();
  fake.events.length = 0;
  return { ...fake, a, b };
}

const names = ({ pool }: FakePool): string => pool.servers.map(({ server }) => server[0]).join('');

/** A user that writes down what it hears, and lets go of a connection when told to. */
function createUser() {
  const heard: string[] = [];
  let letGo = (): void => {};
  const user: PoolUser = {
    onReady: ({ server }) => heard.push(`ready ${server}`),
    onLost: ({ server }, error) => heard.push(`lost ${server}: ${error.reason}`),
    onRemoving: ({ server }) => {
      heard.push(`removing ${server}`);
      return new Promise((resolve) => {
        letGo = resolve;
      });
    },
    onRemoved: ({ server }) => heard.push(`removed ${server}`),
  };
  return { user, heard, letGo: () => letGo() };
}

describe('Pool.addServer()', () => {
  test('connects, tells the server what the others were told, and uses it', async () => {
    const it = createPair();
    it.pool.setClientId('me');
    it.pool.addFunction('f');
    it.pool.addServer('c:1');
    expect(it.events).toMatchObject([
      { type: 'server-added', server: 'c:1' },
      { type: 'state', server: 'c:1', to: 'connecting' },
    ]);
    it.net.last.accept();
    await turn();
    expect(it.net.last.types).toEqual(['SET_CLIENT_ID', 'CAN_DO']);
    expect(names(it)).toBe('abc');
    expect(new Set([1, 2, 3].map(() => it.pool.pick()?.server)).size).toBe(3);
  });

  test('wakes who waits', async () => {
    const { pool, net } = createFakePool();
    const waiting = pool.acquire();
    const all = pool.ready({ atLeast: 'all' });
    pool.addServer(['b', 'c']);
    net.last.accept();
    expect((await waiting).server).toBe('c:4730');
    for (const attempt of net.attempts.slice(0, 2)) attempt.accept();
    await all;
  });

  test('makes a server that is there already anew, in its place', async () => {
    const it = createPair();
    it.pool.addServer({ host: 'a', port: 1, connectTimeoutMs: 5 });
    expect(names(it)).toBe('ab');
    expect(it.pool.connection('a:1')?.state.name).toBe('connecting');
    await turn();
    expect(it.a.types).toEqual(['ECHO_REQ']);
    it.a.reply(ECHOED);
    await turn();
    expect(it.a.ended).toBe(true);
    it.clock.advance(5);
    expect(it.pool.servers[0]?.lastError?.message).toBe('a:1: no connection within 5 ms');
  });

  test('refuses what is no server, and a closed pool', async () => {
    const { pool } = createFakePool();
    expect(() => pool.addServer('a:x')).toThrow(/"a:x" is not a server address/);
    expect(() => pool.addServer({ host: 'a', connectTimeoutMs: -1 })).toThrow(/addServer\(\)/);
    await pool.close();
    expect(() => pool.addServer('b')).toThrow('the pool is closed');
  });
});

describe('Pool.removeServer()', () => {
  test('gives the server nothing new, lets what runs there end, then closes', async () => {
    const it = createPair();
    const { user, heard, letGo } = createUser();
    it.pool.attach(user);
    heard.length = 0;
    const connection = it.pool.connection('a:1');
    const removed = it.pool.removeServer('a:1');
    expect(names(it)).toBe('b');
    expect([1, 2, 3].map(() => it.pool.pick()?.server)).toEqual(['b:1', 'b:1', 'b:1']);
    expect(connection?.ready).toBe(true);
    const answer = connection?.ask(request('GRAB_JOB', {}));
    letGo();
    await turn();
    expect(it.a.types).toEqual(['GRAB_JOB', 'ECHO_REQ']);
    expect(it.a.ended).toBe(false);
    it.a.reply(response('NO_JOB', {}), ECHOED);
    expect((await answer)?.type).toBe('NO_JOB');
    await turn();
    expect(it.a.ended).toBe(true);
    it.a.close();
    await removed;
    const reason = 'the server was removed from the pool';
    expect(heard).toEqual(['removing a:1', `lost a:1: ${reason}`, 'removed a:1']);
    expect(it.clock.timerCount).toBe(0);
  });

  test('with force cuts what runs there with an error that says so', async () => {
    const it = createPair();
    const { user, heard } = createUser();
    it.pool.attach(user);
    const answer = it.pool.connection('a:1')?.ask(ECHO);
    const removed = it.pool.removeServer('a:1', { force: true });
    await expect(answer).rejects.toMatchObject({
      code: 'ERR_GEARMAN_CONNECTION_LOST',
      reason: 'the server was removed from the pool',
    });
    expect(it.a.ended).toBe(true);
    it.a.close();
    await removed;
    expect(heard.slice(2)).toEqual([
      'removing a:1',
      'lost a:1: the server was removed from the pool',
      'removed a:1',
    ]);
  });

  test('cuts after timeoutMs, and at once when asked again with force', async () => {
    const it = createPair();
    it.pool.attach(createUser().user);
    const slow = it.pool.removeServer('a:1', { timeoutMs: 50 });
    const patient = it.pool.removeServer('b:1');
    it.clock.advance(49);
    expect(it.a.ended).toBe(false);
    it.clock.advance(1);
    expect(it.a.ended).toBe(true);
    void it.pool.removeServer('b:1', { force: true });
    expect(it.b.ended).toBe(true);
    // A server that does not close its side.
    it.clock.advance(5000);
    await Promise.all([slow, patient]);
    expect(it.a.destroyed && it.b.destroyed).toBe(true);
    expect(it.clock.timerCount).toBe(0);
  });

  test.each(['connecting', 'waiting', 'closed'])('is immediate while %s', async (state) => {
    const { pool, net, clock } = createFakePool({ reconnect: { maxAttempts: state === 'closed' ? 1 : 5 } });
    const removed: string[] = [];
    pool.attach({ onRemoved: ({ server }) => removed.push(server) });
    if (state !== 'connecting') net.last.close();
    await pool.removeServer('a:1');
    expect(pool.servers).toEqual([]);
    expect(removed).toEqual(['a:1']);
    expect(clock.timerCount).toBe(0);
    await expect(pool.acquire()).rejects.toThrow('the pool has no job servers; is gearmand running?');
  });

  test('does not connect again to a server that is lost while it leaves', async () => {
    const it = createPair();
    const { user, heard } = createUser();
    it.pool.attach(user);
    const removed = it.pool.removeServer('a:1');
    it.a.close();
    await removed;
    it.clock.advance(60_000);
    expect(it.net.attempts.length).toBe(2);
    expect(heard.slice(3)).toEqual(['lost a:1: closed by the server', 'removed a:1']);
  });

  test('ends when the pool is closed meanwhile', async () => {
    const it = createPair();
    it.pool.attach(createUser().user);
    const removed = it.pool.removeServer('a:1');
    const closed = it.pool.close();
    it.a.close();
    it.b.close();
    await Promise.all([removed, closed]);
    expect(it.clock.timerCount).toBe(0);
  });

  test('rejects who waits for that server, and ignores one that is not there', async () => {
    const { pool } = createFakePool({ servers: 'a,b' });
    const waiting = pool.acquire({ server: 'a:4730' });
    await pool.removeServer(['a', 'z']);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_GEARMAN_NO_SERVERS' });
    expect(pool.servers.length).toBe(1);
  });
});

describe('Pool.setServers()', () => {
  test('keeps what is the same, in the new order', async () => {
    const it = createPair();
    const kept = it.pool.connection('b:1');
    const done = it.pool.setServers(['c:1', 'b:1']);
    expect(names(it)).toBe('cb');
    expect(it.pool.connection('b:1')).toBe(kept);
    expect(it.events).toMatchObject([
      { type: 'server-removed', server: 'a:1' },
      { type: 'server-added', server: 'c:1' },
      { type: 'state', server: 'c:1', to: 'connecting' },
    ]);
    await turn();
    it.a.reply(ECHOED);
    await turn();
    it.a.close();
    await done;
    expect(kept?.ready).toBe(true);
  });

  test('makes a server anew whose options are others', async () => {
    const it = createPair();
    const before = it.pool.connection('b:1');
    void it.pool.setServers(['a:1', { host: 'b', port: 1, replyTimeoutMs: 5 }]);
    expect(it.pool.connection('b:1')).not.toBe(before);
    expect(it.pool.connection('a:1')?.ready).toBe(true);
  });

  test('may leave none, and take some later', async () => {
    const it = createFakePool();
    await it.pool.setServers([]);
    expect(it.pool.pick()).toBeUndefined();
    void it.pool.setServers('b');
    it.net.last.accept();
    expect((await it.pool.acquire()).server).toBe('b:4730');
  });
});

describe('Options of one server', () => {
  test('stand instead of those of the pool', () => {
    const { net, clock, pool } = createFakePool({
      servers: [{ host: 'a', connectTimeoutMs: 20, reconnect: { type: 'fixed', minMs: 7 } }, 'b'],
      connectTimeoutMs: 100,
    });
    clock.advance(20);
    expect(net.attempts.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    expect(clock.nextTimerInMs).toBe(7);
    expect(pool.servers.map(({ state }) => state)).toEqual(['waiting', 'connecting']);
  });

  test.each<[string, object]>([
    ['of a wrong type', { host: 'a', connectTimeoutMs: '5' }],
    ['that are none', { host: 'a', colour: 'red' }],
    ['of the whole pool', { path: '/x', strategy: 'first' }],
  ])('are refused when they are %s', (_, server) => {
    expect(() => createFakePool({ servers: [server as never] })).toThrow(/createPool\(\): servers/);
  });
});

describe('Several connections to each server', () => {
  test('count as one server, and share its work', async () => {
    const { pool, net } = createFakePool({ servers: 'a:1,b:1', connectionsPerServer: 3 });
    expect(net.attempts.length).toBe(6);
    for (const attempt of net.attempts) attempt.accept();
    expect(pool.servers).toMatchObject([
      { server: 'a:1', state: 'ready', connections: 3 },
      { server: 'b:1', connections: 3 },
    ]);
    const chosen = Array.from({ length: 6 }, () => pool.pick());
    expect(new Set(chosen).size).toBe(6);
    const byId = new Set<Connection | undefined>();
    for (let i = 0; i < 3; i++) {
      const connection = pool.pick('an id');
      connection?.ask(ECHO).catch(() => {});
      byId.add(connection);
    }
    expect(byId.size).toBe(3);
    expect(new Set([...byId].map((each) => each?.server)).size).toBe(1);
  });

  test('a server is there while one of them is', async () => {
    const { pool, net } = createFakePool({ connectionsPerServer: 2 });
    net.attempts[1]?.accept();
    expect(pool.servers).toMatchObject([{ state: 'ready', connections: 1, lastError: undefined }]);
    expect(pool.connection('a:1')?.ready).toBe(true);
    expect((await pool.acquire({ server: 'a:1' })).ready).toBe(true);
    void pool.removeServer('a:1', { force: true });
    expect(pool.servers).toEqual([]);
  });
});
