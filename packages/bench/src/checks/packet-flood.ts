// Millions of random packets, and a normal client and worker beside them that must not notice.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { Peer, startServer } from '../support/peer.ts';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '10000000' },
    connections: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
  },
});
const PACKETS = Number(values.packets);
/** So many of them come one byte at a time. */
const BYTEWISE_PACKETS = PACKETS / 100;
const WORST_MS = 100;
const MAX_QUEUE_BYTES = 256 << 20;
/** What the server may grow by: the jobs that it may keep, and as much again for all else. */
const MOST_GROWTH_BYTES = 2 * MAX_QUEUE_BYTES;
const PAUSE_MS = 5;
const MIB = 2 ** 20;

const { peer, address } = await startServer({ limits: { maxQueueBytes: MAX_QUEUE_BYTES } });
const worker = createWorker({ servers: address });
worker.register('normal', (job) => job.payload);
await worker.start();
const client = createClient({ servers: address });
await client.submit('normal', 'warm up');

// With all cores busy anybody waits now and then: how long, a server that nobody floods tells.
const bare = fork(fileURLToPath(new URL('bare-echo-process.js', import.meta.url)));
const [barePort] = (await once(bare, 'message')) as [number];
const bareSocket = connect({ port: barePort, host: '127.0.0.1', noDelay: true });
const PING = Buffer.from('.');

async function pingBare(): Promise<number> {
  const startedAt = performance.now();
  bareSocket.write(PING);
  await once(bareSocket, 'data');
  return performance.now() - startedAt;
}

const before = await peer.residentBytes();
const flood = new Peer(new URL('packet-flood-process.js', import.meta.url), address, {
  FLOOD_SEED: values.seed,
  FLOOD_CONNECTIONS: values.connections,
});
await flood.ready;
let isGood = true;

/** Submits jobs, one after the other, while the flood runs. */
async function measure(what: string, packets: number, pieceBytes: number): Promise<void> {
  let over = false;
  const flooded = flood.run(packets, pieceBytes).finally(() => {
    over = true;
  });
  const latenciesMs: number[] = [];
  let worstBareMs = 0;
  let worstJobMs = 0;
  let mostBytes = 0;
  while (!over) {
    const startedAt = performance.now();
    const bareMs = pingBare();
    const job = client.submit('normal', String(latenciesMs.length));
    await job.created;
    latenciesMs.push(performance.now() - startedAt);
    const result = await job;
    worstJobMs = Math.max(worstJobMs, performance.now() - startedAt);
    worstBareMs = Math.max(worstBareMs, await bareMs);
    if (Buffer.from(result).toString() !== String(latenciesMs.length - 1))
      throw new Error('a job got a wrong result');
    mostBytes = Math.max(mostBytes, (await peer.residentBytes()) - before);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const { elapsedMs } = await flooded;
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * part)] ?? 0;
  process.stdout.write(
    `${what}: ${packets} packets in ${(elapsedMs / 1000).toFixed(1)} s (${(packets / elapsedMs).toFixed(1)} k/s)\n` +
      `  ${latenciesMs.length} submits beside them, answered in: median ${at(0.5).toFixed(1)} ms, ` +
      `p99 ${at(0.99).toFixed(1)} ms, worst ${at(1).toFixed(1)} ms (goal: ${WORST_MS})\n` +
      `  whole jobs, with their worker: worst ${worstJobMs.toFixed(1)} ms; ` +
      `bytes through a bare Node server meanwhile: worst ${worstBareMs.toFixed(1)} ms\n` +
      `  server memory: at most +${(mostBytes / MIB).toFixed(1)} MiB (goal: ${MOST_GROWTH_BYTES / MIB})\n`,
  );
  isGood &&= at(1) <= WORST_MS && mostBytes <= MOST_GROWTH_BYTES;
}

process.stdout.write(`${values.connections} connections, seed ${values.seed}\n`);
await measure('one byte at a time', BYTEWISE_PACKETS, 1);
await measure('in bursts', PACKETS - BYTEWISE_PACKETS, 0);
await client.submit('normal', 'still alive');
await flood.stop();
bareSocket.destroy();
bare.disconnect();
await client.close();
await worker.stop();
await peer.stop();
process.exitCode = isGood ? 0 : 1;
