import { response } from '@gearman/protocol';
import { FakeClock, FakeDial, turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { type AdminEvent, createAdmin } from '../../src/index.ts';

const FENCE = response('ECHO_RES', { data: Buffer.from('.') });

function createFakeAdmin() {
  const clock = new FakeClock();
  const net = new FakeDial();
  const admin = createAdmin({ servers: 'a:1', clock, dial: net.dial });
  const events: AdminEvent[] = [];
  admin.on('event', (event) => events.push(event));
  /** Answers the oldest command with these lines. */
  const answer = async (text: string): Promise<void> => {
    await turn();
    net.last.replyBytes(text);
    net.last.reply(FENCE);
  };
  return { clock, net, admin, events, answer, story: () => events.map(({ type }) => type) };
}

describe('Admin, connecting', () => {
  test('dials nothing before it is asked something', () => {
    expect(createFakeAdmin().net.attempts).toEqual([]);
  });

  test('uses one connection for a burst, and hangs up when nothing was asked for idleMs', async () => {
    const { admin, net, clock, answer, story } = createFakeAdmin();
    const first = admin.version();
    net.last.accept();
    await answer('OK 1\n');
    await first;
    clock.advance(4999);
    const second = admin.version();
    await answer('OK 2\n');
    expect((await second).answers).toEqual([{ server: 'a:1', value: '2' }]);
    clock.advance(4999);
    expect(net.last.ended).toBe(false);
    clock.advance(1);
    expect(net.last.ended).toBe(true);
    net.last.close();
    await turn();
    expect(net.attempts.length).toBe(1);
    expect(clock.nextTimerInMs).toBeUndefined();
    expect(story()).toEqual(['connect', 'command', 'command', 'disconnect']);
  });

  test('does not hang up while a command has no answer', async () => {
    const { admin, net, clock, answer } = createFakeAdmin();
    const slow = admin.version({ timeoutMs: 60_000 });
    net.last.accept();
    await turn();
    clock.advance(30_000);
    expect(net.last.ended).toBe(false);
    await answer('OK 1\n');
    expect((await slow).answers.length).toBe(1);
  });

  test('dials once for a burst that fails, says why at once, and dials again for the next', async () => {
    const { admin, net, clock } = createFakeAdmin();
    const burst = [admin.version(), admin.status()];
    expect(net.attempts.length).toBe(1);
    net.last.close(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
    for (const each of burst) {
      await expect(each).rejects.toMatchObject({
        code: 'ERR_GEARMAN_CONNECT',
        message: 'a:1: connection refused',
      });
    }
    clock.advance(60_000);
    expect(net.attempts.length).toBe(1);
    void admin.version().catch(() => {});
    expect(net.attempts.length).toBe(2);
  });

  test('does not connect again by itself after a loss', async () => {
    const { admin, net, clock, events } = createFakeAdmin();
    const lost = admin.version();
    net.last.accept();
    await turn();
    net.last.close();
    await expect(lost).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
    clock.advance(60_000);
    await turn();
    expect(net.attempts.length).toBe(1);
    expect(clock.nextTimerInMs).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(['connect', 'disconnect', 'command']);
    expect(events[1]).toMatchObject({ error: { code: 'ERR_GEARMAN_CONNECTION_LOST' } });
  });

  test('gives up on an answer that does not come, and takes the late one for nothing else', async () => {
    const { admin, net, clock, answer } = createFakeAdmin();
    const late = admin.version({ timeoutMs: 100 });
    net.last.accept();
    await turn();
    clock.advance(100);
    await expect(late).rejects.toMatchObject({ code: 'ERR_GEARMAN_REPLY_TIMEOUT' });
    const next = admin.pid();
    await answer('OK 1.1.20\n');
    await answer('OK 7\n');
    expect((await next).answers[0]?.value).toBe(7);
  });

  test.each(['connecting', 'asking'])('stops waiting while %s when the signal says so', async (when) => {
    const { admin, net, answer } = createFakeAdmin();
    const controller = new AbortController();
    const given = admin.version({ signal: controller.signal });
    if (when === 'asking') net.last.accept();
    await turn();
    controller.abort(new Error('changed my mind'));
    await expect(given).rejects.toThrow('changed my mind');
    await expect(admin.version({ signal: controller.signal })).rejects.toThrow('changed my mind');
    if (when === 'asking') await answer('OK 1\n');
    else net.last.accept();
    const next = admin.pid();
    await answer('OK 7\n');
    expect((await next).answers[0]?.value).toBe(7);
  });

  test('tells each command with its time and its error', async () => {
    const { admin, net, clock, events } = createFakeAdmin();
    const failed = admin.dropFunction('f');
    net.last.accept();
    await turn();
    clock.advance(12);
    net.last.replyBytes('ERR function not found\r\n');
    net.last.reply(FENCE);
    await expect(failed).rejects.toThrow('a:1 has no function "f"');
    expect(events.at(-1)).toEqual({
      type: 'command',
      server: 'a:1',
      command: 'drop function f',
      durationMs: 12,
      error: undefined,
    });
  });

  test('close() fails what has no answer, and what comes later; the last event is close', async () => {
    const { admin, net, story } = createFakeAdmin();
    const waiting = admin.version();
    net.last.accept();
    await turn();
    const closed = admin.close();
    expect(admin.close()).toBe(closed);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    net.last.close();
    await closed;
    await expect(admin.version()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(story().at(-1)).toBe('close');
    expect(net.attempts.length).toBe(1);
  });
});
