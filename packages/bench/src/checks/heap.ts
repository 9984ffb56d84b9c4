import { parseArgs } from 'node:util';
import { findGearmand, startGearmand } from '@gearman/testing';
import { Peer, startServer } from '../support/peer.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100000' },
    window: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
  },
});
const JOBS = Number(values.jobs);
const WINDOW = Number(values.window);
const WARM_UP_JOBS = 20_000;

interface Outcome {
  readonly jobsPerSecond: number;
  readonly wrong: number;
  readonly growth: readonly string[];
  readonly withinTenPercent: boolean;
}

async function round(servers: string, ours: Peer | undefined): Promise<Outcome> {
  const worker = new Peer(new URL('heap-worker-process.js', import.meta.url), servers);
  const client = new Peer(new URL('heap-client-process.js', import.meta.url), servers);
  await Promise.all([worker.ready, client.ready]);
  const peers = ours === undefined ? [client, worker] : [client, ours, worker];
  await client.run(WARM_UP_JOBS, WINDOW);
  const before = await Promise.all(peers.map(async (peer) => (await peer.memory()).heapBytes));
  const { elapsedMs, wrong } = await client.run(JOBS, WINDOW);
  const after = await Promise.all(peers.map(async (peer) => (await peer.memory()).heapBytes));
  await client.stop();
  await worker.stop();
  const ratios = peers.map((_, i) => (after[i] ?? 0) / (before[i] ?? 1));
  return {
    jobsPerSecond: Math.round(JOBS / (elapsedMs / 1000)),
    wrong,
    growth: peers.map(({ name }, i) => `${name} ${(((ratios[i] ?? 0) - 1) * 100).toFixed(1)} %`),
    withinTenPercent: ratios.every((ratio) => ratio <= 1.1),
  };
}

async function ours(): Promise<Outcome> {
  const { peer: server, address } = await startServer();
  const outcome = await round(address, server);
  await server.stop();
  return outcome;
}

async function theirs(): Promise<Outcome> {
  const server = await startGearmand(['--threads=0']);
  const outcome = await round(server.server, undefined);
  await server.stop();
  return outcome;
}

const results: Record<string, number[]> = {};
let failed = false;
const servers: Record<string, () => Promise<Outcome>> = { '@gearman/server': ours };
if (findGearmand() !== undefined) servers['gearmand'] = theirs;
else process.stdout.write('SKIPPED: gearmand is not here (apt-get install gearman-job-server)\n');

process.stdout.write(
  `${JOBS} foreground jobs of 10 bytes, ${WINDOW} in flight, one worker with concurrency 64\n`,
);
for (let i = 1; i <= Number(values.rounds); i++) {
  for (const [name, run] of Object.entries(servers)) {
    const { jobsPerSecond, wrong, growth, withinTenPercent } = await run();
    results[name] = [...(results[name] ?? []), jobsPerSecond];
    failed ||= wrong > 0 || !withinTenPercent;
    process.stdout.write(
      `${i} ${name}: ${jobsPerSecond} jobs/s, wrong ${wrong}, heap ${growth.join(', ')}\n`,
    );
  }
}
for (const [name, rates] of Object.entries(results)) {
  const sorted = [...rates].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  process.stdout.write(`${name}: median ${median} jobs/s (${sorted[0]} to ${sorted.at(-1)})\n`);
}
process.exitCode = failed ? 1 : 0;
