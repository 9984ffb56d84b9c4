import { request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import type { PoolOptions } from '../../src/index.ts';
import { createOpenPool } from '../support/fake-pool.ts';

const PONG = response('ECHO_RES', { data: new Uint8Array() });
const NOOP = response('NOOP', {});

const open = (options: PoolOptions = {}) =>
  createOpenPool({ heartbeat: { idleMs: 1000, timeoutMs: 100 }, ...options });

describe('Heartbeat', () => {
  test('asks a server that was silent for idleMs, again and again, and keeps one that answers', async () => {
    const { server, clock, connection, events } = open();
    for (let i = 1; i <= 3; i++) {
      clock.advance(999);
      await turn();
      expect(server.types.length).toBe(i - 1);
      clock.advance(1);
      await turn();
      expect(server.types).toEqual(Array.from({ length: i }, () => 'ECHO_REQ'));
      server.reply(PONG);
      expect(connection.pending).toBe(0);
    }
    expect(events).toEqual([]);
  });

  test('asks nothing while the server speaks by itself', async () => {
    const { server, clock } = open();
    for (let i = 0; i < 10; i++) {
      clock.advance(900);
      server.reply(NOOP);
    }
    await turn();
    expect(server.types).toEqual([]);
    clock.advance(1000);
    await turn();
    expect(server.types).toEqual(['ECHO_REQ']);
  });

  test('cuts a connection without an answer, fails what waits on it, and dials again', async () => {
    const { server, clock, connection, net, events } = open();
    const failed = expect(connection.ask(request('GRAB_JOB', {}), Number.POSITIVE_INFINITY)).rejects;
    const asExpected = failed.toMatchObject({
      code: 'ERR_GEARMAN_CONNECTION_LOST',
      message: 'connection to a:1 lost: a:1 did not answer a heartbeat within 100 ms',
      cause: { code: 'ERR_GEARMAN_REPLY_TIMEOUT' },
    });
    clock.advance(1000);
    await turn();
    clock.advance(100);
    await turn();
    await asExpected;
    expect(server.destroyed).toBe(true);
    expect(events.map(({ type }) => type)).toEqual(['state', 'disconnect', 'reconnecting']);
    clock.advance(10);
    expect(net.attempts.length).toBe(2);
  });

  test('takes anything that arrives for life, also half a packet', async () => {
    const { server, clock, connection } = open();
    clock.advance(1000);
    server.replyBytes(Buffer.from('\0RES\0\0\0\x0d\0\0\x10\0', 'latin1'));
    for (let i = 0; i < 20; i++) {
      clock.advance(90);
      server.replyBytes(new Uint8Array(10).fill(65));
    }
    await turn();
    expect(connection.ready).toBe(true);
    clock.advance(190);
    await turn();
    expect(connection.ready).toBe(false);
  });

  test('takes a backlog that moves for life, and none that stands still', async () => {
    const { server, clock, connection } = open();
    server.bufferedBytes = 60_000_000;
    server.takenBytes = 0;
    clock.advance(1000);
    for (let i = 1; i <= 20; i++) {
      server.takenBytes = i;
      clock.advance(100);
      await turn();
      expect(connection.ready).toBe(true);
    }
    clock.advance(100);
    await turn();
    expect(connection.ready).toBe(false);
  });

  test('gives what lies in the buffers of the systems the time of a slow line', async () => {
    const { server, clock, connection } = open();
    server.takenBytes = 1_280_000;
    clock.advance(1000);
    await turn();
    clock.advance(10_099);
    await turn();
    expect(connection.ready).toBe(true);
    clock.advance(1);
    await turn();
    expect(connection.ready).toBe(false);
  });

  test('does not take for life that the system takes more, once the question has left', async () => {
    const { server, clock, connection } = open();
    server.takenBytes = 0;
    clock.advance(1000);
    // Others go on sending: a system takes some of that for a dead server, too.
    server.bufferedBytes = 100;
    server.takenBytes = 5000;
    clock.advance(100);
    await turn();
    expect(connection.ready).toBe(false);
  });

  test('does not cut before it has read what came while the process was busy', async () => {
    const { server, clock, connection } = open();
    clock.advance(1000);
    await turn();
    clock.advance(5000);
    // Timers come before reading.
    server.reply(PONG);
    await turn();
    expect(connection.ready).toBe(true);
    clock.advance(1000);
    await turn();
    expect(server.types).toEqual(['ECHO_REQ', 'ECHO_REQ']);
  });

  test('ends with the connection, and starts anew with the next', async () => {
    const { server, clock, connection, net, pool } = open();
    clock.advance(1000);
    server.close();
    clock.advance(10);
    net.last.accept();
    clock.advance(999);
    await turn();
    expect(net.last.types).toEqual([]);
    expect(connection.ready).toBe(true);
    clock.advance(1);
    await turn();
    expect(net.last.types).toEqual(['ECHO_REQ']);
    const closed = pool.close();
    net.last.close();
    await closed;
    expect(clock.timerCount).toBe(0);
  });

  test('needs one timer, however many packets come, and none when it is off', () => {
    const on = open();
    const { timerCount } = on.clock;
    for (let i = 0; i < 100; i++) on.server.reply(NOOP);
    expect(on.clock.timerCount).toBe(timerCount);
    expect(timerCount).toBe(1);
    expect(open({ heartbeat: false }).clock.timerCount).toBe(0);
  });

  test('asks after 30 s and waits 10 s unless told otherwise', () => {
    const { pool } = createOpenPool({ heartbeat: {} });
    expect(pool.settings.heartbeat).toEqual({ idleMs: 30_000, timeoutMs: 10_000 });
  });
});
