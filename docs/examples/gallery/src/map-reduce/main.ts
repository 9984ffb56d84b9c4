// Counts the words of files, with one job that becomes one job for each file: node main.js *.md
import { readFile } from 'node:fs/promises';
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { openJobServer } from '../support/job-server.ts';

await using server = await openJobServer();
const { servers, args: paths } = server;
await using client = createClient({ servers });

// Reduces: one file.
await using counter = createWorker({ servers, concurrency: 4 });
counter.register('count-words', (job) => String(job.text().match(/\S+/g)?.length ?? 0));
await counter.start();

// Maps: reads the files of a job, but never more than a few at a time, and adds up what comes back.
await using mapper = createWorker({ servers, client });
mapper.registerPartitioner(
  'total',
  {
    split: async function* (job) {
      for (const path of job.text().split('\n')) yield await readFile(path);
    },
    aggregate: (counts) => String(counts.map(String).reduce((sum, count) => sum + Number(count), 0)),
  },
  { window: 8 },
);
await mapper.start();

const total = await client.mapReduce('total', 'count-words', paths.join('\n')).text();
console.log(`${total} words in ${paths.length} files`);
