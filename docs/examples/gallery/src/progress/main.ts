// Counts primes and shows how far the worker is: node main.js 5000000
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { openJobServer } from '../support/job-server.ts';
import { countPrimes } from './count-primes.ts';
import { showProgress } from './progress-bar.ts';

await using server = await openJobServer();
const { servers, args } = server;

// However often the handler says how far it is, the client hears it every 50 milliseconds and at the end.
await using worker = createWorker({ servers, progressIntervalMs: 50 });
worker.register('count-primes', countPrimes);
await worker.start();

await using client = createClient({ servers });
const job = client.submit('count-primes', args[0] ?? '2000000');
job.on('status', ({ fraction }) => showProgress(fraction, process.stdout));
console.log(`${await job.text()} primes`);
