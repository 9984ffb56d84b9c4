import { describe, expect, test } from 'vitest';
import { type TestPeer, World } from './world.ts';

const MANY = 5000;

/** A worker that runs very many jobs, half of them `f`, half of them `g`. */
function runMany(): { world: World; worker: TestPeer } {
  const world = new World();
  const [client, worker] = [world.peer(), world.peer().canDo('f', 'g')];
  for (let i = 0; i < MANY; i++) client.background(i % 2 === 0 ? 'f' : 'g');
  while (worker.grab() !== undefined);
  return { world, worker };
}

/** @returns how many calls of `advance()` it takes until the worker may go on */
function advanceUntilSettled(world: World, worker: TestPeer): number {
  let slices = 0;
  for (; worker.peer.withdrawing; slices++) {
    expect(world.engine.nextDelayMs()).toBe(0);
    world.engine.advance();
  }
  return slices;
}

describe('CANT_DO and RESET_ABILITIES with very many running jobs', () => {
  test('all jobs go back in slices, and the worker is told when it may go on', () => {
    const { world, worker } = runMany();
    worker.resetAbilities();
    expect(worker.peer.withdrawing).toBe(true);
    expect(world.engine.runningCount).toBe(MANY - 2000);
    expect(worker.heard).toEqual([]);
    expect(advanceUntilSettled(world, worker)).toBe(2);
    expect(worker.heard).toEqual(['settled']);
    expect(world.counts()).toEqual(['f 2500 0 0', 'g 2500 0 0']);
    expect(world.engine.nextDelayMs()).toBeUndefined();
  });

  test('only those of the function go back, the newest first', () => {
    const { world, worker } = runMany();
    worker.cantDo('f');
    advanceUntilSettled(world, worker);
    expect(world.counts()).toEqual(['f 2500 0 0', 'g 2500 2500 1']);
    const next = world.peer().canDo('f');
    expect([next.grab(), next.grab(), next.grab()]).toEqual([MANY - 1, MANY - 3, MANY - 5]);
  });

  test('a worker that disconnects meanwhile leaves nothing behind', () => {
    const { world, worker } = runMany();
    worker.cantDo('f');
    worker.disconnect();
    world.pass(0);
    expect(world.counts()).toEqual(['f 2500 0 0', 'g 2500 0 0']);
    expect(worker.heard).toEqual([]);
    expect(world.engine.nextDelayMs()).toBeUndefined();
  });

  test('jobs that are cancelled or time out meanwhile do not lead astray', () => {
    const world = new World();
    const [client, worker] = [world.peer(), world.peer().canDoFor('f', 1000)];
    for (let i = 0; i < MANY; i++) client.background('f');
    while (worker.grab() !== undefined);
    worker.cantDo('f');
    for (let job = 1; job <= MANY - 2000; job += 2) world.engine.cancel(world.handle(job));
    world.clock.monotonic += 1000;
    advanceUntilSettled(world, worker);
    expect(world.counts()).toEqual([`f ${MANY - 1500} 0 0`]);
    expect(world.engine.runningCount).toBe(0);
  });

  test('few jobs go back at once', () => {
    const world = new World();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f');
    worker.grab();
    worker.cantDo('f');
    expect(worker.peer.withdrawing).toBe(false);
    expect(worker.heard).toEqual([]);
    expect(world.counts()).toEqual(['f 1 0 0']);
  });
});
