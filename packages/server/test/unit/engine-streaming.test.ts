import { describe, expect, test } from 'vitest';
import { type TestPeer, World } from './world.ts';

/** A client that waits for a job, and a streaming worker that has sent a part of the result. */
function startStream(background = false): { world: World; client: TestPeer; worker: TestPeer } {
  const world = new World();
  const [client, worker] = [world.peer(), world.peer().canDoFor('f', 5000)];
  worker.peer.streaming = true;
  client.submit('f', { background, unique: 'u' });
  worker.grab();
  worker.workData(1, 'part');
  if (!background) expect(client.heard).toEqual(['data 1 part']);
  return { world, client, worker };
}

const WAYS_TO_LOSE_IT: readonly [string, (world: World, worker: TestPeer) => void][] = [
  ['disconnects', (_, worker) => worker.disconnect()],
  ['takes too long', (world) => world.pass(5000)],
  ['withdraws the function', (_, worker) => worker.cantDo('f')],
  ['withdraws all functions', (_, worker) => worker.resetAbilities()],
];

describe('streaming mode (§20)', () => {
  test.each(WAYS_TO_LOSE_IT)('a foreground job fails when its worker %s', (_, lose) => {
    const { world, client, worker } = startStream();
    lose(world, worker);
    expect(client.heard).toEqual(['fail 1']);
    expect(world.status(1)).toBe('unknown');
    expect(client.submit('f', { unique: 'u' })).toBe(2);
  });

  test.each(WAYS_TO_LOSE_IT)('a background job is run again when its worker %s', (_, lose) => {
    const { world, client, worker } = startStream(true);
    lose(world, worker);
    expect(world.status(1)).toBe('queued 0/0');
    expect(client.heard).toEqual([]);
  });

  test('a job that was submitted as both is run again', () => {
    const { world, client, worker } = startStream();
    client.background('f', { unique: 'u' });
    worker.disconnect();
    expect(client.heard).toEqual([]);
    expect(world.status(1)).toBe('queued 0/0');
  });

  test('a job that nobody waits for any more ends without a word', () => {
    const { world, client, worker } = startStream();
    client.disconnect();
    worker.disconnect();
    expect(client.heard).toEqual([]);
    expect(world.engine.jobCount).toBe(0);
  });

  test('a streaming client has no foreground jobs with a unique id', () => {
    const world = new World();
    const client = world.peer();
    client.peer.streaming = true;
    expect(client.submit('f', { unique: 'u' })).toBe('unique-in-stream');
    expect(client.submit('f', { unique: '-' })).toBe('unique-in-stream');
    expect(world.counts()).toEqual([]);
    expect(client.submit('f')).toBe(1);
    expect(client.background('f', { unique: 'u' })).toBe(2);
  });
});
