// Heap of one client before and after many jobs, one after the other and all at once. Needs --expose-gc.
import { parseArgs } from 'node:util';
import { type Client, createClient } from '@gearman/client';
import { memory } from '../support/messages.ts';
import { Peer, startServer } from '../support/peer.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000000' },
    'at-once': { type: 'string', default: '100000' },
    'warm-up': { type: 'string', default: '50000' },
  },
});
const JOBS = Number(values.jobs);
const AT_ONCE = Number(values['at-once']);
const WINDOW = 256;
const WARM_UP_JOBS = Number(values['warm-up']);
const MIB = 2 ** 20;
let failed = false;

async function reverse(client: Client, i: number): Promise<void> {
  const text = `job ${i}`;
  const result = Buffer.from(await client.submit('reverse', text));
  if (result.toString() !== [...text].reverse().join(''))
    throw new Error(`job ${i} got ${result.toString()}`);
}

async function many(client: Client, count: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await reverse(client, next++);
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
}

async function settledHeapBytes(): Promise<number> {
  // Whatever the last turn has left.
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return memory().heapBytes;
}

function check(what: string, before: number, after: number): void {
  const ratio = after / before;
  failed ||= ratio > 1.1;
  const mib = [before, after].map((bytes) => `${(bytes / MIB).toFixed(2)} MiB`).join(' → ');
  process.stdout.write(`${what}: heap ${mib}, ratio ${ratio.toFixed(3)} (goal: at most 1.1)\n`);
}

const { peer: server, address } = await startServer();
const newWorker = async (): Promise<Peer> => {
  const worker = new Peer(new URL('heap-worker-process.js', import.meta.url), address);
  await worker.ready;
  return worker;
};
let worker = await newWorker();
const client = createClient({ servers: address });

await many(client, WARM_UP_JOBS);
const before = await settledHeapBytes();
const startedAt = performance.now();
await many(client, JOBS);
const rate = JOBS / ((performance.now() - startedAt) / 1000);
check(`${JOBS} jobs, ${WINDOW} at a time, ${rate.toFixed(0)} jobs/s`, before, await settledHeapBytes());

await worker.stop();
const base = await settledHeapBytes();
const jobs = Array.from({ length: AT_ONCE }, (_, i) => client.submit('reverse', `job ${i}`));
const created = await Promise.all(jobs.map((job) => job.created));
const { heapBytes } = memory();
const handles = new Set(created.map(({ handle }) => handle)).size;
process.stdout.write(
  `${client.pending} jobs in flight with ${handles} handles: ${((heapBytes - base) / AT_ONCE).toFixed(0)} bytes each\n`,
);
failed ||= client.pending !== AT_ONCE || handles !== AT_ONCE;
worker = await newWorker();
for (const [i, job] of jobs.entries()) {
  const result = Buffer.from(await job).toString();
  if (result !== [...`job ${i}`].reverse().join('')) throw new Error(`job ${i} got ${result}`);
}
jobs.length = 0;
created.length = 0;
check(`${AT_ONCE} jobs at once`, base, await settledHeapBytes());

await client.close();
await worker.stop();
await server.stop();
process.exitCode = failed ? 1 : 0;
