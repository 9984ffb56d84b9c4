import { request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { NoStreamingError } from '../../src/index.ts';
import { createFakePool, createOpenPool } from '../support/fake-pool.ts';

const GRANTED = response('OPTION_RES', { option: 'streaming' });
const REFUSED = response('ERROR', { code: 'UNKNOWN_OPTION', text: 'Server does not recognize given option' });
const required = { options: ['exceptions', { name: 'streaming', required: true }] };

describe('A required option', () => {
  test('must be granted before anybody may use the connection', async () => {
    const { pool, net, connection, story } = createFakePool({ ...required, clientId: 'me' });
    pool.addFunction('f');
    const users: string[] = [];
    pool.attach({ onReady: () => users.push('ready') });
    net.last.accept();
    await turn();
    expect(net.last.types).toEqual(['OPTION_REQ', 'OPTION_REQ', 'SET_CLIENT_ID', 'CAN_DO']);
    expect(connection.state.name).toBe('greeting');
    expect([pool.pick(), connection.send(request('PRE_SLEEP', {})), users]).toEqual([undefined, false, []]);
    net.last.reply(response('OPTION_RES', { option: 'exceptions' }));
    expect(connection.ready).toBe(false);
    net.last.reply(GRANTED);
    expect(connection.ready).toBe(true);
    expect(users).toEqual(['ready']);
    expect(story()).toEqual(['connecting>greeting', 'greeting>ready', 'connect']);
  });

  test('that is refused makes the server unusable, and calls say so', async () => {
    const { pool, net, clock, events, connection } = createFakePool(required);
    const waiting = pool.acquire({ timeoutMs: 50 });
    const failed = expect(waiting).rejects.toThrow(
      'within 50 ms (a:1: the server refuses the option "streaming", which is required)',
    );
    net.last.accept();
    net.last.reply(response('OPTION_RES', { option: 'exceptions' }), REFUSED);
    expect(connection.lastError).toBeInstanceOf(NoStreamingError);
    expect(connection.lastError).toMatchObject({ code: 'ERR_GEARMAN_NO_STREAMING', option: 'streaming' });
    expect(events.map(({ type }) => type)).toEqual([
      'state',
      'option-refused',
      'state',
      'connection-error',
      'reconnecting',
    ]);
    expect(net.last.destroyed).toBe(true);
    clock.advance(10);
    expect(net.attempts.length).toBe(2);
    clock.advance(40);
    await failed;
  });

  test('other than streaming has an error of its own', () => {
    const { net, connection } = createFakePool({ options: [{ name: 'exceptions', required: true }] });
    net.last.accept().reply(REFUSED);
    expect(connection.lastError).toMatchObject({ code: 'ERR_GEARMAN_OPTION_REFUSED', option: 'exceptions' });
  });

  test('without an answer is a failed attempt after connectTimeoutMs', () => {
    const { net, clock, connection, story } = createFakePool({ ...required, connectTimeoutMs: 100 });
    net.last.accept();
    clock.advance(100);
    expect(connection.lastError?.message).toBe('a:1: no connection within 100 ms');
    expect(net.last.destroyed).toBe(true);
    expect(story()).not.toContain('option-refused');
  });

  test.each(['closes', 'sends garbage'])('is missed when the server %s instead', (how) => {
    const { net, connection } = createFakePool(required);
    net.last.accept();
    if (how === 'closes') net.last.close();
    else net.last.replyBytes('what?\n');
    expect(connection.state.name).toBe('waiting');
    expect(connection.lastError?.code).toBe('ERR_GEARMAN_CONNECT');
    expect(connection.pending).toBe(0);
  });

  test('may be asked for later: a connection whose server refuses is closed', () => {
    const { pool, server, connection, story } = createOpenPool();
    pool.setOption('streaming', { required: true });
    server.reply(REFUSED);
    expect(connection.ready).toBe(false);
    expect(story()).toEqual(['option-refused', 'ready>waiting', 'disconnect', 'reconnecting']);
  });

  test('closing the pool while the server is greeted leaves nothing behind', async () => {
    const { pool, net, clock, connection } = createFakePool(required);
    net.last.accept();
    await pool.close();
    expect([connection.state.name, net.last.destroyed, clock.timerCount]).toEqual(['closed', true, 0]);
  });
});

describe('Limits of queues', () => {
  test('are told last on every connect', async () => {
    const { pool, net, clock } = createFakePool({ options: ['exceptions'], clientId: 'me' });
    pool.setMaxQueue('f', 10);
    pool.setMaxQueue('g', { high: 1, low: 3 });
    pool.setMaxQueue('h', 1);
    pool.setMaxQueue('h', null);
    pool.addFunction('f');
    for (let i = 0; i < 2; i++) {
      net.last.accept();
      await turn();
      expect(net.last.types).toEqual([
        'OPTION_REQ',
        'SET_CLIENT_ID',
        'CAN_DO',
        'create function f',
        'maxqueue f 10',
        'create function g',
        'maxqueue g 1 0 3',
      ]);
      net.last.close();
      clock.advance(10);
    }
  });

  test('are told at once to servers that are connected, and a refusal is an event', async () => {
    const { pool, server, events } = createOpenPool();
    pool.setMaxQueue('f', 10);
    pool.setMaxQueue('f', null);
    await turn();
    expect(server.types).toEqual(['create function f', 'maxqueue f 10', 'create function f', 'maxqueue f']);
    server.replyBytes('ERR no\r\nOK\r\nOK\r\nERR UNKNOWN_COMMAND Unknown+server+command\r\n');
    expect(events).toMatchObject([
      {
        type: 'max-queue-refused',
        functionName: 'f',
        error: { message: 'a:1 refused: UNKNOWN_COMMAND (Unknown server command)' },
      },
    ]);
  });

  test.each([
    ['two words', 1],
    ['f', -1],
    ['f', 1.5],
  ])('of %j to %s are refused', (name, limit) => {
    expect(() => createFakePool().pool.setMaxQueue(name, limit)).toThrow(/maxqueue|limit/);
  });
});
