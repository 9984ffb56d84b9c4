import { describe, expect, test } from 'vitest';
import { PLAIN_RULES } from '../../src/schedules/definition.ts';
import { World } from './world.ts';

/** What some commands cost beyond the usual. */
function stepsOf({ engine }: World, commands: () => void): number {
  const before = engine.steps;
  commands();
  return engine.steps - before;
}

describe('steps', () => {
  test('are counted for what concerns all functions of a connection', () => {
    const world = new World();
    const worker = world.peer();
    for (let i = 0; i < 100; i++) worker.canDo(`f${i}`);
    expect(stepsOf(world, () => worker.sleep())).toBe(100);
    expect(stepsOf(world, () => worker.grab())).toBe(100);
    expect(stepsOf(world, () => worker.resetAbilities())).toBe(100);
  });

  test('are counted for a search among the functions of a connection, or among those with jobs', () => {
    const world = new World();
    const [worker, client] = [world.peer().canDo('a', 'b', 'c'), world.peer()];
    client.background('x');
    client.background('y');
    expect(stepsOf(world, () => worker.grab())).toBe(2);
    client.background('z');
    expect(stepsOf(world, () => worker.grab())).toBe(3);
  });

  test('are counted for every client that a report reaches', () => {
    const world = new World();
    const worker = world.peer().canDo('f');
    const clients = Array.from({ length: 10 }, () => world.peer());
    for (const client of clients) client.submit('f', { unique: 'u' });
    worker.grab();
    const once = stepsOf(world, () => worker.workData(1, 'x'));
    for (const client of clients) client.submit('f', { unique: 'u' });
    expect(once).toBeGreaterThanOrEqual(10);
    expect(stepsOf(world, () => worker.workData(1, 'x'))).toBe(2 * once);
  });

  test('are counted for cron lines, more for one that never comes', () => {
    const world = new World();
    const submit = (cron: string) => () =>
      world.engine.schedules.submit({
        ...{ ...PLAIN_RULES, cron, functionName: 'f', uniqueId: '', payload: 'x' },
      });
    const once = stepsOf(world, submit('0 3 * * *'));
    expect(once).toBeGreaterThan(10_000);
    expect(stepsOf(world, submit('0 0 30 2 *'))).toBeGreaterThan(5 * once);
  });
});
