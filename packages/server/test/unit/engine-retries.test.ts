import { describe, expect, test } from 'vitest';
import type { JobRules } from '../../src/engine/job-policy.ts';
import { delayMsAfter, type RetryPolicy } from '../../src/engine/retry-policy.ts';
import { World } from './world.ts';

const BACKOFF = { type: 'fixed', delayMs: 1000, factor: 2, maxMs: 60_000, jitter: 0 } as const;
const retry = (attempts: number, parts: Partial<RetryPolicy> = {}): JobRules => ({
  retry: { attempts, backoff: BACKOFF, on: ['fail', 'exception', 'timeout', 'lost'], ...parts },
});
const worldWith = (rules: JobRules, more = {}) =>
  new World({ rulesOf: () => rules, random: () => 0, ...more });

describe('delayMsAfter', () => {
  const exponential = { type: 'exponential', delayMs: 100, factor: 3, maxMs: 5000, jitter: 0 } as const;

  test('grows by its factor up to its maximum, or stays', () => {
    expect([1, 2, 3, 4, 5, 2000].map((failed) => delayMsAfter(exponential, failed, 0.5))).toEqual([
      100, 300, 900, 2700, 5000, 5000,
    ]);
    expect([1, 9].map((failed) => delayMsAfter(BACKOFF, failed, 0.5))).toEqual([1000, 1000]);
  });

  test('is shortened by a random part of its jitter', () => {
    const jitter = { ...BACKOFF, jitter: 0.5 };
    expect([0, 0.5, 1].map((random) => delayMsAfter(jitter, 1, random))).toEqual([1000, 750, 500]);
  });
});

describe('retries by policy', () => {
  test.each(['giveUp', 'throwException'] as const)(
    'after %s a job waits and runs again; its client hears of the last attempt only',
    (fails) => {
      const world = worldWith(retry(3));
      const [client, worker] = [world.peer(true), world.peer().canDo('f')];
      client.submit('f');
      for (const attempt of [1, 2]) {
        expect(worker.grab()).toBe(1);
        expect(worker[fails](1, 'why')).toBe(true);
        expect([worker.grab(), world.status(1), client.heard]).toEqual([undefined, 'delayed 0/0', []]);
        world.pass(999);
        expect(worker.grab()).toBeUndefined();
        world.pass(1);
        expect(world.engine.find(world.handle(1))?.retries).toBe(attempt);
      }
      worker.grab();
      worker[fails](1, 'why');
      expect(client.heard).toEqual([fails === 'giveUp' ? 'fail 1' : 'exception 1 why']);
      expect([world.status(1), world.counts()]).toEqual(['unknown', ['f 0 0 1']]);
    },
  );

  test('a success ends it whatever came before', () => {
    const world = worldWith(retry(3));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    worker.grab();
    worker.giveUp(1);
    world.pass(1000);
    worker.grab();
    worker.finish(1, 'r');
    expect(client.heard).toEqual(['complete 1 r']);
  });

  test('a lost worker and one that is too slow count as attempts, too, and the job waits after them', () => {
    const world = worldWith(retry(3));
    const [client, lost] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    lost.grab();
    lost.disconnect();
    expect(world.status(1)).toBe('delayed 0/0');
    const slow = world.peer().canDoFor('f', 2000);
    world.pass(1000);
    slow.grab();
    world.pass(2000);
    expect(world.status(1)).toBe('delayed 0/0');
    world.pass(1000);
    slow.grab();
    world.pass(2000);
    expect([client.heard, world.status(1)]).toEqual([['fail 1'], 'unknown']);
  });

  test('what is not named is as without a policy', () => {
    const world = worldWith(retry(2, { on: ['exception'] }));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    worker.grab();
    worker.cantDo('f');
    worker.canDo('f');
    expect(worker.grab()).toBe(1);
    worker.giveUp(1);
    expect(client.heard).toEqual(['fail 1']);
  });

  test('lost workers alone can be given a back-off, on top of failures that end the job at once', () => {
    const world = worldWith(retry(1000, { on: ['lost'] }));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    worker.grab();
    worker.disconnect();
    expect(world.status(1)).toBe('delayed 0/0');
  });

  test('jobs of each priority come back behind those of their priority, or in front with requeue head', () => {
    for (const requeue of ['tail', 'head'] as const) {
      for (const priority of ['high', 'normal', 'low'] as const) {
        const world = worldWith(retry(2), { requeue });
        const [client, worker] = [world.peer(), world.peer().canDo('f')];
        client.background('f', { priority, payload: 'a' });
        worker.giveUp(worker.grab() ?? 0);
        client.background('f', { priority, payload: 'b' });
        world.pass(1000);
        expect(worker.drain()).toEqual(requeue === 'tail' ? ['f:b', 'f:a'] : ['f:a', 'f:b']);
      }
    }
  });

  test('jobs that wait for their next attempt are counted in their priority', () => {
    const world = worldWith(retry(2));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f', { priority: 'high' });
    worker.grab();
    worker.giveUp(1);
    const [fn] = world.engine.functions();
    expect([fn?.waiting(0), fn?.waiting(1), fn?.waiting(2), fn?.total]).toEqual([1, 0, 0, 1]);
  });

  test('a sleeping worker is woken when the time has come', () => {
    const world = worldWith(retry(2));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f');
    worker.grab();
    worker.giveUp(1);
    worker.sleep();
    world.pass(999);
    expect(worker.heard).toEqual([]);
    world.pass(1);
    expect(worker.heard).toEqual(['noop']);
  });

  test('submits merge into a job that waits for its next attempt', () => {
    const world = worldWith(retry(2));
    const [one, other, worker] = [world.peer(), world.peer(), world.peer().canDo('f')];
    one.submit('f', { unique: 'u' });
    worker.grab();
    worker.giveUp(1);
    expect(other.submit('f', { unique: 'u' })).toBe(1);
    world.pass(1000);
    worker.grab();
    worker.finish(1, 'r');
    expect([one.heard, other.heard]).toEqual([['complete 1 r'], ['complete 1 r']]);
  });

  test('without anybody who waits for it a foreground job is not tried again, nor kept waiting', () => {
    const world = worldWith(retry(5));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    worker.grab();
    worker.giveUp(1);
    client.disconnect();
    expect(world.status(1)).toBe('unknown');
    const next = world.peer();
    next.submit('f');
    worker.drain();
    next.disconnect();
    worker.giveUp(2);
    expect([world.status(2), world.engine.nextDelayMs()]).toEqual(['unknown', undefined]);
  });

  test('a job that is cancelled meanwhile does not come back', () => {
    const world = worldWith(retry(5));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f');
    client.background('f');
    worker.drain();
    world.engine.cancel(world.handle(1));
    expect(worker.giveUp(1)).toBe(true);
    worker.giveUp(2);
    world.engine.cancel(world.handle(2));
    expect([world.engine.jobCount, world.engine.nextDelayMs()]).toEqual([0, undefined]);
  });

  test('a foreground job whose worker streams its output fails at once', () => {
    const world = worldWith(retry(5));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    worker.peer.streaming = true;
    client.submit('f');
    worker.grab();
    worker.giveUp(1);
    expect(client.heard).toEqual(['fail 1']);
  });
});

