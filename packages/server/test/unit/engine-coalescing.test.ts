import { describe, expect, test } from 'vitest';
import { World } from './world.ts';

describe('coalescing by unique id (§4)', () => {
  test('equal function and unique id are one job; either one different makes two', () => {
    const world = new World();
    const client = world.peer();
    expect(client.submit('f', { unique: 'u' })).toBe(1);
    expect(client.submit('f', { unique: 'u', payload: 'other' })).toBe(1);
    expect(client.submit('g', { unique: 'u' })).toBe(2);
    expect(client.submit('f', { unique: 'v' })).toBe(3);
  });

  test('an empty unique id never merges', () => {
    const world = new World();
    const client = world.peer();
    expect([client.submit('f'), client.submit('f')]).toEqual([1, 2]);
  });

  test.each(['short', 'long '.repeat(500)])('"-" merges equal payloads of one function (%#)', (payload) => {
    const world = new World();
    const client = world.peer();
    expect(client.background('f', { unique: '-', payload })).toBe(1);
    expect(client.background('f', { unique: '-', payload })).toBe(1);
    expect(client.background('f', { unique: '-', payload: `${payload}!` })).toBe(2);
    expect(client.background('g', { unique: '-', payload })).toBe(3);
    expect(world.statusUnique('-')).toBe('unknown');
    world.peer().canDo('f').grab();
    world.engine.cancel(world.handle(1));
    expect(client.background('f', { unique: '-', payload })).toBe(4);
  });

  test('"-" with an empty payload does not merge, nor with a unique id that equals a payload', () => {
    const world = new World();
    const client = world.peer();
    expect(client.background('f', { unique: '-', payload: '' })).toBe(1);
    expect(client.background('f', { unique: '-', payload: '' })).toBe(2);
    expect(client.background('f', { unique: 'same' })).toBe(3);
    expect(client.background('f', { unique: '-', payload: 'same' })).toBe(4);
  });

  test('ids of 64 bytes merge, longer ones are refused, for reduce submits too', () => {
    const world = new World();
    const client = world.peer();
    const unique = 'u'.repeat(64);
    expect(client.background('f', { unique })).toBe(1);
    expect(client.background('f', { unique })).toBe(1);
    expect(client.background('f', { unique: `${unique}u` })).toBe('unique-too-large');
    expect(client.submit('f', { unique: `${unique}u`, reducer: 'r' })).toBe('unique-too-large');
    expect(client.submit('f', { reducer: 'r'.repeat(65) })).toBe('reducer-too-large');
  });

  test('ids are bytes, never names of object properties', () => {
    const world = new World();
    const client = world.peer();
    expect(client.background('__proto__', { unique: '__proto__' })).toBe(1);
    expect(client.background('constructor', { unique: 'toString' })).toBe(2);
    expect(client.background('__proto__', { unique: '__proto__' })).toBe(1);
    expect(world.peer().canDo('__proto__').grab()).toBe(1);
  });

  test('the first submit decides payload, priority and reducer', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u', payload: 'first', priority: 'low' });
    client.submit('f', { payload: 'between' });
    client.submit('f', { unique: 'u', payload: 'second', priority: 'high', reducer: 'r' });
    const worker = world.peer().canDo('f');
    expect(worker.drain()).toEqual(['f:between', 'f:first']);
  });

  test('the key is taken while the job waits, runs and is retried, and free when it has ended', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.background('f', { unique: 'u' });
    worker.grab();
    expect(client.background('f', { unique: 'u' })).toBe(1);
    worker.disconnect();
    expect(client.background('f', { unique: 'u' })).toBe(1);
    const second = world.peer().canDo('f');
    for (const [job, end] of [
      [1, 'finish'],
      [2, 'giveUp'],
      [3, 'throwException'],
    ] as const) {
      expect(second.grab()).toBe(job);
      expect(second[end](job)).toBe(true);
      expect(client.background('f', { unique: 'u' })).toBe(job + 1);
    }
  });

  test('every attached client hears everything from then on, the newest first, once per submit', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    const worker = world.peer().canDo('f');
    one.submit('f', { unique: 'u' });
    worker.grab();
    worker.workStatus(1, '1', '4');
    one.submit('f', { unique: 'u' });
    two.submit('f', { unique: 'u' });
    worker.workData(1, 'd');
    worker.finish(1, 'r');
    expect(one.heard).toEqual(['status 1 1/4', 'data 1 d', 'data 1 d', 'complete 1 r', 'complete 1 r']);
    expect(two.heard).toEqual(['data 1 d', 'complete 1 r']);
  });

  test('a background submit that merges attaches nobody', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    one.submit('f', { unique: 'u' });
    two.background('f', { unique: 'u' });
    const worker = world.peer().canDo('f');
    worker.grab();
    worker.finish(1);
    expect(one.heard).toEqual(['complete 1 ']);
    expect(two.heard).toEqual([]);
  });

  test('a merged submit wakes nobody', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u', inSeconds: 10 });
    const worker = world.peer().canDo('f').sleep();
    client.submit('f', { unique: 'u' });
    expect(worker.heard).toEqual([]);
  });

  test('a background job survives the foreground client that merged into it', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    one.background('f', { unique: 'u' });
    two.submit('f', { unique: 'u' });
    two.disconnect();
    expect(world.peer().canDo('f').grab()).toBe(1);
  });

  test.each(['waits', 'runs'])('a background submit keeps a foreground job that %s alive', (state) => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    const worker = world.peer().canDo('f');
    one.submit('f', { unique: 'u' });
    if (state === 'runs') worker.grab();
    two.background('f', { unique: 'u' });
    one.disconnect();
    worker.disconnect();
    expect(world.peer().canDo('f').grab()).toBe(1);
  });

  test('merging into a running job whose clients have all left revives it', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    const worker = world.peer().canDo('f');
    one.submit('f', { unique: 'u' });
    worker.grab();
    one.disconnect();
    expect(two.submit('f', { unique: 'u' })).toBe(1);
    worker.finish(1, 'r');
    expect(two.heard).toEqual(['complete 1 r']);
  });

  test('a queued job whose clients have all left is gone, so the same unique id makes a new one', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    one.submit('f', { unique: 'u' });
    one.disconnect();
    expect(two.submit('f', { unique: 'u' })).toBe(2);
    expect(world.peer().canDo('f').grab()).toBe(2);
  });

  test('a job has room for ten thousand clients', () => {
    const world = new World();
    const client = world.peer();
    for (let i = 0; i < 10_000; i++) client.submit('f', { unique: 'u' });
    expect(client.submit('f', { unique: 'u' })).toBe('memory-full');
    expect(client.background('f', { unique: 'u' })).toBe(1);
  });

  test('foreground submits that merge into a delayed job wait for its time', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u', inSeconds: 10 });
    expect(client.submit('f', { unique: 'u' })).toBe(1);
    const worker = world.peer().canDo('f');
    expect(worker.grab()).toBeUndefined();
    world.pass(10_000);
    expect(worker.grab()).toBe(1);
  });
});

