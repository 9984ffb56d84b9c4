import { InvalidArgumentError, ProtocolError, request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { ClosedError, ConnectError, ConnectionLostError } from '../../src/errors.ts';
import { createFakePool, createOpenPool } from '../support/fake-pool.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const ECHO = request('ECHO_REQ', { data: bytes('x') });
const ECHOED = response('ECHO_RES', { data: bytes('x') });

/** A handler that keeps what it hears. */
function createListener() {
  const heard: string[] = [];
  return {
    heard,
    onReply: (packet: { type: string }) => heard.push(packet.type),
    onLines: (lines: string[]) => heard.push(lines.join('|')),
    onReplyError: (error: Error) => heard.push(error.name),
  };
}

describe('Connection, connecting', () => {
  test('tells a success as connecting, ready, connect', () => {
    const { net, connection, story } = createFakePool();
    expect(connection.state.name).toBe('connecting');
    net.last.accept();
    expect(connection.ready).toBe(true);
    expect(connection.epoch).toBe(1);
    expect(story()).toEqual(['connecting>ready', 'connect']);
  });

  test('tells a failure, waits, and tries again', () => {
    const { net, clock, connection, story, events } = createFakePool();
    net.last.close(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
    expect(story()).toEqual(['connecting>waiting', 'connection-error', 'reconnecting']);
    expect(events[1]).toMatchObject({ attempt: 1, error: { message: 'a:1: connection refused' } });
    expect(events[2]).toMatchObject({ attempt: 2, delayMs: 10 });
    expect(connection.lastError).toBeInstanceOf(ConnectError);
    clock.advance(9);
    expect(net.attempts.length).toBe(1);
    clock.advance(1);
    expect(net.attempts.length).toBe(2);
    net.last.accept();
    expect(connection.lastError).toBeUndefined();
  });

  test('gives an attempt up after connectTimeoutMs', () => {
    const { net, clock, events } = createFakePool({ connectTimeoutMs: 100 });
    clock.advance(100);
    expect(net.last.destroyed).toBe(true);
    expect(events[1]).toMatchObject({
      type: 'connection-error',
      error: { message: 'a:1: no connection within 100 ms' },
    });
    expect(clock.nextTimerInMs).toBe(10);
  });

  test('gives a server up after maxAttempts and closes for good', () => {
    const { net, clock, connection, story } = createFakePool({ reconnect: { maxAttempts: 2 } });
    net.last.close();
    clock.advance(10);
    net.last.close();
    expect(connection.state).toMatchObject({ name: 'closed', error: { code: 'ERR_GEARMAN_CONNECT' } });
    expect(story().at(-1)).toBe('connection-error');
    clock.advance(60_000);
    expect(net.attempts.length).toBe(2);
  });

  test('does not hear an attempt that it has given up', () => {
    const { net, clock, connection, story } = createFakePool({ connectTimeoutMs: 100 });
    const [first] = net.attempts;
    clock.advance(110);
    expect(net.attempts.length).toBe(2);
    first?.accept();
    first?.replyBytes('garbage\n');
    first?.handlers.onDrain();
    first?.close(new Error('late'));
    expect(connection.state.name).toBe('connecting');
    net.last.accept();
    first?.close();
    first?.reply(ECHOED);
    expect(connection.ready).toBe(true);
    expect(story()).not.toContain('protocol-error');
  });

  test('lets delays grow while the server closes without a word, and starts anew after it spoke', () => {
    const { net, clock, connection, events } = createFakePool();
    const delays = (): unknown[] =>
      events.flatMap((event) => (event.type === 'reconnecting' ? event.delayMs : []));
    for (const delay of [10, 20, 30, 50]) {
      net.last.accept().close();
      clock.advance(delay);
    }
    net.last.accept();
    void connection.ask(ECHO);
    net.last.reply(ECHOED);
    net.last.close();
    expect(delays()).toEqual([10, 20, 30, 50, 10]);
  });

  test('starts delays anew after a connection that stayed up, even if nothing was said', () => {
    const { net, clock, events } = createFakePool();
    net.last.accept().close();
    clock.advance(10);
    net.last.accept();
    clock.advance(10_000);
    net.last.close();
    expect(events.at(-1)).toMatchObject({ type: 'reconnecting', attempt: 1, delayMs: 10 });
  });
});

describe('Connection, losing', () => {
  test('tells disconnect before reconnecting, then fails what waited', async () => {
    const { server, connection, story } = createOpenPool();
    const answer = connection.ask(ECHO);
    server.close(Object.assign(new Error('x'), { code: 'ECONNRESET' }));
    expect(story()).toEqual(['ready>waiting', 'disconnect', 'reconnecting']);
    await expect(answer).rejects.toThrow(new ConnectionLostError('a:1', 'connection reset'));
    expect(connection.pending).toBe(0);
  });

  test('forgets half a packet of the connection before', async () => {
    const { net, clock, connection, server } = createOpenPool();
    server.replyBytes(bytes('\0RES\0\0\0\x11\0\0\0\x05ab'));
    server.close();
    clock.advance(10);
    net.last.accept();
    const answer = connection.ask(ECHO);
    net.last.reply(ECHOED);
    expect((await answer).type).toBe('ECHO_RES');
  });

  test('sends nothing of the connection before', async () => {
    const { net, clock, connection, server } = createOpenPool();
    connection.send(ECHO);
    server.close();
    expect(connection.send(ECHO)).toBe(false);
    clock.advance(10);
    net.last.accept();
    connection.send(request('PRE_SLEEP', {}));
    await turn();
    expect(server.types).toEqual([]);
    expect(net.last.types).toEqual(['PRE_SLEEP']);
  });

  test('drop() makes it connect again, and late news of the old one is not heard', () => {
    const { net, clock, connection, server, events } = createOpenPool();
    connection.drop(new ProtocolError('enough'));
    expect(server.destroyed).toBe(true);
    expect(events[1]).toMatchObject({
      type: 'disconnect',
      error: { message: 'connection to a:1 lost: enough' },
    });
    server.close();
    clock.advance(10);
    expect(net.attempts.length).toBe(2);
  });

  test.each([
    ['idle and unasked, a reply', ECHOED, /ECHO_RES while nothing was asked/],
    ['a request', ECHO, /ECHO_REQ as a request/],
    [
      'a request that also exists as an answer',
      { ...response('WORK_FAIL', { handle: 'h' }), magic: 'REQ' as const },
      /WORK_FAIL as a request/,
    ],
    ['text', 'hello\n', /a text line while nothing was asked/],
    ['half a magic', bytes('\0RUN'), /not Gearman/],
    ['a malformed packet', bytes('\0RES\0\0\0\x0c\0\0\0\x01x'), /malformed WORK_STATUS/],
    [
      'too large a packet',
      bytes('\0RES\0\0\0\x0d\0\x01\0\0'),
      /WORK_COMPLETE of 65536 bytes; maxPacketBytes is 1000/,
    ],
    ['an endless line', 'x'.repeat(1002), /longer than 1000 bytes/],
  ])('drops a server that sends %s', (_, sent, message) => {
    const { server, story, events } = createOpenPool({ maxPacketBytes: 1000 });
    if (typeof sent === 'string' || sent instanceof Uint8Array) server.replyBytes(sent);
    else server.reply(sent);
    expect(story()).toEqual(['protocol-error', 'ready>waiting', 'disconnect', 'reconnecting']);
    expect(events[0]).toMatchObject({ error: { message: expect.stringMatching(message) } });
  });

  test('skips packets of unknown types', async () => {
    const { server, connection, events } = createOpenPool();
    const answer = connection.ask(ECHO);
    server.replyBytes(bytes('\0RES\0\0\0\x63\0\0\0\x02ab'));
    server.reply(ECHOED);
    expect((await answer).type).toBe('ECHO_RES');
    expect(events).toEqual([{ type: 'unknown-packet', server: 'a:1', packetCode: 99 }]);
  });

  test('hands over nothing that follows once a packet made its hearer drop the connection', () => {
    const { pool, server } = createOpenPool();
    const heard: string[] = [];
    pool.attach({
      onPacket: (connection, packet) => {
        heard.push(packet.type);
        connection.drop(new ProtocolError('enough'));
      },
    });
    server.reply(response('NOOP', {}), response('NOOP', {}));
    expect(heard).toEqual(['NOOP']);
  });
});

describe('Connection, asking', () => {
  test('writes everything of one turn at once', async () => {
    const { server, connection } = createOpenPool();
    for (let i = 0; i < 100; i++) connection.send(ECHO);
    expect(server.writes).toBe(0);
    await turn();
    expect(server.writes).toBe(1);
    expect(server.received.length).toBe(100);
  });

  test('writes a large turn in pieces, in order, before it ends', () => {
    const { server, connection } = createOpenPool();
    const data = new Uint8Array(100 * 1024);
    for (let i = 0; i < 3; i++) connection.send(request('ECHO_REQ', { data }));
    expect(server.writes).toBe(1);
    expect(server.received.length).toBe(3);
  });

  test('refuses what cannot be encoded without sending any of it or waiting for an answer', async () => {
    const { server, connection } = createOpenPool();
    const packet = request('GET_STATUS', { handle: 'H:工' });
    expect(() => connection.send(packet)).toThrow(InvalidArgumentError);
    await expect(connection.ask(packet)).rejects.toThrow(InvalidArgumentError);
    await turn();
    expect(server.writes).toBe(0);
    expect(connection.pending).toBe(0);
  });

  test('gives answers in order, text and packets on one connection', async () => {
    const { server, connection } = createOpenPool();
    const listener = createListener();
    connection.request(ECHO, listener);
    connection.command('version\r\n', 'value', listener);
    connection.command('status\r\n', 'list', listener);
    connection.request(request('GRAB_JOB', {}), listener);
    await turn();
    expect(server.types).toEqual(['ECHO_REQ', 'version', 'status', 'GRAB_JOB']);
    server.reply(ECHOED);
    server.replyBytes('OK 1.1.20\na\t0\t0\t0\n.\n');
    server.reply(response('NO_JOB', {}));
    expect(listener.heard).toEqual(['ECHO_RES', 'OK 1.1.20', 'a\t0\t0\t0', 'NO_JOB']);
  });

  test('puts a fence behind a command that may be answered by anything', async () => {
    const { server, connection } = createOpenPool();
    const listener = createListener();
    connection.command('show unique jobs\r\n', 'fenced', listener);
    await turn();
    expect(server.types).toEqual(['show unique jobs', 'ECHO_REQ']);
    server.replyBytes('a\n.\nb\n.\n');
    expect(listener.heard).toEqual([]);
    server.reply(response('ECHO_RES', { data: bytes('.') }));
    expect(listener.heard).toEqual(['a|.|b|.']);
  });

  test.each(['version', 'version\nstatus\n', '\n\n', '\0REQ\n', ''])('refuses %j as a command', (line) => {
    const { connection } = createOpenPool();
    expect(() => connection.command(line, 'value', createListener())).toThrow(InvalidArgumentError);
  });

  test('gives an ERROR packet to the oldest request', async () => {
    const { server, connection } = createOpenPool();
    const [first, second] = [connection.ask(request('OPTION_REQ', { option: 'x' })), connection.ask(ECHO)];
    server.reply(response('ERROR', { code: 'UNKNOWN_OPTION', text: 'no' }), ECHOED);
    await expect(first).rejects.toMatchObject({ code: 'ERR_GEARMAN_SERVER', serverCode: 'UNKNOWN_OPTION' });
    expect((await second).type).toBe('ECHO_RES');
  });

  test.each([
    ['JOB_NOT_FOUND, which answers a WORK packet', 'JOB_NOT_FOUND', true],
    ['an ERROR that nothing waits for', 'INVALID_COMMAND', false],
  ])('tells %s as an event', async (_, code, asked) => {
    const { server, connection, events } = createOpenPool();
    const answer = asked ? connection.ask(ECHO) : undefined;
    server.reply(response('ERROR', { code, text: 't' }));
    expect(events).toEqual([{ type: 'server-error', server: 'a:1', serverCode: code, serverText: 't' }]);
    if (asked) server.reply(ECHOED);
    expect((await answer)?.type).toBe(asked ? 'ECHO_RES' : undefined);
  });

  test('an answer that comes too late fails its request only, and is then swallowed', async () => {
    const { server, clock, connection } = createOpenPool({ replyTimeoutMs: 100 });
    const first = connection.ask(ECHO);
    clock.advance(60);
    const second = connection.ask(request('GRAB_JOB', {}));
    clock.advance(40);
    await expect(first).rejects.toMatchObject({
      code: 'ERR_GEARMAN_REPLY_TIMEOUT',
      message: 'a:1 did not answer ECHO_REQ within 100 ms',
    });
    server.reply(ECHOED, response('NO_JOB', {}));
    expect((await second).type).toBe('NO_JOB');
    clock.advance(1000);
    expect(connection.ready).toBe(true);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  test('looks at the earliest deadline, not at the first request', async () => {
    const { clock, connection } = createOpenPool();
    const heard: string[] = [];
    const ask = (name: string, timeoutMs: number): void => {
      connection.ask(ECHO, timeoutMs).catch(() => heard.push(name));
    };
    ask('slow', 500);
    ask('never', Number.POSITIVE_INFINITY);
    ask('fast', 50);
    for (const ms of [49, 1, 449, 1]) {
      clock.advance(ms);
      await turn();
      heard.push(`+${ms}`);
    }
    expect(heard).toEqual(['+49', 'fast', '+1', '+449', 'slow', '+1']);
  });

  test('fails everything that waits when a request that expired makes its hearer drop the connection', () => {
    const { clock, connection } = createOpenPool({ replyTimeoutMs: 100 });
    const listener = createListener();
    for (let i = 0; i < 3; i++) {
      connection.request(ECHO, {
        ...listener,
        onReplyError: (error) => {
          listener.onReplyError(error);
          connection.drop(error);
        },
      });
    }
    clock.advance(100);
    expect(listener.heard.length).toBe(3);
    expect(connection.state.name).toBe('waiting');
    expect(clock.nextTimerInMs).toBe(10);
  });

  test('rejects when it is not connected, or will never be again', async () => {
    const { net, connection, pool } = createFakePool();
    await expect(connection.ask(ECHO)).rejects.toThrow(ConnectionLostError);
    net.last.close();
    await expect(connection.ask(ECHO)).rejects.toMatchObject({ cause: { code: 'ERR_GEARMAN_CONNECT' } });
    await pool.close();
    await expect(connection.ask(ECHO)).rejects.toThrow(ClosedError);
    expect(connection.command('version\n', 'value', createListener())).toBe(false);
  });

  test('gives bytes to keep: a copy of what lies in the read buffer', async () => {
    const { server, connection } = createOpenPool();
    const answer = connection.ask(ECHO);
    const buffer = Buffer.from('\0RES\0\0\0\x11\0\0\0\x01x', 'latin1');
    server.handlers.onData(buffer);
    buffer.fill(0);
    expect(Buffer.from((await answer).data).toString()).toBe('x');
  });
});

describe('Connection, draining', () => {
  test('waits while much is buffered, until the transport has drained', async () => {
    const { server, connection } = createOpenPool();
    await connection.drained();
    server.bufferedBytes = 300 * 1024;
    expect(connection.bufferedBytes).toBe(300 * 1024);
    const drained = connection.drained();
    server.bufferedBytes = 0;
    server.handlers.onDrain();
    await drained;
  });

  test.each(['close', 'drop', 'destroy'] as const)('ends the waiting on %s', async (how) => {
    const { server, connection } = createOpenPool();
    server.bufferedBytes = 300 * 1024;
    const drained = connection.drained();
    if (how === 'drop') connection.drop(new ProtocolError('x'));
    else connection[how]();
    await drained;
    await connection.drained();
  });
});

describe('Connection, closing', () => {
  test('sends what this turn wrote, then ends, and fails what waits for an answer', async () => {
    const { server, connection, pool, story } = createOpenPool();
    connection.send(request('PRE_SLEEP', {}));
    const answer = connection.ask(ECHO);
    const closed = pool.close();
    expect(server.types).toEqual(['PRE_SLEEP', 'ECHO_REQ']);
    expect(server.ended).toBe(true);
    await expect(answer).rejects.toThrow(ClosedError);
    server.close();
    await closed;
    expect(story()).toEqual(['ready>closing', 'closing>closed', 'close']);
  });

  test('hears nothing any more while it closes, also no complaint about late answers', async () => {
    const { server, pool, connection, story } = createOpenPool();
    const heard: string[] = [];
    pool.attach({ onPacket: (_, packet) => heard.push(packet.type) });
    connection.ask(ECHO).catch(() => {});
    const closed = pool.close();
    server.reply(response('NOOP', {}), ECHOED);
    server.replyBytes('garbage\n');
    server.close(new Error('reset'));
    await closed;
    expect(heard).toEqual([]);
    expect(story()).toEqual(['ready>closing', 'closing>closed', 'close']);
  });

  test('a request that fails by closing cannot send another one', () => {
    const { connection } = createOpenPool();
    const sent: boolean[] = [];
    connection.request(ECHO, { onReply: () => {}, onReplyError: () => sent.push(connection.send(ECHO)) });
    connection.close();
    expect(sent).toEqual([false]);
  });
});
