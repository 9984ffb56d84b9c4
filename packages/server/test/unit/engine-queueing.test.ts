import { describe, expect, test } from 'vitest';
import { World } from './world.ts';

describe('queueing and priorities (§2)', () => {
  test('hands out high before normal before low, each first in first out, foreground and background alike', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { priority: 'low', payload: 'l1' });
    client.background('f', { priority: 'low', payload: 'l2' });
    client.background('f', { payload: 'n1' });
    client.submit('f', { payload: 'n2' });
    client.background('f', { priority: 'high', payload: 'h1' });
    client.submit('f', { priority: 'high', payload: 'h2' });
    expect(world.peer().canDo('f').drain()).toEqual(['f:h1', 'f:h2', 'f:n1', 'f:n2', 'f:l1', 'f:l2']);
  });

  test('takes high jobs of any function first, and lets functions of one priority take turns, the newest first', () => {
    const world = new World();
    const client = world.peer();
    for (const name of ['a', 'b', 'c']) {
      for (const n of [1, 2]) client.background(name, { payload: `${n}` });
    }
    client.background('a', { priority: 'high', payload: 'urgent' });
    client.background('c', { priority: 'low', payload: 'later' });
    const worker = world.peer().canDo('a', 'b', 'c');
    // The urgent job was a's turn.
    expect(worker.drain()).toEqual(['a:urgent', 'c:1', 'b:1', 'a:1', 'c:2', 'b:2', 'a:2', 'c:later']);
  });

  test('takes turns in the same way when a connection has more functions than there are jobs for', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('a', 'b', 'c', 'd', 'e', 'f');
    for (const n of [1, 2, 3]) {
      client.background('b', { payload: `${n}` });
      client.background('e', { payload: `${n}` });
    }
    expect(worker.drain()).toEqual(['e:1', 'b:1', 'e:2', 'b:2', 'e:3', 'b:3']);
  });

  test('a registration made later has its turn first', () => {
    const world = new World();
    const client = world.peer();
    for (const name of ['a', 'b']) for (const n of [1, 2]) client.background(name, { payload: `${n}` });
    const worker = world.peer().canDo('a');
    expect(worker.grabJob()?.fn.name).toBe('a');
    worker.canDo('b');
    expect(worker.drain()).toEqual(['b:1', 'a:2', 'b:2']);
  });

  test.each([
    ['tail', ['f:2', 'f:3', 'f:1']],
    ['head', ['f:1', 'f:2', 'f:3']],
  ] as const)('a job that comes back goes to the %s of its priority', (requeue, order) => {
    const world = new World({ requeue });
    const client = world.peer();
    for (const n of [1, 2, 3]) client.background('f', { payload: `${n}` });
    const lost = world.peer().canDo('f');
    lost.grab();
    lost.disconnect();
    expect(world.peer().canDo('f').drain()).toEqual(order);
  });

  test('a connection that loses several jobs gives them back the newest first', () => {
    const world = new World();
    const client = world.peer();
    for (const n of [1, 2, 3]) client.background('f', { payload: `${n}` });
    const lost = world.peer().canDo('f');
    lost.drain();
    lost.disconnect();
    expect(world.peer().canDo('f').drain()).toEqual(['f:3', 'f:2', 'f:1']);
  });

  test('counts queued and running jobs, and every registration', () => {
    const world = new World();
    const client = world.peer();
    for (let i = 0; i < 3; i++) client.background('f');
    const worker = world.peer().canDo('f', 'f', 'idle');
    worker.grab();
    expect(world.counts()).toEqual(['f 3 1 2', 'idle 0 0 1']);
  });

  test('accepts a job that no worker can run, and keeps it', () => {
    const world = new World();
    expect(world.peer().background('nobody')).toBe(1);
    world.pass(1e9);
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('refuses a foreground job that no worker can run, if told to, but none that may wait or is there already', () => {
    const world = new World({ noWorker: 'fail' });
    const client = world.peer();
    expect(client.submit('f')).toBe('no-worker');
    expect(client.background('f', { unique: 'u' })).toBe(1);
    expect(client.submit('f', { unique: 'u' })).toBe(1);
    const worker = world.peer().canDo('f');
    expect(client.submit('f')).toBe(2);
    worker.cantDo('f');
    expect(client.submit('f')).toBe('no-worker');
    expect(world.status(2)).toBe('queued 0/0');
  });

  test('a grab without registrations finds nothing', () => {
    const world = new World();
    world.peer().background('f');
    expect(world.peer().grab()).toBeUndefined();
  });

  test('a connection may hold several jobs and finish them in any order', () => {
    const world = new World();
    const client = world.peer();
    for (let i = 0; i < 3; i++) client.submit('f');
    const worker = world.peer().canDo('f');
    worker.drain();
    for (const job of [2, 3, 1]) expect(worker.finish(job)).toBe(true);
    expect(client.heard).toEqual(['complete 2 ', 'complete 3 ', 'complete 1 ']);
    expect(world.counts()).toEqual(['f 0 0 1']);
  });
});

