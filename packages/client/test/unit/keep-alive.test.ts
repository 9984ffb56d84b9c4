import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { turn } from '../support/fake-network.ts';

/** Counts who keeps the process alive through the client's pool. */
function countHolders({ pool }: Client): () => number {
  let holders = 0;
  const [hold, release] = [pool.hold.bind(pool), pool.release.bind(pool)];
  pool.hold = () => {
    holders++;
    hold();
  };
  pool.release = () => {
    holders--;
    release();
  };
  return () => holders;
}

describe('Client, and the life of the process', () => {
  test('a job that is waited for keeps it alive, until it is over', async () => {
    const { client, server } = await connectFakeClient();
    const holders = countHolders(client);
    const jobs = [client.submit('a'), client.submit('b'), client.submit('c')];
    expect(holders()).toBe(3);
    await turn();
    server.create('H:1', 'H:2', 'H:3');
    server.complete('H:1');
    expect(holders()).toBe(2);
    jobs[1]?.detach();
    expect(holders()).toBe(1);
    server.close();
    expect(holders()).toBe(0);
  });

  test('a background job does until the server has it', async () => {
    const { client, server } = await connectFakeClient();
    const holders = countHolders(client);
    const ref = client.submitBackground('a');
    await turn();
    expect(holders()).toBe(1);
    server.create('H:1');
    await ref;
    expect(holders()).toBe(0);
  });
});
