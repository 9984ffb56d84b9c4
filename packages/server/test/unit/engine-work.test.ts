import { describe, expect, test } from 'vitest';
import { World } from './world.ts';

describe('WORK_* packets (§8)', () => {
  test('data and warnings go to every client as they are, status also into the job', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.submit('f');
    worker.grab();
    worker.workData(1, 'd');
    worker.workWarning(1, 'w');
    worker.workStatus(1, '1', '2');
    worker.finish(1, '');
    expect(client.heard).toEqual(['data 1 d', 'warning 1 w', 'status 1 1/2', 'complete 1 ']);
  });

  test.each([
    ['0.5', '1.0', '0/1'],
    ['abc', '', '0/0'],
    ['-1', '100', '4294967295/100'],
    ['4294967296', '4294967297', '0/1'],
    [' 7', '+8', '7/8'],
    ['99999999999999999999', '1', '4294967295/1'],
  ])('status numbers %s/%s are kept as %s', (numerator, denominator, kept) => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.submit('f');
    worker.grab();
    worker.workStatus(1, numerator, denominator);
    expect(client.heard).toEqual([`status 1 ${numerator}/${denominator}`]);
    expect(world.status(1)).toBe(`running ${kept}`);
  });

  test.each(['finish', 'giveUp', 'throwException'] as const)(
    'after %s the job is gone and further packets are refused',
    (end) => {
      const world = new World();
      const client = world.peer();
      const worker = world.peer().canDo('f');
      client.background('f');
      worker.grab();
      expect(worker[end](1)).toBe(true);
      expect(world.status(1)).toBe('unknown');
      expect([worker.workData(1), worker.workWarning(1), worker.workStatus(1, '1', '1')]).toEqual([
        false,
        false,
        false,
      ]);
      expect([worker.finish(1), worker.giveUp(1), worker.throwException(1)]).toEqual([false, false, false]);
    },
  );

  test('an exception reaches clients that asked for it; the others hear that the job failed', () => {
    const world = new World();
    const [asked, plain] = [world.peer(true), world.peer()];
    asked.submit('f', { unique: 'u' });
    plain.submit('f', { unique: 'u' });
    const worker = world.peer().canDo('f');
    worker.grab();
    worker.throwException(1, 'oops');
    expect(asked.heard).toEqual(['exception 1 oops']);
    expect(plain.heard).toEqual(['fail 1']);
  });

  test('a job belongs to the connection that has it', () => {
    const world = new World();
    const client = world.peer();
    const [owner, other] = [world.peer().canDo('f'), world.peer().canDo('f')];
    client.submit('f');
    expect(owner.finish(1)).toBe(false);
    owner.grab();
    expect(other.finish(1)).toBe(false);
    expect(owner.finish(1)).toBe(true);
  });

  test('one connection may be client and worker at once', () => {
    const world = new World();
    const both = world.peer().canDo('f');
    both.submit('f');
    both.grab();
    both.finish(1, 'r');
    expect(both.heard).toEqual(['complete 1 r']);
  });
});

describe('GET_STATUS (§12)', () => {
  test('tells queued, running and delayed jobs, and nothing about jobs that have ended', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.background('f');
    client.submit('f', { inSeconds: 60 });
    expect([world.status(1), world.status(2), world.status(3)]).toEqual([
      'queued 0/0',
      'delayed 0/0',
      'unknown',
    ]);
    worker.grab();
    worker.workStatus(1, '5', '9');
    expect(world.status(1)).toBe('running 5/9');
  });

  test.each([
    '',
    'H:test:boot-',
    'H:test:boot-01',
    'H:test:boot-1 ',
    'H:test:boot-x',
    'H:other:boot-1',
    'H:test:boot-1e0',
  ])('does not take %j for the handle of job 1', (handle) => {
    const world = new World();
    world.peer().background('f');
    expect(world.engine.find(handle)).toBeUndefined();
    expect(world.engine.find(world.handle(1))?.number).toBe(1);
  });
});

