import { describe, expect, test } from 'vitest';
import type { TestPeer } from './world.ts';
import { World } from './world.ts';

const sleepers = (world: World, count: number, ...functions: string[]): TestPeer[] =>
  Array.from({ length: count }, () =>
    world
      .peer()
      .canDo(...functions)
      .sleep(),
  );
const whoHeard = (peers: readonly TestPeer[]): number[] =>
  peers.flatMap((peer, index) => peer.heard.map(() => index));

describe('sleeping and waking (§9)', () => {
  test.each(['auto', 0, 1] as const)(
    'PRE_SLEEP with a job waiting is answered at once, every time (workerWakeup %s)',
    (workerWakeup) => {
      const world = new World({ workerWakeup });
      world.peer().background('f');
      const worker = world.peer().canDo('f').sleep().sleep();
      expect(worker.heard).toEqual(['noop', 'noop']);
      world.peer().background('f');
      expect(worker.heard).toEqual([]);
    },
  );

  test.each(['auto', 0, 1] as const)(
    'who never slept, or has no function, hears nothing (workerWakeup %s)',
    (workerWakeup) => {
      const world = new World({ workerWakeup });
      const awake = world.peer().canDo('f');
      const other = world.peer().canDo('g').sleep();
      const none = world.peer().sleep();
      world.peer().background('f');
      expect([awake.heard, other.heard, none.heard]).toEqual([[], [], []]);
    },
  );

  test('0: every sleeper is told once until it grabs', () => {
    const world = new World({ workerWakeup: 0 });
    const client = world.peer();
    const workers = sleepers(world, 3, 'f');
    client.background('f');
    client.background('f');
    expect(whoHeard(workers)).toEqual([0, 1, 2]);
    workers[1]?.grab();
    workers[1]?.grab();
    workers[1]?.sleep();
    client.background('f');
    expect(whoHeard(workers)).toEqual([1]);
  });

  test('1: one sleeper per job, in turn', () => {
    const world = new World({ workerWakeup: 1 });
    const client = world.peer();
    const workers = sleepers(world, 3, 'f');
    const heard: number[][] = [];
    for (let i = 0; i < 4; i++) {
      client.background('f');
      heard.push(whoHeard(workers));
    }
    expect(heard).toEqual([[0], [1], [2], []]);
    expect(world.engine.nextDelayMs()).toBeUndefined();
  });

  test('2: two sleepers per job', () => {
    const world = new World({ workerWakeup: 2 });
    const workers = sleepers(world, 5, 'f');
    world.peer().background('f');
    expect(whoHeard(workers)).toEqual([0, 1]);
  });

  test('a grab that finds nothing ends the sleep, other requests do not', () => {
    const world = new World();
    const [grabber, registrar] = sleepers(world, 2, 'f');
    grabber?.grab();
    registrar?.canDo('g');
    if (registrar !== undefined) world.engine.setClientId(registrar.peer, 'x');
    world.peer().background('f');
    expect(grabber?.heard).toEqual([]);
    expect(registrar?.heard).toEqual(['noop']);
  });

  test('RESET_ABILITIES leaves a connection asleep: it hears of functions it registers later', () => {
    const world = new World();
    const [worker] = sleepers(world, 1, 'f');
    worker?.resetAbilities();
    world.peer().background('f');
    expect(worker?.heard).toEqual([]);
    worker?.canDo('g');
    world.peer().background('g');
    expect(worker?.heard).toEqual(['noop']);
  });

  test('0: CAN_DO while asleep does not wake for a job that waits', () => {
    const world = new World({ workerWakeup: 0 });
    world.peer().background('g');
    const worker = world.peer().canDo('f').sleep().canDo('g');
    expect(worker.heard).toEqual([]);
  });
});

describe('waking as many as there is work for', () => {
  const auto = (): World => new World({ workerWakeup: 'auto' });

  test('one per job, the longest asleep first', () => {
    const world = auto();
    const client = world.peer();
    const workers = sleepers(world, 4, 'f');
    workers[0]?.grab();
    workers[0]?.sleep();
    client.background('f');
    expect(whoHeard(workers)).toEqual([1]);
    client.background('f');
    client.background('f');
    expect(whoHeard(workers)).toEqual([2, 3]);
  });

  test('a sleeper that registered twice is told once', () => {
    const world = auto();
    const client = world.peer();
    const workers = sleepers(world, 2, 'f', 'f');
    client.background('f');
    client.background('f');
    expect(whoHeard(workers)).toEqual([0, 1]);
  });

  test('when a woken worker takes another job, somebody else is woken for the first', () => {
    const world = auto();
    const client = world.peer();
    const [both, only] = [world.peer().canDo('f', 'g').sleep(), world.peer().canDo('f').sleep()];
    client.background('f');
    client.background('g', { priority: 'high' });
    expect(both.heard).toEqual(['noop']);
    expect(both.grabJob()?.fn.name).toBe('g');
    expect(only.heard).toEqual(['noop']);
  });

  test.each(['disconnects', 'withdraws'])('when a woken worker %s, somebody else is woken', (what) => {
    const world = auto();
    const workers = sleepers(world, 2, 'f');
    world.peer().background('f');
    if (what === 'disconnects') workers[0]?.disconnect();
    else workers[0]?.cantDo('f');
    expect(workers[1]?.heard).toEqual(['noop']);
  });

  test('when a woken worker does not answer, another one is woken shortly after', () => {
    const world = auto();
    const workers = sleepers(world, 3, 'f');
    world.peer().background('f');
    expect(whoHeard(workers)).toEqual([0]);
    world.pass(99);
    expect(whoHeard(workers)).toEqual([]);
    world.pass(1);
    expect(whoHeard(workers)).toEqual([1]);
    world.pass(100);
    expect(whoHeard(workers)).toEqual([2]);
    world.pass(10_000);
    expect(whoHeard(workers)).toEqual([]);
    expect(world.engine.nextDelayMs()).toBeUndefined();
  });

  test('nobody is woken needlessly once the job has been taken', () => {
    const world = auto();
    const workers = sleepers(world, 3, 'f');
    world.peer().background('f');
    workers[0]?.grab();
    world.pass(10_000);
    expect(whoHeard(workers)).toEqual([0]);
  });

  test('CAN_DO while asleep wakes for a job that nobody else is woken for', () => {
    const world = auto();
    world.peer().background('g');
    const worker = world.peer().canDo('f').sleep().canDo('g');
    expect(worker.heard).toEqual(['noop']);
  });

  test('ten thousand sleepers are not looked at for one job', () => {
    const world = auto();
    const workers = sleepers(world, 10_000, 'f');
    world.peer().background('f');
    expect(whoHeard(workers)).toEqual([0]);
    expect(world.engine.sleeperCount).toBe(9999);
  });
});
