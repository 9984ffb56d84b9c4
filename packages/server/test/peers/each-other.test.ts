import { startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { textOf } from './support/payload.ts';
import { PEERS, type Peer, required, startClient, startWorker, versionOf } from './support/peers.ts';

const here = PEERS.filter(({ probe }) => versionOf(probe) !== undefined);

describe.skipIf(here.length < PEERS.length && !required)('through our server', () => {
  test('every library reaches every other one', async () => {
    await using server = await startOurServer();
    const workers = PEERS.map((peer, index) => startWorker(peer, server.port, `${index}-`));
    try {
      for (const peer of PEERS) await reachAll(peer, server.port);
    } finally {
      await Promise.all(workers.map((worker) => worker.kill()));
    }
  });
});

async function reachAll(peer: Peer, port: number): Promise<void> {
  await using client = startClient(peer, port);
  for (const [index, { name }] of PEERS.entries()) {
    client.ask({ do: 'submit', function: `${index}-echo`, base64: Buffer.from(name).toString('base64') });
    await client.expect('created');
    expect(textOf(await client.expect('complete')), `${peer.name} to ${name}`).toBe(name);
  }
}
