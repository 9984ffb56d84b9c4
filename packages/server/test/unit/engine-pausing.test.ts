import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { World } from './world.ts';

describe('a paused function', () => {
  test.each(['auto', 0, 1] as const)(
    'hands out no jobs and wakes nobody until it is resumed (worker wake-up %s)',
    (workerWakeup) => {
      const world = new World({ workerWakeup });
      const [one, two] = [world.peer().canDo('f').sleep(), world.peer().canDo('f').sleep()];
      world.engine.pause('f');
      const client = world.peer();
      client.background('f', { payload: 'normal' });
      client.background('f', { payload: 'low', priority: 'low' });
      client.background('f', { payload: 'high', priority: 'high' });
      world.pass(10_000);
      expect([one.heard, two.heard]).toEqual([[], []]);
      expect(one.grab()).toBeUndefined();
      one.sleep();
      expect(one.heard).toEqual([]);
      expect(world.counts()).toEqual(['f 3 0 2']);
      expect(world.engine.resume('f')).toBe(true);
      expect([one.heard, two.heard]).toEqual([['noop'], ['noop']]);
      expect(one.drain()).toEqual(['f:high', 'f:normal', 'f:low']);
    },
  );

  test('does not hold up the other functions of a worker, neither few nor many', () => {
    for (const others of [1, 5]) {
      const world = new World();
      const names = Array.from({ length: others }, (_, i) => `g${i}`);
      const worker = world.peer().canDo('f', ...names);
      world.engine.pause('f');
      const client = world.peer();
      client.background('f', { priority: 'high' });
      for (const name of names) client.background(name, { priority: 'low' });
      expect(worker.drain()).toHaveLength(others);
      worker.sleep();
      expect(worker.heard).toEqual([]);
    }
  });

  test('lets those that run go on, and keeps what comes back', () => {
    const world = new World({ workerWakeup: 'auto' });
    const client = world.peer();
    const [first, second] = [client.background('f'), client.background('f')];
    const worker = world.peer().canDo('f');
    worker.grab();
    worker.grab();
    world.engine.pause('f');
    expect(worker.finish(Number(first))).toBe(true);
    const other = world.peer().canDo('f').sleep();
    worker.disconnect();
    world.pass(1000);
    expect(world.status(second)).toBe('queued 0/0');
    expect(other.heard).toEqual([]);
    expect(other.grab()).toBeUndefined();
    other.sleep();
    world.engine.resume('f');
    expect(other.heard).toEqual(['noop']);
    expect(other.grab()).toBe(second);
  });

  test('takes jobs out as well as in: a cancelled or abandoned one is gone', () => {
    const world = new World();
    world.engine.pause('f');
    const client = world.peer();
    const cancelled = client.background('f');
    client.submit('f');
    const left = client.background('f', { payload: 'left' });
    world.engine.cancel(world.handle(Number(cancelled)));
    client.disconnect();
    world.engine.resume('f');
    const worker = world.peer().canDo('f');
    expect(worker.grab()).toBe(left);
    expect(worker.grab()).toBeUndefined();
  });

  test('holds delayed jobs whose time comes', () => {
    const world = new World({ workerWakeup: 'auto' });
    world.engine.pause('f');
    const worker = world.peer().canDo('f').sleep();
    const job = world.peer().submit('f', { inSeconds: 5 });
    world.pass(10_000);
    expect([worker.heard, worker.grab()]).toEqual([[], undefined]);
    worker.sleep();
    world.engine.resume('f');
    expect(worker.heard).toEqual(['noop']);
    expect(worker.grab()).toBe(job);
  });

  test('paused or resumed twice is the same; an unknown one is made, or refused when there are too many', () => {
    const world = new World({ maxFunctions: 1 });
    expect([world.engine.pause('f'), world.engine.pause('f'), world.engine.pause('g')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(world.counts()).toEqual(['f 0 0 0']);
    expect([world.engine.resume('f'), world.engine.resume('f'), world.engine.resume('g')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('wakes as many as there are jobs when it is resumed, no more', () => {
    const world = new World({ workerWakeup: 'auto' });
    const workers = Array.from({ length: 5 }, () => world.peer().canDo('f').sleep());
    world.engine.pause('f');
    const client = world.peer();
    client.background('f');
    client.background('f');
    world.engine.resume('f');
    expect(workers.filter(({ heard }) => heard.length > 0)).toHaveLength(2);
  });

  test('can be dropped, and is forgotten with it', () => {
    const world = new World();
    world.engine.pause('f');
    expect(world.engine.dropFunction('f')).toBe('dropped');
    const job = world.peer().background('f');
    expect(world.peer().canDo('f').grab()).toBe(job);
  });

  test('whatever happens, nobody sleeps while there is a job to take, and nobody gets a job of it', () => {
    const peer = fc.nat(2);
    const fn = fc.constantFrom('f', 'g');
    const step = fc.oneof(
      fc.record({
        do: fc.constant('submit' as const),
        fn,
        priority: fc.constantFrom('high', 'normal', 'low'),
      }),
      fc.record({ do: fc.constant('grab' as const), peer }),
      fc.record({ do: fc.constant('sleep' as const), peer }),
      fc.record({ do: fc.constant('finish' as const), peer }),
      fc.record({ do: fc.constant('leave' as const), peer }),
      fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const), fn }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom('auto' as const, 0, 1),
        (steps, workerWakeup) => {
          const world = new World({ workerWakeup });
          const client = world.peer();
          const workers = [0, 1, 2].map(() => world.peer().canDo('f', 'g'));
          const worker = (at: number) => workers[at] as (typeof workers)[number];
          for (const each of steps) {
            if (each.do === 'submit') client.background(each.fn, { priority: each.priority });
            else if (each.do === 'pause' || each.do === 'resume') world.engine[each.do](each.fn);
            else if (each.do === 'grab') {
              const job = worker(each.peer).grabJob();
              expect(job?.fn.paused ?? false).toBe(false);
            } else if (each.do === 'sleep') worker(each.peer).sleep();
            else if (each.do === 'finish') {
              const { head } = worker(each.peer).peer.running;
              if (head !== undefined) worker(each.peer).finish(head.number);
            } else if ('peer' in each) {
              worker(each.peer).disconnect();
              workers[each.peer] = world.peer().canDo('f', 'g');
            }
            const open = [...world.engine.functions()].filter(({ paused }) => !paused);
            const waiting = open.reduce((sum, { runnable }) => sum + runnable, 0);
            const asleep = workers.filter((one) => one.peer.sleep === 'asleep').length;
            // Whoever is not asleep has been told of a job, or asks for the next one by itself.
            if (waiting > 0) expect(asleep).toBeLessThan(workers.length);
          }
          for (const name of ['f', 'g']) world.engine.resume(name);
          const left = [...world.engine.functions()].reduce((sum, { runnable }) => sum + runnable, 0);
          expect(worker(0).drain()).toHaveLength(left);
        },
      ),
      { numRuns: 500 },
    );
  });
});
