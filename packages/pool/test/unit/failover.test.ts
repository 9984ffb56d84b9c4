import { response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import type { LostInfo, PoolOptions } from '../../src/index.ts';
import { createFakePool, type FakePool } from '../support/fake-pool.ts';

const REFUSED = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
const ECHOED = response('ECHO_RES', { data: new Uint8Array() });

/** The delays that were announced so far. */
const delays = ({ events }: FakePool): number[] =>
  events.flatMap((event) => (event.type === 'reconnecting' ? [event.delayMs] : []));

/** Lets every attempt fail for so long. */
function failFor({ net, clock }: FakePool, ms: number): void {
  let seen = net.attempts.length;
  for (const attempt of net.attempts) attempt.close(REFUSED);
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    for (const attempt of net.attempts.slice(seen)) attempt.close(REFUSED);
    seen = net.attempts.length;
  }
}

describe('Servers that failed', () => {
  /** `a` closed without a word and is connected again; `b` never failed. */
  function createFlapping(options: PoolOptions = {}) {
    const it = createFakePool({ servers: 'a:1,b:1', ...options });
    const [first, b] = it.net.attempts;
    first?.accept().close();
    b?.accept();
    it.clock.advance(10);
    return { ...it, a: it.net.last.accept() };
  }
  const chosen = ({ pool }: FakePool): string =>
    Array.from({ length: 4 }, () => pool.pick()?.server[0] ?? '-').join('');

  test('are connected and get nothing, until they answer', async () => {
    const it = createFlapping();
    expect(it.pool.servers.map(({ state, healthy }) => `${state} ${healthy}`)).toEqual([
      'ready false',
      'ready true',
    ]);
    expect(chosen(it)).toBe('bbbb');
    await turn();
    expect(it.a.types).toEqual(['ECHO_REQ']);
    it.a.reply(ECHOED);
    expect(it.pool.servers[0]?.healthy).toBe(true);
    expect([...chosen(it)].sort().join('')).toBe('aabb');
  });

  test('are asked once, and only when somebody chooses', async () => {
    const it = createFlapping();
    await turn();
    expect(it.a.types).toEqual([]);
    chosen(it);
    chosen(it);
    await turn();
    expect(it.a.types).toEqual(['ECHO_REQ']);
  });

  test('are used when there is no other', () => {
    const it = createFlapping();
    it.net.attempts[1]?.close();
    expect(chosen(it)).toBe('aaaa');
  });

  test('are all tried at once when a call has to wait for one', async () => {
    const it = createFakePool({ servers: 'a:1,b:1', reconnect: { type: 'fixed', minMs: 10_000 } });
    for (const attempt of it.net.attempts) attempt.close(REFUSED);
    it.clock.advance(1000);
    const waiting = it.pool.acquire();
    expect(it.net.attempts.length).toBe(4);
    it.net.attempts[3]?.accept();
    expect((await waiting).server).toBe('b:1');
  });

  test('are not tried more than once a second because of calls that wait', () => {
    const it = createFakePool({ reconnect: { type: 'fixed', minMs: 10_000 } });
    it.net.last.close(REFUSED);
    for (let i = 0; i < 99; i++) {
      it.pool.acquire({ timeoutMs: 5 }).catch(() => {});
      it.clock.advance(10);
      if (it.pool.servers[0]?.state === 'connecting') it.net.last.close(REFUSED);
    }
    expect(it.net.attempts.length).toBe(1);
    it.clock.advance(10);
    it.pool.acquire({ timeoutMs: 5 }).catch(() => {});
    expect(it.net.attempts.length).toBe(2);
  });
});