describe('expiry', () => {
  test('a job that waits for too long is never handed out; its client hears that it failed', () => {
    const world = worldWith({ ttlMs: 5000 });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    client.background('f');
    world.pass(4999);
    expect(worker.grab()).toBe(1);
    world.pass(1);
    expect([worker.grab(), client.heard, world.status(1), world.status(2)]).toEqual([
      undefined,
      [],
      'running 0/0',
      'unknown',
    ]);
  });

  test('a worker that asks before the alarm was looked at gets none either', () => {
    const world = worldWith({ ttlMs: 5000 });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    world.clock.wallMs += 5000;
    expect([worker.grab(), client.heard]).toEqual([undefined, ['fail 1']]);
  });

  test('the time of an epoch job counts from when it may run, that of one that has begun no more', () => {
    const world = worldWith({ ...retry(3), ttlMs: 5000 });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f', { inSeconds: 10 });
    world.pass(14_000);
    worker.grab();
    worker.giveUp(1);
    world.pass(60_000);
    expect(worker.grab()).toBe(1);
  });

  test('after a deadline there is no further attempt, and no wait for one that would come too late', () => {
    const world = new World({ random: () => 0 });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    const rules = { ...retry(9), deadlineMs: world.clock.wallMs + 2500 };
    client.submit('f', { rules });
    for (let attempt = 1; attempt < 3; attempt++) {
      worker.grab();
      worker.giveUp(1);
      world.pass(1000);
    }
    expect(client.heard).toEqual([]);
    worker.grab();
    worker.giveUp(1);
    expect(client.heard).toEqual(['fail 1']);
    client.submit('f', { rules: { deadlineMs: world.clock.wallMs + 100 } });
    world.pass(100);
    expect(client.heard).toEqual(['fail 2']);
  });
});

describe('release', () => {
  test('a job that its worker gives back waits as long as it says; that is no attempt unless it says so', () => {
    const world = worldWith(retry(2));
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.submit('f');
    for (let i = 0; i < 5; i++) {
      worker.grab();
      expect(worker.release(1, 700, false)).toBe(true);
      world.pass(699);
      expect(worker.grab()).toBeUndefined();
      world.pass(1);
    }
    worker.grab();
    worker.release(1, 0, true);
    worker.grab();
    expect(client.heard).toEqual([]);
    worker.release(1, 0, true);
    expect(client.heard).toEqual(['fail 1']);
    expect(worker.release(1, 0, true)).toBe(false);
  });
});
