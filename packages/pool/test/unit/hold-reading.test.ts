import { request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { expect, test } from 'vitest';
import { createOpenPool } from '../support/fake-pool.ts';

const PONG = response('ECHO_RES', { data: new Uint8Array() });

test('reads nothing while somebody holds it, and sends no heartbeat', async () => {
  const { server, clock, connection } = createOpenPool({ heartbeat: { idleMs: 1000, timeoutMs: 100 } });
  const [first, second] = [connection.holdReading(), connection.holdReading()];
  expect(server.paused).toBe(true);
  clock.advance(10_000);
  await turn();
  expect([server.types, server.destroyed]).toEqual([[], false]);
  first?.();
  first?.();
  expect(server.paused).toBe(true);
  second?.();
  expect(server.paused).toBe(false);
  clock.advance(1000);
  await turn();
  expect(server.types).toEqual(['ECHO_REQ']);
});

test('reads on, when asked to yield, as soon as somebody asks something', async () => {
  const { server, connection } = createOpenPool({});
  let yielded = 0;
  const yields = connection.holdReading(() => yielded++);
  expect(server.paused).toBe(true);
  const answer = connection.ask(request('ECHO_REQ', { data: new Uint8Array() }));
  expect([server.paused, yielded]).toEqual([false, 1]);
  // An answer is due: it would have to yield at once.
  expect(connection.holdReading(() => yielded++)).toBeUndefined();
  await turn();
  server.reply(PONG);
  await answer;
  yields?.();
  expect([server.paused, yielded]).toEqual([false, 1]);
});

test('is over with the connection', async () => {
  const { server, net, connection, clock } = createOpenPool({});
  const release = connection.holdReading();
  server.close();
  expect(connection.holdReading()).toBeUndefined();
  clock.advance(60_000);
  const next = net.last.accept();
  connection.holdReading();
  expect(next.paused).toBe(true);
  release?.();
  expect(next.paused).toBe(true);
});
