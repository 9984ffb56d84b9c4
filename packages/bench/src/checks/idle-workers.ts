// Ten thousand idle workers: what each costs above a bare socket, and what one job among them costs.
import { parseArgs } from 'node:util';
import { request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { Peer, startServer } from '../support/peer.ts';

const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
const CONNECTIONS = Number(values.connections);
const GOAL_BYTES = 8192;
const DISPATCHES = 200;

async function perConnection(
  server: Peer,
  address: string,
  hello: boolean,
): Promise<{ bytes: number; idle: Peer }> {
  const idle = new Peer(new URL('idle-process.js', import.meta.url), address, {
    SAY_HELLO: hello ? '1' : '0',
  });
  await idle.ready;
  const before = await server.memory();
  await idle.run(CONNECTIONS, 0);
  const after = await server.memory();
  return { bytes: (after.rssBytes - before.rssBytes) / CONNECTIONS, idle };
}

const bare = new Peer(new URL('bare-process.js', import.meta.url), '');
const { server: bareAddress = '' } = await bare.ready;
const nodes = await perConnection(bare, bareAddress, false);
await nodes.idle.stop();
await bare.stop();

const { peer, address, port } = await startServer();
const ours = await perConnection(peer, address, true);
const extra = ours.bytes - nodes.bytes;
process.stdout.write(
  `bytes per connection: bare Node socket ${Math.round(nodes.bytes)}, idle worker ${Math.round(ours.bytes)}\n`,
);
process.stdout.write(`above Node's own: ${Math.round(extra)} (goal: under ${GOAL_BYTES})\n`);

// One worker more, awake, and a client: dispatching to it must not look at the ten thousand.
const before = await peer.memory();
await using client = await RawConnection.open(port);
for (let i = 0; i < DISPATCHES; i++) {
  client.send(request('SUBMIT_JOB_BG', { functionName: 'idle', uniqueId: '', workload: Buffer.from('x') }));
  await client.expect('JOB_CREATED');
}
const after = await peer.memory();
const cpuMs = (after.cpuBeforeMs - before.cpuAfterMs) / DISPATCHES;
const { wrong: wakeUps } = await ours.idle.run(0, 0);
process.stdout.write(
  `${DISPATCHES} jobs submitted: ${cpuMs.toFixed(3)} ms CPU each, ${wakeUps} workers woken\n`,
);
await ours.idle.stop();
await peer.stop();
process.exitCode = extra < GOAL_BYTES ? 0 : 1;
