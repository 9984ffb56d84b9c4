// Keeps the results of a slow function: jobs with the same payload share them, and an old one is better than an error.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@gearman/client';
import { createWorker, type WorkerJob } from '@gearman/worker';
import { cached, createCache } from '@gearman/worker/cache';
import { openJobServer } from '../support/job-server.ts';

const MAX_AGE_MS = 500;

let calls = 0;
let isDown = false;
async function askTheWeather(job: WorkerJob): Promise<string> {
  calls++;
  if (isDown) throw new Error('the weather service is down');
  await sleep(20);
  return `sunny in ${job.text()}`;
}

await using server = await openJobServer();
const { servers } = server;
// In the memory of this process. With `store: new KeyvRedis('redis://…')` all workers share it.
await using cache = createCache();
await using worker = createWorker({ servers, concurrency: 10 });
worker.register('weather', cached(askTheWeather, { cache, maxAgeMs: MAX_AGE_MS, staleIfError: true }));
await worker.start();

await using client = createClient({ servers });
const cities = ['Rome', 'Oslo', 'Rome', 'Rome', 'Oslo'];
for (const weather of await client.map('weather', cities)) console.log(String(weather));
console.log(`${cities.length} jobs, ${calls} calls`);

isDown = true;
await sleep(MAX_AGE_MS + 100);
console.log(`${await client.submit('weather', 'Rome').text()}, as far as we knew before call ${calls}`);
