import { Worker } from 'bullmq';
import { concurrency, port } from './task.ts';

const worker = new Worker<string, string>('echo', async ({ data }) => data, {
  connection: { host: '127.0.0.1', port, maxRetriesPerRequest: null },
  concurrency,
});
await worker.waitUntilReady();
process.stdout.write('ready\n');
