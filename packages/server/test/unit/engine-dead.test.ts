import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { JobRules } from '../../src/engine/job-policy.ts';
import { World } from './world.ts';

const LIMITS = { maxAgeMs: 86_400_000, max: 3, maxBytes: 100_000 };
const worldWith = (options: Partial<EngineOptions> = {}) => new World({ dead: LIMITS, ...options });

function deadOf({ engine }: World): string[] {
  return [...(engine.afterlife.dead?.values() ?? [])].map(
    ({ number, functionName, reason, detail, attempts }) =>
      `${number} ${functionName} ${reason} ${detail} ${attempts}`,
  );
}

describe('the dead set', () => {
  test('keeps background jobs that failed for good, with the reason; foreground jobs never', () => {
    const world = worldWith({ jobRetries: 2 });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f');
    client.submit('f');
    client.background('f');
    worker.drain();
    worker.giveUp(1);
    worker.giveUp(2);
    worker.throwException(3, 'x'.repeat(2000));
    client.background('f');
    for (const again of [world.peer(), world.peer()]) {
      again.canDo('f').grab();
      again.disconnect();
    }
    expect(deadOf(world)).toEqual([
      '1 f fail  1',
      `3 f exception ${'x'.repeat(1024)} 1`,
      '4 f worker-lost  2',
    ]);
    expect([world.engine.jobCount, world.status(1)]).toEqual([0, 'unknown']);
  });

  test('is not there unless asked for', () => {
    const world = new World();
    const worker = world.peer().canDo('f');
    world.peer().background('f');
    worker.grab();
    worker.giveUp(1);
    expect([world.engine.afterlife.dead, world.engine.sizeBytes]).toEqual([undefined, 0]);
  });

  test('cancelled and abandoned jobs are not among them; expired ones are', () => {
    const world = worldWith({ rulesOf: () => ({ ttlMs: 1000 }) });
    const client = world.peer();
    client.background('f');
    client.submit('f');
    client.background('f');
    world.engine.cancel(world.handle(1));
    client.disconnect();
    world.pass(1000);
    expect(deadOf(world)).toEqual(['3 f expired  0']);
  });

  test('the oldest go when there are too many, when they take too much, and when their time is over', () => {
    const world = worldWith();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    const die = (payload: string): void => {
      const job = client.background('f', { payload });
      worker.grab();
      worker.giveUp(Number(job));
    };
    for (const payload of ['a', 'b', 'c', 'd']) die(payload);
    expect(deadOf(world).map((line) => line[0])).toEqual(['2', '3', '4']);
    die('x'.repeat(99_300));
    expect(deadOf(world).map((line) => line[0])).toEqual(['4', '5']);
    expect(world.engine.sizeBytes).toBeGreaterThan(99_300);
    expect(world.engine.nextDelayMs()).toBe(60_000);
    world.pass(86_399_300);
    expect(deadOf(world)).toHaveLength(2);
    world.pass(1000);
    expect([deadOf(world), world.engine.sizeBytes, world.engine.afterlife.dropped]).toEqual([[], 0, 5]);
  });

  test('one that is requeued is the job it was, with all its attempts and its time', () => {
    const world = worldWith({ rulesOf: () => ({ ttlMs: 1000 }) });
    const client = world.peer();
    client.background('f', { unique: 'u', payload: 'p', priority: 'high' });
    world.pass(1000);
    expect(world.engine.afterlife.requeue(2, undefined)).toBe(false);
    expect(world.engine.afterlife.requeue(1, undefined)).toBe(true);
    expect(world.engine.afterlife.requeue(1, undefined)).toBe(false);
    expect([deadOf(world), client.background('f', { unique: 'u' })]).toEqual([[], 1]);
    world.pass(999);
    const worker = world.peer().canDo('f');
    expect(worker.drain()).toEqual(['f:p']);
    worker.finish(1);
    expect(world.engine.sizeBytes).toBe(0);
  });

  test('one with the unique id of a job that lives stays dead', () => {
    const world = worldWith();
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('f', { unique: 'u' });
    worker.grab();
    worker.giveUp(1);
    client.background('f', { unique: 'u' });
    expect([world.engine.afterlife.requeue(1, undefined), deadOf(world).length]).toEqual([false, 1]);
  });

  test('a deleted one is gone', () => {
    const world = worldWith();
    const worker = world.peer().canDo('f');
    world.peer().background('f');
    worker.grab();
    worker.giveUp(1);
    expect([world.engine.afterlife.delete(1), world.engine.afterlife.delete(1), deadOf(world)]).toEqual([
      true,
      false,
      [],
    ]);
  });
});

describe('deadLetterTo', () => {
  const rules: Readonly<Record<string, JobRules>> = {
    f: { deadLetterTo: 'letters' },
    letters: { deadLetterTo: 'f' },
  };

  test('a background job that failed for good goes on as a job of another function, which does not die twice', () => {
    const world = worldWith({ rulesOf: (name) => rules[name] });
    const [client, worker] = [world.peer(), world.peer().canDo('f', 'letters')];
    client.background('f', { payload: 'p', unique: 'u', reducer: 'r', priority: 'low' });
    worker.grab();
    worker.throwException(1, 'broken');
    const letter = worker.grabJob();
    expect([letter?.number, letter?.fn.name, letter?.payload, letter?.uniqueId, letter?.reducer]).toEqual([
      2,
      'letters',
      'p',
      'u',
      'r',
    ]);
    expect(letter?.policy?.origin).toEqual({
      ...{ functionName: 'f', handle: world.handle(1), reason: 'exception', detail: 'broken', attempts: 1 },
    });
    worker.giveUp(2);
    expect(deadOf(world)).toEqual(['2 letters fail  1']);
  });

  test('a letter with the unique id of a job that lives is a job of its own', () => {
    const world = worldWith({ rulesOf: (name) => rules[name] });
    const [client, worker] = [world.peer(), world.peer().canDo('f')];
    client.background('letters', { unique: 'u' });
    client.background('f', { unique: 'u' });
    worker.grab();
    worker.giveUp(2);
    worker.canDo('letters');
    expect([worker.grab(), worker.grab()]).toEqual([1, 3]);
    worker.finish(3);
    expect(client.background('letters', { unique: 'u' })).toBe(1);
    worker.finish(1);
    expect([world.engine.jobCount, world.engine.sizeBytes]).toEqual([0, 0]);
  });
});
