import { InvalidArgumentError, request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { ClosedError, NoServersError } from '../../src/errors.ts';
import { createFakePool, createOpenPool } from '../support/fake-pool.ts';

const ECHO = request('ECHO_REQ', { data: new Uint8Array(1) });

describe('Pool, waiting', () => {
  test('acquire() waits for the first server that is there', async () => {
    const { pool, net } = createFakePool({ servers: 'a,b' });
    const waiting = pool.acquire();
    net.attempts[1]?.accept();
    expect((await waiting).server).toBe('b:4730');
  });

  test('acquire() takes turns among the servers', async () => {
    const { pool, net } = createFakePool({ servers: 'a,b,c' });
    for (const attempt of net.attempts) attempt.accept();
    const servers: string[] = [];
    for (let i = 0; i < 6; i++) servers.push((await pool.acquire()).server[0] ?? '');
    expect(servers.join('')).toBe('abcabc');
  });

  test('acquire() with a unique id gives the server that pick() gives', async () => {
    const { pool, net } = createFakePool({ servers: 'a,b,c' });
    for (const attempt of net.attempts) attempt.accept();
    for (const uniqueId of ['1', '2', '3', '4']) {
      expect(await pool.acquire({ uniqueId })).toBe(pool.pick(uniqueId));
    }
  });

  test('acquire() with a server waits for that one, and names no other', async () => {
    const { pool, net, clock } = createFakePool({ servers: 'a,b', reconnect: { maxAttempts: 1 } });
    const [early, late] = [
      pool.acquire({ server: 'b:4730', timeoutMs: 5 }),
      pool.acquire({ server: 'b:4730' }),
    ];
    net.attempts[0]?.accept();
    clock.advance(5);
    await expect(early).rejects.toThrow('within 5 ms (b:4730: still connecting); is gearmand running?');
    net.attempts[1]?.accept();
    expect((await late).server).toBe('b:4730');
    net.attempts[1]?.close();
    await expect(pool.acquire({ server: 'b:4730' })).rejects.toThrow(/given up \(connection to b:4730 lost/);
    await expect(pool.acquire({ server: 'c:4730' })).rejects.toThrow(
      '"c:4730" is none of the pool\'s servers',
    );
  });

  test('names every server and why it failed when none came in time', async () => {
    const { pool, net, clock } = createFakePool({ servers: 'a,b' });
    net.attempts[0]?.close(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
    const waiting = pool.acquire({ timeoutMs: 5 });
    clock.advance(5);
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_GEARMAN_NO_SERVERS',
      retryable: true,
      message:
        'no job server accepted a connection within 5 ms ' +
        '(a:4730: connection refused; b:4730: still connecting); is gearmand running?',
      failures: [{ server: 'a:4730', error: { code: 'ERR_GEARMAN_CONNECT' } }, { server: 'b:4730' }],
    });
  });

  test('does not wait for servers that were given up', async () => {
    const { pool, net } = createFakePool({ servers: 'a,b', reconnect: { maxAttempts: 1 } });
    const [any, all] = [pool.acquire(), pool.ready({ atLeast: 'all' })];
    net.attempts[0]?.close();
    await expect(all).rejects.toThrow(NoServersError);
    net.attempts[1]?.close();
    await expect(any).rejects.toThrow(NoServersError);
    await expect(pool.acquire()).rejects.toThrow(/too many job servers were given up/);
  });

  test.each([
    ['any', 1],
    [2, 2],
    ['all', 3],
  ] as const)('ready({ atLeast: %j }) resolves with connection %d', async (atLeast, needed) => {
    const { pool, net } = createFakePool({ servers: 'a,b,c' });
    let ready = false;
    const waiting = pool.ready({ atLeast }).then((result) => {
      ready = true;
      return result;
    });
    for (let i = 0; i < needed; i++) {
      await turn();
      expect(ready).toBe(false);
      net.attempts[i]?.accept();
    }
    expect(await waiting).toBe(pool);
  });

  test('names only the servers that are missing', async () => {
    const { pool, net, clock } = createFakePool({ servers: 'a,b' });
    net.attempts[0]?.accept();
    const waiting = pool.ready({ atLeast: 'all', timeoutMs: 5 });
    clock.advance(5);
    await expect(waiting).rejects.toThrow(
      'fewer than 2 job servers accepted a connection within 5 ms (b:4730: still connecting); is gearmand running?',
    );
  });

  test('stops waiting when the signal says so, with its reason, and forgets it', async () => {
    const { pool, clock } = createFakePool();
    const connectMs = clock.nextTimerInMs;
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal, timeoutMs: 7 });
    expect(clock.nextTimerInMs).toBe(7);
    controller.abort(new Error('changed my mind'));
    await expect(waiting).rejects.toThrow('changed my mind');
    await expect(pool.acquire({ signal: controller.signal })).rejects.toThrow('changed my mind');
    await expect(pool.ready({ signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
    expect(clock.nextTimerInMs).toBe(connectMs);
  });
});

describe('Pool, registration', () => {
  test('tells every server options, then the client id, then functions, on every connect, before all else', async () => {
    const { pool, net, clock } = createFakePool({ options: ['exceptions'], clientId: 'me' });
    pool.on('state', ({ to }) => {
      if (to === 'ready') pool.pick()?.send(request('PRE_SLEEP', {}));
    });
    pool.attach({ onReady: (connection) => connection.send(request('GRAB_JOB_ALL', {})) });
    pool.addFunction('ünlü');
    pool.addFunction('slow', 1499.5);
    pool.addFunction('gone');
    pool.removeFunction('gone');
    pool.addFunction('forgotten');
    pool.forgetFunction('forgotten');
    net.last.accept();
    const expected = [
      { type: 'OPTION_REQ', option: 'exceptions' },
      { type: 'SET_CLIENT_ID', clientId: 'me' },
      { type: 'CAN_DO', functionName: Buffer.from('ünlü').toString('latin1') },
      { type: 'CAN_DO_TIMEOUT', functionName: 'slow', timeout: '1500' },
      { type: 'PRE_SLEEP' },
      { type: 'GRAB_JOB_ALL' },
    ];
    await turn();
    expect(net.last.received).toMatchObject(expected);
    net.last.close();
    clock.advance(10);
    net.last.accept();
    await turn();
    expect(net.last.received).toMatchObject(expected);
  });

  test('tells servers that are connected at once', async () => {
    const { pool, server } = createOpenPool();
    pool.setOption('exceptions');
    pool.setClientId('mé');
    pool.addFunction('f');
    pool.removeFunction('f');
    await turn();
    expect(server.received).toMatchObject([
      { type: 'OPTION_REQ', option: 'exceptions' },
      { type: 'SET_CLIENT_ID', clientId: Buffer.from('mé').toString('latin1') },
      { type: 'CAN_DO', functionName: 'f' },
      { type: 'CANT_DO', functionName: 'f' },
    ]);
  });

  test('tells a refused option and goes on', () => {
    const { pool, server, events, connection } = createOpenPool();
    pool.setOption('streaming');
    server.reply(response('ERROR', { code: 'UNKNOWN_OPTION', text: 'no' }));
    expect(events).toMatchObject([
      { type: 'option-refused', option: 'streaming', error: { serverCode: 'UNKNOWN_OPTION' } },
    ]);
    expect(connection.ready).toBe(true);
  });

  test.each(['drop', 'close'] as const)('an option without an answer at %s was not refused', (how) => {
    const { pool, connection, story } = createOpenPool();
    pool.setOption('exceptions');
    if (how === 'drop') connection.drop(new ClosedError('x'));
    else connection.close();
    expect(story()).not.toContain('option-refused');
  });

  test('refuses what it could not send, before it is kept for later connects', () => {
    const { pool, net } = createFakePool();
    expect(() => pool.setOption('')).toThrow(InvalidArgumentError);
    expect(() => pool.setOption('a\0b')).toThrow(InvalidArgumentError);
    expect(() => pool.setClientId('two words')).toThrow(InvalidArgumentError);
    expect(() => pool.addFunction('')).toThrow(InvalidArgumentError);
    net.last.accept();
    expect(net.last.received).toEqual([]);
  });
});

describe('Pool, users', () => {
  test('hear connects, packets and losses, those before attach() included, and nothing after detaching', () => {
    const { pool, server, net, clock } = createOpenPool();
    const heard: string[] = [];
    const detach = pool.attach({
      onReady: ({ epoch }) => heard.push(`ready ${epoch}`),
      onPacket: (_, packet) => heard.push(packet.type),
      onLost: (_, error) => heard.push(error.code),
    });
    server.reply(response('NOOP', {}));
    server.close();
    clock.advance(10);
    net.last.accept();
    detach();
    net.last.close();
    expect(heard).toEqual(['ready 1', 'NOOP', 'ERR_GEARMAN_CONNECTION_LOST', 'ready 2']);
  });

  test('hear a loss before requests fail', () => {
    const { pool, server, connection } = createOpenPool();
    const heard: string[] = [];
    pool.attach({ onLost: () => heard.push('lost') });
    connection.request(ECHO, { onReply: () => {}, onReplyError: () => heard.push('failed') });
    server.close();
    expect(heard).toEqual(['lost', 'failed']);
  });
});

describe('Pool, closing', () => {
  test('rejects whoever waits for a connection, and whoever comes later', async () => {
    const { pool } = createFakePool();
    const waiting = [pool.acquire(), pool.ready()];
    await pool.close();
    for (const each of waiting) await expect(each).rejects.toThrow(ClosedError);
    await expect(pool.acquire()).rejects.toThrow(ClosedError);
  });

  test.each(['connecting', 'waiting', 'closed'] as const)('is immediate while %s', async (state) => {
    const { pool, net, clock, connection } = createFakePool(
      state === 'closed' ? { reconnect: { maxAttempts: 1 } } : {},
    );
    if (state !== 'connecting') net.last.close();
    expect(connection.state.name).toBe(state);
    await pool.close();
    expect(net.last.destroyed).toBe(state === 'connecting');
    expect(connection.state.name).toBe('closed');
    expect(clock.nextTimerInMs).toBeUndefined();
    net.last.accept();
    net.last.close();
    expect(net.attempts.length).toBe(1);
  });

  test('cuts connections that do not end in time', async () => {
    const { pool, server, clock, connection } = createOpenPool();
    const closed = pool.close({ timeoutMs: 50 });
    clock.advance(50);
    await closed;
    expect(server.destroyed).toBe(true);
    expect(connection.state.name).toBe('closed');
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  test('happens once, however often and from wherever it is called', async () => {
    const { pool, server, story } = createOpenPool();
    pool.on('state', () => void pool.close());
    const events = lastValueFrom(pool.events$.pipe(toArray()));
    const [first, second] = [pool.close(), pool.close()];
    expect(second).toBe(first);
    expect(pool.closed).toBe(true);
    server.close();
    await first;
    expect((await events).map(({ type }) => type)).toEqual(['state', 'state', 'close']);
    expect(story().filter((type) => type === 'close')).toEqual(['close']);
  });

  test.each(['connecting>ready', 'connecting>waiting', 'ready>waiting'])(
    'from a listener of %s leaves nothing behind',
    async (step) => {
      const { pool, net, clock, connection, story } = createFakePool();
      pool.on('state', ({ from, to }) => {
        if (`${from}>${to}` === step) void pool.close();
      });
      if (step !== 'connecting>waiting') net.last.accept();
      net.last.close();
      clock.advance(1000);
      await pool.close();
      expect(connection.state.name).toBe('closed');
      expect(net.attempts.length).toBe(1);
      expect(clock.nextTimerInMs).toBeUndefined();
      expect(story()).not.toContain('reconnecting');
    },
  );

  test('two pools with their own dial know nothing of each other', async () => {
    const [one, two] = [createOpenPool(), createOpenPool()];
    const answer = two.connection.ask(ECHO);
    one.server.close();
    void one.pool.close();
    two.server.reply(response('ECHO_RES', { data: new Uint8Array(1) }));
    expect((await answer).type).toBe('ECHO_RES');
    expect(two.pool.servers).toMatchObject([
      { server: 'a:1', state: 'ready', pending: 0, lastError: undefined },
    ]);
  });
});