describe('queue limits (§13)', () => {
  test('compare all jobs of the function, running ones too, with the limit of the priority', () => {
    const world = new World();
    const client = world.peer();
    world.engine.createFunction('f');
    world.engine.setMaxQueue('f', [3, 2, 1]);
    const worker = world.peer().canDo('f');
    client.background('f');
    worker.grab();
    expect(client.background('f', { priority: 'low' })).toBe('queue-full');
    expect(client.background('f')).toBe(2);
    expect(client.background('f')).toBe('queue-full');
    expect(client.background('f', { priority: 'high' })).toBe(3);
    expect(client.background('f', { priority: 'high' })).toBe('queue-full');
  });

  test('never refuse a submit that merges, nor a job that comes back', () => {
    const world = new World();
    const client = world.peer();
    client.background('f', { unique: 'u' });
    world.engine.setMaxQueue('f', [1, 1, 1]);
    expect(client.submit('f', { unique: 'u' })).toBe(1);
    const worker = world.peer().canDo('f');
    worker.grab();
    world.engine.setMaxQueue('f', [1, 1, 1]);
    worker.disconnect();
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('do nothing for a function that does not exist, and drop nothing when lowered', () => {
    const world = new World();
    const client = world.peer();
    world.engine.setMaxQueue('f', [1, 1, 1]);
    client.background('f');
    client.background('f');
    world.engine.setMaxQueue('f', [1, 1, 1]);
    expect(world.counts()).toEqual(['f 2 0 0']);
    world.engine.setMaxQueue('f', [0, 0, 0]);
    expect(client.background('f')).toBe(3);
  });

  test('memory has a limit of its own', () => {
    const world = new World({ maxQueueBytes: 10_000 });
    const client = world.peer();
    expect(client.background('f', { payload: 'x'.repeat(9000) })).toBe(1);
    expect(client.background('f', { payload: 'x'.repeat(1000) })).toBe('memory-full');
    world.engine.cancel(world.handle(1));
    expect(client.background('f', { payload: 'x'.repeat(1000) })).toBe(2);
  });

  test('past the limit of jobs only submits that merge are accepted', () => {
    const world = new World({ maxJobs: 2 });
    const client = world.peer();
    client.background('f', { unique: 'u' });
    client.background('g');
    expect(client.background('f')).toBe('too-many-jobs');
    expect(client.submit('f', { unique: 'u' })).toBe(1);
    const worker = world.peer().canDo('f');
    worker.finish(worker.grab() ?? 0);
    expect(client.background('f')).toBe(3);
  });
});

describe('functions', () => {
  test('dropping one is refused while it has workers, running jobs or waiting jobs', () => {
    const world = new World();
    const client = world.peer();
    expect(world.engine.dropFunction('f')).toBe('unknown');
    const worker = world.peer().canDo('f');
    expect(world.engine.dropFunction('f')).toBe('in-use');
    client.background('f');
    worker.grab();
    worker.cantDo('f');
    expect(world.engine.dropFunction('f')).toBe('has-jobs');
    world.engine.cancel(world.handle(1));
    expect(world.engine.dropFunction('f')).toBe('dropped');
    expect(world.counts()).toEqual([]);
  });

  test('a full table gives up functions that nobody uses, the longest unused first, before it refuses', () => {
    const world = new World({ maxFunctions: 3 });
    const client = world.peer();
    const names = (): string[] => [...world.engine.functions()].map((fn) => fn.name);
    world.engine.createFunction('kept');
    world.peer().canDo('idle').cantDo('idle');
    client.background('busy');
    expect(client.background('new')).toBe(2);
    expect(names()).toEqual(['kept', 'busy', 'new']);
    expect(client.background('more')).toBe('too-many-functions');
  });

  test('a connection may register for so many functions only', () => {
    const world = new World({ maxFunctionsPerConnection: 2 });
    const worker = world.peer();
    expect(['a', 'a', 'b'].map((name) => world.engine.canDo(worker.peer, name, 0))).toEqual([
      undefined,
      undefined,
      'too-many-registrations',
    ]);
    worker.cantDo('a');
    expect(world.engine.canDo(worker.peer, 'b', 0)).toBeUndefined();
  });
});
