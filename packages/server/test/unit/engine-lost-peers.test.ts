import { describe, expect, test } from 'vitest';
import { World } from './world.ts';

describe('a client disconnects (§5)', () => {
  test('its queued foreground job is removed at once', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u' });
    client.disconnect();
    expect(world.counts()).toEqual(['f 0 0 0']);
    expect(world.status(1)).toBe('unknown');
    expect(world.engine.sizeBytes).toBe(0);
  });

  test('its running foreground job goes on, its packets are accepted and reach nobody', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.submit('f');
    worker.grab();
    client.disconnect();
    expect(world.status(1)).toBe('running 0/0');
    expect(worker.workStatus(1, '1', '2')).toBe(true);
    expect(world.status(1)).toBe('running 1/2');
    expect(worker.finish(1)).toBe(true);
    expect(client.heard).toEqual([]);
    expect(world.counts()).toEqual(['f 0 0 1']);
  });

  test('a running job that nobody waits for ends with its worker', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.submit('f');
    worker.grab();
    client.disconnect();
    worker.disconnect();
    expect(world.counts()).toEqual(['f 0 0 0']);
  });

  test('as long as another client waits, nothing changes', () => {
    const world = new World();
    const [one, two] = [world.peer(), world.peer()];
    one.submit('f', { unique: 'u' });
    two.submit('f', { unique: 'u' });
    one.disconnect();
    const worker = world.peer().canDo('f');
    expect(worker.grab()).toBe(1);
    worker.finish(1, 'r');
    expect(two.heard).toEqual(['complete 1 r']);
  });

  test('background jobs do not care', () => {
    const world = new World();
    const client = world.peer();
    client.background('f');
    client.disconnect();
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('a queued job it submitted twice is removed, too', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u' });
    client.submit('f', { unique: 'u' });
    client.disconnect();
    expect(world.engine.jobCount).toBe(0);
  });

  test('with very many jobs it is gone in slices, between which others have their turn', () => {
    const world = new World();
    const [client, other] = [world.peer(), world.peer()];
    const worker = world.peer().canDo('f');
    for (let i = 0; i < 5000; i++) client.submit('f', { unique: `${i}` });
    for (let i = 0; i < 3000; i++) worker.grab();
    client.disconnect();
    expect(world.engine.nextDelayMs()).toBe(0);
    expect(world.engine.peers.has(client.peer)).toBe(false);
    // A job that has not been seen to yet lives on with its new client.
    expect(other.submit('f', { unique: '0' })).toBe(1);
    world.pass(0);
    worker.disconnect();
    world.pass(0);
    expect(world.engine.nextDelayMs()).toBeUndefined();
    expect(world.counts()).toEqual(['f 1 0 0']);
    expect(world.peer().canDo('f').grab()).toBe(1);
  });

  test('disconnecting twice does nothing', () => {
    const world = new World();
    const client = world.peer();
    client.disconnect();
    client.disconnect();
    expect(world.engine.peers.size).toBe(0);
  });
});

