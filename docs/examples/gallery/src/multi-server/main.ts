// Two job servers, one of which dies while jobs run. None of the jobs gets lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@gearman/client';
import { createServer } from '@gearman/server';
import { createWorker } from '@gearman/worker';
import { openJobServer } from '../support/job-server.ts';

const JOBS = 40;

// With --servers, those are the ones that stay.
await using survivor = await openJobServer();
await using doomed = await createServer().listen({ port: 0 });
const servers = [survivor.servers, doomed.address];

await using worker = createWorker({ servers, concurrency: 4 });
worker.register('square', async (job) => {
  await sleep(5);
  return String(Number(job.text()) ** 2);
});
await worker.start();

// Servers take turns. A job whose server dies is tried again with another one.
await using client = createClient({ servers, strategy: 'round-robin', retries: 2 });
await client.pool.ready({ atLeast: 'all' });
client.pool.on('disconnect', ({ server }) => console.log(`lost ${server}`));

const set = client.taskSet();
let again = 0;
for (let number = 1; number <= JOBS; number++) {
  set.add('square', String(number)).on('retry', () => again++);
}

let done = 0;
let sum = 0;
for await (const result of set) {
  if (!result.ok) throw result.error;
  sum += Number(String(result.value));
  done++;
  if (done === JOBS / 4) {
    console.log(`${done} of ${JOBS} jobs are done, now a server dies`);
    void doomed.close();
  }
}
console.log(`${done} of ${JOBS} jobs are done, ${again} of them at the second attempt`);
console.log(`the sum of the squares is ${sum}`);