describe('GET_STATUS_UNIQUE (§4)', () => {
  test('counts attached submits and looks at the unique id only; the newest job wins', () => {
    const world = new World();
    const client = world.peer();
    expect(world.statusUnique('u')).toBe('unknown');
    client.background('f', { unique: 'u' });
    expect(world.statusUnique('u')).toBe('queued 0/0 clients 0');
    client.submit('f', { unique: 'u' });
    client.submit('f', { unique: 'u' });
    expect(world.statusUnique('u')).toBe('queued 0/0 clients 2');
    client.background('g', { unique: 'u' });
    expect(world.statusUnique('u')).toBe('queued 0/0 clients 0');
    world.engine.cancel(world.handle(2));
    expect(world.statusUnique('u')).toBe('queued 0/0 clients 2');
    world.engine.cancel(world.handle(1));
    expect(world.statusUnique('u')).toBe('unknown');
  });

  test('finds the job of another function when the older of two has ended', () => {
    const world = new World();
    const client = world.peer();
    for (const name of ['a', 'b', 'c']) client.background(name, { unique: 'u' });
    world.engine.cancel(world.handle(2));
    world.engine.cancel(world.handle(3));
    expect(world.statusUnique('u')).toBe('queued 0/0 clients 0');
    world.engine.cancel(world.handle(1));
    expect(world.statusUnique('u')).toBe('unknown');
  });
});