describe('a worker disconnects (§6)', () => {
  test.each([true, false])(
    'its job goes back with its status forgotten, clients hear nothing (background: %s)',
    (background) => {
      const world = new World();
      const client = world.peer();
      const worker = world.peer().canDo('f');
      client.submit('f', { background });
      worker.grab();
      worker.workStatus(1, '3', '4');
      if (!background) expect(client.heard).toEqual(['status 1 3/4']);
      worker.disconnect();
      expect(world.status(1)).toBe('queued 0/0');
      expect(client.heard).toEqual([]);
      expect(world.engine.find(world.handle(1))?.retries).toBe(1);
    },
  );

  test('its job wakes sleeping workers, but never the one that is going', () => {
    const world = new World();
    const client = world.peer();
    const lost = world.peer().canDo('f');
    client.background('f');
    lost.grab();
    lost.sleep();
    const other = world.peer().canDo('f').sleep();
    lost.disconnect();
    expect(other.heard).toEqual(['noop']);
    expect(lost.heard).toEqual([]);
  });

  test.each([
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 3],
  ])('jobRetries %i: lost worker number %i ends the job with WORK_FAIL', (jobRetries, attempts) => {
    const world = new World({ jobRetries });
    const client = world.peer();
    client.submit('f', { unique: 'u' });
    for (let attempt = 1; attempt <= attempts; attempt++) {
      expect(client.heard).toEqual([]);
      const worker = world.peer().canDo('f');
      expect(worker.grab()).toBe(1);
      worker.disconnect();
    }
    expect(client.heard).toEqual(['fail 1']);
    expect(world.engine.jobCount).toBe(0);
    expect(client.submit('f', { unique: 'u' })).toBe(2);
  });

  test('without a limit a job comes back for ever, past 256 times', () => {
    const world = new World();
    world.peer().background('f');
    for (let attempt = 0; attempt < 300; attempt++) {
      const worker = world.peer().canDo('f');
      expect(worker.grab()).toBe(1);
      worker.disconnect();
    }
    expect(world.status(1)).toBe('queued 0/0');
  });
});

describe('CAN_DO_TIMEOUT (§7)', () => {
  test('a job that takes too long goes back; its worker is not told, and its late result is refused', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1500);
    client.submit('f');
    worker.grab();
    world.pass(1499);
    expect(world.status(1)).toBe('running 0/0');
    world.pass(1);
    expect(world.status(1)).toBe('queued 0/0');
    expect(worker.heard).toEqual([]);
    expect(worker.finish(1)).toBe(false);
    expect(client.heard).toEqual([]);
  });

  test('progress does not extend the time', () => {
    const world = new World();
    const worker = world.peer().canDoFor('f', 1000);
    world.peer().background('f');
    worker.grab();
    world.pass(900);
    worker.workStatus(1, '9', '10');
    worker.workData(1);
    world.pass(100);
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('two jobs of one connection are timed each by itself', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1000);
    client.background('f');
    client.background('f');
    worker.grab();
    world.pass(500);
    worker.grab();
    world.pass(500);
    expect([world.status(1), world.status(2)]).toEqual(['queued 0/0', 'running 0/0']);
    world.pass(500);
    expect(world.status(2)).toBe('queued 0/0');
  });

  test('neither sleeping nor another job stops the time of a running one', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('timed', 1000).canDo('plain');
    client.background('timed');
    worker.grab();
    client.background('plain');
    worker.grab();
    worker.sleep();
    world.pass(1000);
    expect([world.status(1), world.status(2)]).toEqual(['queued 0/0', 'running 0/0']);
  });

  test('the end of the job ends its time', () => {
    const world = new World();
    const worker = world.peer().canDoFor('f', 1000);
    world.peer().background('f');
    worker.grab();
    worker.finish(1);
    expect(world.engine.nextDelayMs()).toBeUndefined();
    world.pass(5000);
    expect(world.counts()).toEqual(['f 0 0 1']);
  });

  test('a late result counts when the same connection has the job again', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1000);
    client.submit('f');
    worker.grab();
    world.pass(1000);
    expect(worker.grab()).toBe(1);
    expect(worker.finish(1, 'late')).toBe(true);
    expect(client.heard).toEqual(['complete 1 late']);
  });

  test('the newest registration of a function decides', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1000).canDo('f');
    client.background('f');
    worker.grab();
    expect(world.engine.nextDelayMs()).toBeUndefined();
    worker.canDoFor('f', 2000);
    client.background('f');
    worker.grab();
    expect(world.engine.nextDelayMs()).toBe(2000);
  });

  test('it counts as a lost worker', () => {
    const world = new World({ jobRetries: 2 });
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1000);
    client.submit('f');
    for (let attempt = 0; attempt < 2; attempt++) {
      worker.grab();
      world.pass(1000);
    }
    expect(client.heard).toEqual(['fail 1']);
  });

  test('a job that nobody waits for is not put back', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 1000);
    client.submit('f');
    worker.grab();
    client.disconnect();
    world.pass(1000);
    expect(world.engine.jobCount).toBe(0);
    expect(worker.finish(1)).toBe(false);
  });
});

