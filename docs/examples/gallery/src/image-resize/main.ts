// Makes an image small enough for a list: node main.js photo.jpg small.jpg
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import sharp from 'sharp';
import { openJobServer } from '../support/job-server.ts';

const WIDTH = 160;
const HEIGHT = 120;

await using server = await openJobServer();
const { servers, args } = server;

// The worker: pixels in, fewer pixels out. If one of the three fails, the others end and the client gets the error.
await using worker = createWorker({ servers });
worker.registerStream('thumbnail', (job) =>
  pipeline(job.payload, sharp().resize(WIDTH, HEIGHT, { fit: 'inside' }), job.stream()),
);
await worker.start();

// The client: a job is a stream between two files.
await using client = createClient({ servers });
const [source, target] = args;
if (source === undefined || target === undefined) throw new Error('usage: main.js SOURCE TARGET');
try {
  await pipeline(createReadStream(source), client.submitStream('thumbnail'), createWriteStream(target));
  console.log(`${target}: at most ${WIDTH} × ${HEIGHT} pixels`);
} catch (error) {
  console.error(`${source}: ${String(error)}`);
  await rm(target, { force: true });
  process.exitCode = 1;
}
