import { encodePacket, request, response } from '@gearman/protocol';
import { map, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import type { PoolEvent, ServerState } from '../../src/index.ts';
import { createFakePool, createOpenPool, type FakePool } from '../support/fake-pool.ts';

/** Each letter of a diagram does something to a pool of `a` and `b`. */
const STEPS: Readonly<Record<string, (it: FakePool) => void>> = {
  a: ({ net }) => net.attempts[0]?.accept(),
  b: ({ net }) => net.attempts[1]?.accept(),
  x: ({ net }) => net.attempts[0]?.close(),
  '+': ({ pool }) => pool.addServer('c'),
  c: ({ pool, net }) => {
    void pool.close();
    for (const attempt of net.attempts) attempt.close();
  },
};

/** Lets a diagram of steps happen, and compares what an Observable of the pool shows with another diagram. */
function expectMarbles(
  steps: string,
  look: (it: FakePool) => Observable<string>,
  expected: string,
  values: Record<string, string>,
  unsubscribeAt?: string,
): void {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
  scheduler.run(({ hot, expectObservable }) => {
    const it = createFakePool({ servers: 'a:1,b:1' });
    // Subscribed first, so that what is looked at is subscribed before anything happens.
    expectObservable(look(it), unsubscribeAt).toBe(expected, values);
    hot(steps).subscribe((step) => STEPS[step]?.(it));
  });
}

const story = ({ pool }: FakePool): Observable<string> =>
  pool.events$.pipe(
    map((event: PoolEvent) => (event.type === 'state' ? `${event.from}>${event.to}` : event.type)),
  );
const states = ({ pool }: FakePool): Observable<string> =>
  pool.state$.pipe(
    map((servers: readonly ServerState[]) =>
      servers.map(({ server, state }) => `${server[0]}:${state}`).join(' '),
    ),
  );

describe('Pool.events$', () => {
  test('shows events when they happen, and completes with the pool', () => {
    expectMarbles('-a---x------c', story, '-(rc)(wdn)--(jkx|)', {
      r: 'connecting>ready',
      c: 'connect',
      w: 'ready>waiting',
      d: 'disconnect',
      n: 'reconnecting',
      j: 'waiting>closed',
      k: 'connecting>closed',
      x: 'close',
    });
  });

  test('shows nothing of the past, and nothing after unsubscribing', () => {
    expectMarbles('-a---x----', story, '-(rc)', { r: 'connecting>ready', c: 'connect' }, '---!');
  });

  test('listens to the pool while somebody is subscribed, and not longer', () => {
    const { pool } = createFakePool();
    const before = pool.listenerCount('event');
    const subscriptions = [pool.events$.subscribe(), pool.state$.subscribe()];
    expect(pool.listenerCount('event')).toBe(before + 2);
    for (const subscription of subscriptions) subscription.unsubscribe();
    expect(pool.listenerCount('event')).toBe(before);
  });
});

describe('Pool.state$', () => {
  test('shows all servers at once, again whenever one changes, and completes with the pool', () => {
    expectMarbles('-a-b-x-+---c', states, 'pq-r-s-(uv)(wxyz|)', {
      p: 'a:connecting b:connecting',
      q: 'a:ready b:connecting',
      r: 'a:ready b:ready',
      s: 'a:waiting b:ready',
      u: 'a:waiting b:ready c:idle',
      v: 'a:waiting b:ready c:connecting',
      w: 'a:closed b:ready c:connecting',
      x: 'a:closed b:closing c:connecting',
      y: 'a:closed b:closing c:closed',
      z: 'a:closed b:closed c:closed',
    });
  });

  test('shows a late subscriber the last states, and completes', async () => {
    const { pool } = createFakePool();
    await pool.close();
    const heard: string[] = [];
    pool.state$.subscribe({
      next: (servers) => heard.push(servers.map(({ state }) => state).join()),
      complete: () => heard.push('complete'),
    });
    expect(heard).toEqual(['closed', 'complete']);
  });
});

describe('Connection.packets$', () => {
  test('shows answers and what was not asked for, with bytes to keep', async () => {
    const { server, connection, pool } = createOpenPool();
    const heard: (string | Uint8Array)[] = [];
    const subscription = connection.packets$.subscribe({
      next: (packet) => heard.push(packet.type, 'data' in packet ? packet.data : ''),
      complete: () => heard.push('complete'),
    });
    const answer = connection.ask(request('ECHO_REQ', { data: Buffer.from('x') }));
    const bytes = Buffer.concat([
      ...encodePacket(response('NOOP', {})),
      ...encodePacket(response('ECHO_RES', { data: Buffer.from('x') })),
    ]);
    server.handlers.onData(bytes);
    bytes.fill(0);
    await answer;
    expect(heard).toEqual(['NOOP', '', 'ECHO_RES', Buffer.from('x')]);
    const closed = pool.close();
    server.close();
    await closed;
    expect(heard.at(-1)).toBe('complete');
    subscription.unsubscribe();
  });

  test('costs nothing when nobody subscribes any more', () => {
    const { server, connection } = createOpenPool();
    let heard = 0;
    const subscription = connection.packets$.subscribe(() => heard++);
    server.reply(response('NOOP', {}));
    subscription.unsubscribe();
    server.reply(response('NOOP', {}));
    expect(heard).toBe(1);
  });
});

describe('Connection.text()', () => {
  test('gives the lines of whatever command', async () => {
    const { server, connection } = createOpenPool();
    const lines = connection.text('status');
    server.replyBytes('f\t0\t0\t0\n.\n');
    server.reply(response('ECHO_RES', { data: Buffer.from('.') }));
    expect(await lines).toEqual(['f\t0\t0\t0', '.']);
    await expect(connection.text('two\nlines')).rejects.toThrow(/one line/);
  });
});