describe('connectAttempts', () => {
  const connectAttempts = { fast: 2, slow: 3, delayMs: 1000 };

  test('tries fast, then slowly, then fails whoever waits, and goes on', async () => {
    const it = createFakePool({ servers: 'a:1,b:1', connectAttempts });
    const waiting = it.pool.acquire({ timeoutMs: 60_000 }).then(
      () => 'connected',
      (error: Error) => error.message,
    );
    failFor(it, 2990);
    await turn();
    expect(delays(it).slice(0, 2)).toEqual([0, 0]);
    failFor(it, 20);
    expect(await waiting).toBe(
      'too many job servers failed 5 times in a row (a:1: connection refused; b:1: connection refused); is gearmand running?',
    );
    expect(it.pool.servers.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
    const attempts = it.net.attempts.length;
    failFor(it, 3000);
    expect(it.net.attempts.length).toBeGreaterThan(attempts);
  });

  test('starts anew for the next call', async () => {
    const it = createFakePool({ connectAttempts });
    failFor(it, 5000);
    const waiting = it.pool.acquire({ timeoutMs: 60_000 });
    it.net.last.close(REFUSED);
    it.clock.advance(0);
    it.net.last.accept();
    expect((await waiting).ready).toBe(true);
  });

  test('takes 1 fast attempt and 10 slow ones with a second between them unless told otherwise', () => {
    const { pool } = createFakePool({ connectAttempts: {} });
    expect(pool.settings.connectAttempts).toEqual({ fast: 1, slow: 10, delayMs: 1000 });
  });
});

describe('reconnect', () => {
  test('may be a function of failures and the last error, which may give up', () => {
    const heard: [number, string][] = [];
    const it = createFakePool({
      reconnect: (failures, error) => {
        heard.push([failures, error.message]);
        return failures < 2 ? 77 : false;
      },
    });
    it.net.last.close(REFUSED);
    expect(delays(it)).toEqual([77]);
    it.clock.advance(77);
    it.net.last.close(REFUSED);
    expect(it.connection.state.name).toBe('closed');
    expect(heard).toEqual([
      [1, 'a:1: connection refused'],
      [2, 'a:1: connection refused'],
    ]);
  });
});

describe('onServerLost', () => {
  test('hears what happened, and whether the connection had been open', () => {
    const heard: LostInfo[] = [];
    const it = createFakePool({
      onServerLost: (info) => {
        heard.push(info);
        return 'retry';
      },
    });
    it.net.last.close(REFUSED);
    it.clock.advance(10);
    it.net.last.accept().reply(response('NOOP', {}));
    it.net.last.close();
    expect(heard).toMatchObject([
      { server: 'a:1', wasConnected: false, failures: 1, error: { code: 'ERR_GEARMAN_CONNECT' } },
      { server: 'a:1', wasConnected: true, failures: 0, error: { code: 'ERR_GEARMAN_CONNECTION_LOST' } },
    ]);
    expect(delays(it)).toEqual([10, 10]);
  });

  test('may say when to try again', () => {
    const it = createFakePool({ onServerLost: () => ({ retryAfterMs: 1234 }) });
    it.net.last.close();
    expect(delays(it)).toEqual([1234]);
    expect(it.clock.nextTimerInMs).toBe(1234);
  });

  test('may take the server off the list', async () => {
    const it = createFakePool({ servers: 'a:1,b:1', onServerLost: () => 'remove' });
    const waiting = it.pool.acquire();
    it.net.attempts[0]?.close();
    expect(it.pool.servers.map(({ server }) => server)).toEqual(['b:1']);
    expect(it.events.map(({ type }) => type)).toContain('server-removed');
    it.net.attempts[1]?.accept();
    expect((await waiting).server).toBe('b:1');
    it.net.attempts[1]?.close();
    expect(it.pool.servers).toEqual([]);
    await expect(it.pool.acquire()).rejects.toThrow('the pool has no job servers');
  });

  test.each(['onServerLost', 'reconnect'])('%s that throws is told, and the server tried again', (name) => {
    const it = createFakePool({
      [name]: () => {
        throw new Error('my own mistake');
      },
    });
    it.net.last.close();
    expect(it.connection.state.name).toBe('waiting');
    expect(it.events).toMatchObject([
      { type: 'listener-error', during: name, error: { message: 'my own mistake' } },
      { type: 'state' },
      { type: 'connection-error' },
      { type: 'reconnecting' },
    ]);
  });

  test.each(['connecting', 'ready'])('may close the pool while %s', async (state) => {
    const closed: Promise<void>[] = [];
    const it = createFakePool({
      onServerLost: () => {
        closed.push(it.pool.close());
        return 'retry';
      },
    });
    if (state === 'ready') it.net.last.accept();
    it.net.last.close();
    await Promise.all(closed);
    expect(it.connection.state.name).toBe('closed');
    expect(it.clock.timerCount).toBe(0);
    expect(it.story()).not.toContain('reconnecting');
  });
});

describe('Calls that wait', () => {
  test('are limited by maxPending', async () => {
    const { pool, net } = createFakePool({ maxPending: 2 });
    const waiting = [pool.acquire(), pool.acquire()];
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_NO_SERVERS',
      message: expect.stringMatching(/^2 calls wait for a job server already \(maxPending\)/),
    });
    net.last.accept();
    await Promise.all(waiting);
    await pool.acquire();
  });

  test.each<[string, (it: FakePool) => unknown]>([
    ['acquire()', ({ pool }) => pool.acquire()],
    ['ready()', ({ pool }) => pool.ready()],
    ['echo()', ({ pool }) => pool.echo()],
    ['addFunction()', ({ pool }) => pool.addFunction('f')],
  ])('open a lazy pool: %s', async (_, act) => {
    const it = createFakePool({ lazy: true });
    it.pool.addServer('b');
    expect(it.net.attempts).toEqual([]);
    expect(it.pool.pick()).toBeUndefined();
    expect(it.pool.servers[0]?.state).toBe('idle');
    const done = Promise.resolve(act(it)).catch(() => {});
    expect(it.net.attempts.length).toBe(2);
    void it.pool.close();
    await done;
  });

  test('echo() measures the way to a server and back', async () => {
    const { pool, net, clock } = createFakePool({ servers: 'a:1,b:1' });
    for (const attempt of net.attempts) attempt.accept();
    const answer = pool.echo(Buffer.from('hello'), { server: 'b:1' });
    await turn();
    clock.advance(12);
    net.last.reply(response('ECHO_RES', { data: Buffer.from('hello') }));
    expect(await answer).toEqual({ data: Buffer.from('hello'), rttMs: 12, server: 'b:1' });
  });
});