describe('CANT_DO and RESET_ABILITIES (§10)', () => {
  test('CANT_DO gives back the jobs of its function only, and removes every registration of it', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f', 'g', 'f');
    client.background('f');
    client.background('g');
    worker.drain();
    worker.cantDo('f');
    expect([world.status(1), world.status(2)]).toEqual(['queued 0/0', 'running 0/0']);
    expect(world.counts()).toEqual(['f 1 0 0', 'g 1 1 1']);
    expect(worker.finish(1)).toBe(false);
    expect(worker.finish(2)).toBe(true);
    expect(worker.grab()).toBeUndefined();
  });

  test('RESET_ABILITIES gives everything back', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f', 'g');
    client.background('f');
    client.background('g');
    worker.drain();
    worker.resetAbilities();
    expect([world.status(1), world.status(2)]).toEqual(['queued 0/0', 'queued 0/0']);
    expect(world.counts()).toEqual(['f 1 0 0', 'g 1 0 0']);
    expect(worker.grab()).toBeUndefined();
  });

  test('withdrawing counts as a lost worker', () => {
    const world = new World({ jobRetries: 1 });
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.submit('f');
    worker.grab();
    worker.cantDo('f');
    expect(client.heard).toEqual(['fail 1']);
  });

  test('unknown functions are ignored', () => {
    const world = new World();
    world.peer().canDo('f').cantDo('g');
    expect(world.counts()).toEqual(['f 0 0 1']);
  });
});

describe('cancel job', () => {
  test('ends a queued job for its clients at once and for good', () => {
    const world = new World();
    const client = world.peer();
    client.submit('f', { unique: 'u' });
    expect(world.engine.cancel(world.handle(1))).toBe(true);
    expect(client.heard).toEqual(['fail 1']);
    expect(world.status(1)).toBe('unknown');
    expect(world.engine.cancel(world.handle(1))).toBe(false);
    expect(world.peer().canDo('f').grab()).toBeUndefined();
    expect(client.submit('f', { unique: 'u' })).toBe(2);
  });

  test('ends a running job, and swallows what its worker still says until it is through', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDoFor('f', 5000);
    client.submit('f', { unique: 'u' });
    worker.grab();
    world.engine.cancel(world.handle(1));
    expect(client.heard).toEqual(['fail 1']);
    expect(world.status(1)).toBe('unknown');
    expect(world.counts()).toEqual(['f 0 0 1']);
    expect(client.submit('f', { unique: 'u' })).toBe(2);
    world.pass(5000);
    expect(worker.workData(1, 'd')).toBe(true);
    expect(worker.workStatus(1, '1', '2')).toBe(true);
    expect(worker.finish(1, 'r')).toBe(true);
    expect(worker.finish(1, 'r')).toBe(false);
    expect(client.heard).toEqual([]);
    world.engine.cancel(world.handle(2));
    expect(world.engine.sizeBytes).toBe(0);
  });

  test('a cancelled job is not given back when its worker is lost', () => {
    const world = new World();
    const client = world.peer();
    const worker = world.peer().canDo('f');
    client.background('f');
    worker.grab();
    world.engine.cancel(world.handle(1));
    worker.disconnect();
    expect(world.counts()).toEqual(['f 0 0 0']);
    expect(world.engine.sizeBytes).toBe(0);
  });

  test('reaches a delayed job', () => {
    const world = new World();
    world.peer().submit('f', { inSeconds: 10 });
    expect(world.engine.cancel(world.handle(1))).toBe(true);
    expect(world.counts()).toEqual(['f 0 0 0']);
    expect(world.engine.nextDelayMs()).toBeUndefined();
  });
});
