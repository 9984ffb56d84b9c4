// Millions of random packets, and a normal client and worker beside them that must not notice.
import { parseArgs } from 'node:util';
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { Peer, startServer } from '../support/peer.ts';

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' } },
});
const PACKETS = Number(values.packets);
const WORST_MS = 100;
const MOST_GROWTH_BYTES = 256 << 20;
const PAUSE_MS = 5;

const { peer, address } = await startServer();
const worker = createWorker({ servers: address });
worker.register('normal', (job) => job.payload);
await worker.start();
const client = createClient({ servers: address });
await client.submit('normal', 'warm up');

const before = await peer.residentBytes();
const flood = new Peer(new URL('packet-flood-process.js', import.meta.url), address, {
  FLOOD_SEED: values.seed,
});
await flood.ready;
let over = false;
const flooded = flood.run(PACKETS, 0).finally(() => {
  over = true;
});

const latenciesMs: number[] = [];
let mostBytes = 0;
while (!over) {
  const startedAt = performance.now();
  const result = await client.submit('normal', String(latenciesMs.length));
  latenciesMs.push(performance.now() - startedAt);
  if (Buffer.from(result).toString() !== String(latenciesMs.length - 1))
    throw new Error('a job got a wrong result');
  mostBytes = Math.max(mostBytes, (await peer.residentBytes()) - before);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
const { elapsedMs } = await flooded;
await client.submit('normal', 'still alive');
await flood.stop();
await client.close();
await worker.stop();
await peer.stop();

latenciesMs.sort((a, b) => a - b);
const at = (part: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * part)] ?? 0;
process.stdout.write(
  `${PACKETS} packets in ${(elapsedMs / 1000).toFixed(1)} s (${Math.round(PACKETS / elapsedMs)} k/s), seed ${values.seed}\n` +
    `${latenciesMs.length} jobs beside them: median ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, ` +
    `worst ${at(1).toFixed(1)} ms (goal: ${WORST_MS})\n` +
    `server memory: at most +${(mostBytes / 2 ** 20).toFixed(1)} MiB\n`,
);
process.exitCode = at(1) <= WORST_MS && mostBytes <= MOST_GROWTH_BYTES ? 0 : 1;
