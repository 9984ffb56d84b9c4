import { describe, expect, test } from 'vitest';
import { connectFakeClient } from '../support/fake-client.ts';
import { turn } from '../support/fake-network.ts';

/** Timers that keep this process alive. */
const holders = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('Client, and the life of the process', () => {
  test('a job that is waited for keeps it alive, until it is over', async () => {
    const { client, server } = await connectFakeClient();
    const idle = holders();
    const jobs = [client.submit('a'), client.submit('b')];
    await turn();
    server.create('H:1', 'H:2');
    expect(holders()).toBe(idle + 1);
    server.complete('H:1');
    expect(holders()).toBe(idle + 1);
    jobs[1]?.detach();
    expect(holders()).toBe(idle);
  });

  test('a background job does until the server has it', async () => {
    const { client, server } = await connectFakeClient();
    const idle = holders();
    const ref = client.submitBackground('a');
    await turn();
    expect(holders()).toBe(idle + 1);
    server.create('H:1');
    await ref;
    expect(holders()).toBe(idle);
  });
});
