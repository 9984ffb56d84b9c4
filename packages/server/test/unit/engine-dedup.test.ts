import { describe, expect, test } from 'vitest';
import type { OwnDedupRules } from '../../src/engine/dedup.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { keepPayload } from '../../src/engine/payload.ts';
import { PLAIN_RULES } from '../../src/schedules/definition.ts';
import { MemoryPlace } from '../support/memory-store.ts';
import { type SubmitWish, World } from './world.ts';

const HOUR = 3_600_000;
const worldWith = (options: Partial<EngineOptions> = {}): World =>
  new World({ maxDedupIds: 3, maxResultBytes: 1000, ...options });
const same = (mode: OwnDedupRules['mode'], windowMs = 0, id = 'id'): SubmitWish => ({
  dedup: { mode, windowMs, id },
});
const DROP = same('drop', 1000);
const THROTTLE = same('throttle', 1000);

/** A ledger, an engine on what a place holds, and a way to commit. */
function storedOn(place: MemoryPlace, wallMs?: number, options: Partial<EngineOptions> = {}) {
  const ledger = new Ledger(() => {});
  const world = worldWith({ ...options, ledger });
  if (wallMs !== undefined) world.clock.wallMs = wallMs;
  for (const [key, value] of place.settings) world.engine.restoreSetting(key, value);
  for (const job of place.jobs.values()) world.engine.restore(job);
  world.engine.adoptHandles('H:test:boot-', place.lastNumber);
  const commit = (refused?: Error): void => {
    for (let taken = ledger.take(); taken !== undefined; taken = ledger.take()) {
      const { batch } = taken;
      place.apply(refused === undefined ? batch : { ...batch, puts: [], changes: [], settings: new Map() });
      world.engine.settle(taken, refused);
      if (refused !== undefined) return;
    }
  };
  return { world, commit };
}

describe('a further submit', () => {
  // When it comes: while the job lives or after its end, within the window or past it. What it gets.
  test.each([
    ['drop', 'living', 999, 1],
    ['drop', 'living', 5000, 1],
    ['drop', 'over', 999, 1],
    ['drop', 'over', 1000, 2],
    ['throttle', 'living', 999, 1],
    ['throttle', 'living', 1000, 2],
    ['throttle', 'over', 999, 1],
    ['throttle', 'over', 1000, 2],
  ] as const)('with %s of a job that is %s after %i ms gets job %i', (mode, life, ms, expected) => {
    const world = worldWith();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f', same(mode, 1000));
    worker.grab();
    if (life === 'over') worker.finish(1);
    world.pass(ms);
    expect(client.background('f', { ...same(mode, 1000), payload: 'other' })).toBe(expected);
    expect(world.engine.lastNumber).toBe(expected);
    expect(world.engine.dedup.size).toBe(1);
  });

  test('is the same by its function and id, whatever its unique id and payload', () => {
    const world = worldWith();
    const client = world.peer();
    expect([
      client.background('f', { ...DROP, unique: 'a' }),
      client.background('f', { ...DROP, unique: 'b', payload: 'y' }),
      client.background('g', DROP),
      client.background('f', same('drop', 1000, 'other')),
      client.background('f'),
    ]).toEqual([1, 1, 2, 3, 4]);
  });

  test('is the same by its unique id when it says none, by its payload with a -, and never without', () => {
    const world = worldWith({ rulesOf: () => ({ dedup: { mode: 'throttle', windowMs: HOUR } }) });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    const wishes: SubmitWish[] = [{ unique: 'u' }, { unique: '-', payload: 'p'.repeat(100) }, {}];
    expect(wishes.map((wish) => client.background('f', wish))).toEqual([1, 2, 3]);
    worker.drain();
    for (const number of [1, 2, 3]) worker.finish(number);
    expect(wishes.map((wish) => client.background('f', wish))).toEqual([1, 2, 4]);
    expect(client.background('f', { unique: '-', payload: 'p' })).toBe(5);
    // What it says itself counts.
    expect(client.background('f', { unique: 'u', dedup: { mode: 'attach', windowMs: 0 } })).toBe(6);
  });

  test('of a client that waits gets the result with the others', () => {
    const world = worldWith();
    const [one, two, worker] = [world.peer(), world.peer(), world.peer().canDo('f')];
    one.background('f', DROP);
    two.submit('f', DROP);
    worker.grab();
    worker.finish(1, 'done');
    expect([one.heard, two.heard]).toEqual([[], ['complete 1 done']]);
  });

  test('of a client that waits, for a job that is over, gets the result if it is kept, else a failure', () => {
    const world = worldWith();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f', { ...DROP, rules: { keepResult: { ttlMs: 500, maxBytes: 100 } } });
    worker.grab();
    worker.finish(1, 'done');
    expect([client.submit('f', DROP), client.heard]).toEqual([1, ['complete 1 done']]);
    world.pass(500);
    expect([client.submit('f', DROP), client.heard]).toEqual([1, ['fail 1']]);
  });

  test('makes a job when there is nothing of the first one: its only client left', () => {
    const world = worldWith();
    const first = world.peer();
    first.submit('f', DROP);
    first.disconnect();
    expect([world.engine.dedup.size, world.peer().submit('f', DROP)]).toEqual([0, 2]);
  });

  test('of a background job makes the job of a client that waits stay', () => {
    const world = worldWith();
    const first = world.peer();
    first.submit('f', DROP);
    world.peer().background('f', DROP);
    first.disconnect();
    expect(world.status(1)).not.toBe('unknown');
  });

  test('of a cancelled job that its worker still runs gets no new one within the window', () => {
    const world = worldWith();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f', DROP);
    worker.grab();
    world.engine.cancel(world.handle(1));
    expect([client.submit('f', DROP), client.heard]).toEqual([1, ['fail 1']]);
    world.pass(1000);
    expect(client.background('f', DROP)).toBe(2);
  });

  test('past the limit is refused, until a window ends', () => {
    const world = worldWith({ maxDedupIds: 2 });
    const client = world.peer();
    const ask = (id: string): number | string => client.background('f', same('throttle', 1000, id));
    expect(['a', 'b', 'c', 'a'].map(ask)).toEqual([1, 2, 'too-many-dedup-ids', 1]);
    expect(client.background('f')).toBe(3);
    world.pass(1000);
    expect([world.engine.dedup.size, ask('c')]).toEqual([0, 4]);
  });
});