describe('epoch jobs (§14)', () => {
  test('wait for their time without holding others up, then keep the place of their submit', () => {
    const world = new World();
    const client = world.peer();
    client.background('f', { payload: 'before' });
    client.submit('f', { inSeconds: 10, payload: 'epoch' });
    client.background('f', { payload: 'after' });
    const worker = world.peer().canDo('f');
    expect(worker.grabJob()?.number).toBe(1);
    world.pass(10_000);
    expect(worker.drain()).toEqual(['f:epoch', 'f:after']);
  });

  test('do not hide jobs of lower priority', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { inSeconds: 10 });
    client.background('f', { priority: 'low', payload: 'low' });
    expect(world.peer().canDo('f').drain()).toEqual(['f:low']);
  });

  test('wake sleeping workers when they are due, and not before', () => {
    const world = new World();
    world.peer().submit('f', { inSeconds: 10 });
    const worker = world.peer().canDo('f').sleep();
    world.pass(9999);
    expect(worker.heard).toEqual([]);
    world.pass(1);
    expect(worker.heard).toEqual(['noop']);
    expect(worker.grab()).toBe(1);
  });

  test('run at once when their time is past', () => {
    const world = new World();
    world.peer().submit('f', { inSeconds: -10 });
    expect(world.peer().canDo('f').grab()).toBe(1);
  });

  test('become due in order of their times, whatever the order of their submits', () => {
    const world = new World();
    const client = world.peer();
    for (const inSeconds of [30, 10, 20]) client.submit('f', { inSeconds, payload: `${inSeconds}` });
    const worker = world.peer().canDo('f');
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      seen.push(...worker.drain());
      world.pass(10_000);
    }
    expect(seen).toEqual(['f:10', 'f:20', 'f:30']);
  });

  test('follow the wall clock when it is set', () => {
    const world = new World();
    world.peer().submit('f', { inSeconds: 3600 });
    // Looked at again after a minute at most.
    expect(world.engine.nextDelayMs()).toBe(60_000);
    world.clock.wallMs += 3600_000;
    world.engine.advance();
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('count as jobs of the function and as waiting normal jobs', () => {
    const world = new World();
    world.peer().submit('f', { inSeconds: 10 });
    const [fn] = [...world.engine.functions()];
    expect([fn?.total, fn?.waiting(0), fn?.waiting(1), fn?.waiting(2)]).toEqual([1, 0, 1, 0]);
    expect(world.peer().canDo('f').sleep().heard).toEqual([]);
  });

  test('that come back after a lost worker go to the tail like any other', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { inSeconds: 10, payload: 'epoch' });
    client.background('f', { payload: 'plain' });
    world.pass(10_000);
    const lost = world.peer().canDo('f');
    expect(lost.grab()).toBe(1);
    lost.disconnect();
    expect(world.peer().canDo('f').drain()).toEqual(['f:plain', 'f:epoch']);
  });

  test('a hundred thousand of them neither wake anybody nor slow a grab down', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f').sleep();
    for (let i = 0; i < 100_000; i++) client.submit('f', { inSeconds: 1000 + i });
    expect(worker.heard).toEqual([]);
    expect(worker.grab()).toBeUndefined();
    world.pass(1_002_000);
    expect(worker.drain()).toHaveLength(3);
  });
});

describe('reducers (§16) and client ids (§11)', () => {
  test('a reducer is kept with its job, and lost when the submit merges into a plain one', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { reducer: 'r' });
    client.submit('f', { unique: 'u' });
    client.submit('f', { unique: 'u', reducer: 'r' });
    const worker = world.peer().canDo('f');
    expect([worker.grabJob()?.reducer, worker.grabJob()?.reducer]).toEqual(['r', undefined]);
  });

  test('a client id is "-" until it is set, and cut at 127 bytes', () => {
    const world = new World();
    const { peer } = world.peer();
    expect(peer.clientId).toBe('-');
    world.engine.setClientId(peer, 'y'.repeat(200));
    expect(peer.clientId).toBe('y'.repeat(127));
    world.engine.setClientId(peer, '');
    expect(peer.clientId).toBe('');
  });

  test('while draining no submit is accepted, but everything else goes on', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f');
    world.engine.drain();
    expect(client.submit('f')).toBe('shutting-down');
    const worker = world.peer().canDo('f');
    worker.grab();
    worker.finish(1, 'r');
    expect(client.heard).toEqual(['complete 1 r']);
  });
});
