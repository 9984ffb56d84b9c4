// A worker whose every job produces a gigabyte.
import { startRawWorker } from '@gearman/testing';
import { memory, serve } from '../support/messages.ts';

const CHUNKS = 1024;
const chunk = Buffer.alloc(1 << 20, 'x');
const port = Number(process.env['GEARMAN_SERVERS']?.split(':')[1]);

await startRawWorker(port, {
  flood: (job) => {
    for (let i = 0; i < CHUNKS; i++) job.data(chunk);
    job.complete();
  },
});
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  process.exit(0);
});
process.send?.({ type: 'ready' });