test('what stands for others counts as memory, and goes with its window or its job', () => {
  const world = worldWith();
  const [client, worker] = [world.peer(), world.peer().canDo('f')];
  const before = world.engine.sizeBytes;
  client.background('f', DROP);
  worker.grab();
  worker.finish(1);
  expect(world.engine.sizeBytes).toBeGreaterThan(before);
  world.pass(1000);
  expect([world.engine.sizeBytes, world.engine.nextDelayMs()]).toEqual([before, undefined]);
  client.background('f', DROP);
  world.pass(1000);
  // The job holds the window open, without an alarm that goes off all the time.
  expect([world.engine.dedup.size, world.engine.nextDelayMs()]).toEqual([1, undefined]);
  worker.grab();
  worker.finish(2);
  expect([world.engine.dedup.size, world.engine.sizeBytes]).toEqual([0, before]);
});

test('runs of a schedule are never the same', () => {
  const world = worldWith({ rulesOf: () => ({ dedup: { mode: 'throttle', windowMs: HOUR } }) });
  world.engine.schedules.submit({
    ...{ ...PLAIN_RULES, cron: '* * * * *', functionName: 'f', uniqueId: 'u', overlap: 'allow' as const },
    payload: keepPayload(Buffer.from('x')),
  });
  const worker = world.peer().canDo('f');
  world.pass(60_000);
  const first = worker.grab() ?? 0;
  worker.finish(first);
  world.pass(60_000);
  expect(worker.grab()).toBe(first + 1);
});

describe('with a store', () => {
  test.each([
    ['drop', 'waiting', 999, 1],
    ['drop', 'waiting', HOUR, 1],
    ['drop', 'over', 999, 1],
    ['drop', 'over', 1000, 2],
    ['throttle', 'over', 999, 1],
    ['throttle', 'waiting', 1000, 2],
  ] as const)(
    '%s of a job that is %s, %i ms later and after a restart: job %i',
    (mode, life, ms, expected) => {
      const place = new MemoryPlace();
      const before = storedOn(place);
      before.world.peer().background('f', same(mode, 1000));
      before.commit();
      const worker = before.world.peer().canDo('f');
      if (life === 'over' && worker.grab() === 1) worker.finish(1);
      before.commit();
      const { world, commit } = storedOn(place, before.world.clock.wallMs + ms);
      world.engine.advance();
      expect(world.peer().background('f', same(mode, 1000))).toBe(expected);
      commit();
      expect(place.settings.size).toBe(1);
    },
  );

  test('nothing is left of a window that is over', () => {
    const place = new MemoryPlace();
    const { world, commit } = storedOn(place);
    world.peer().background('f', THROTTLE);
    commit();
    expect(place.settings.size).toBe(1);
    world.pass(1000);
    commit();
    expect(place.settings.size).toBe(0);
  });

  test('a job that it does not take stands for none', () => {
    const place = new MemoryPlace();
    const { world, commit } = storedOn(place);
    const client = world.peer();
    client.background('f', DROP);
    commit(new Error('the disk is full'));
    expect([world.engine.dedup.size, client.background('f', DROP)]).toEqual([0, 2]);
    commit();
    expect([place.settings.size, [...place.jobs.keys()]]).toEqual([1, [2]]);
  });

  test('a job that only a client waits for stands for none after a restart', () => {
    const place = new MemoryPlace();
    const { world, commit } = storedOn(place);
    world.peer().submit('f', DROP);
    commit();
    expect([world.engine.dedup.size, place.settings.size]).toEqual([1, 0]);
    world.peer().background('f', DROP);
    commit();
    expect([place.settings.size, place.jobs.size]).toEqual([1, 1]);
  });
});
