import { createWorker } from '@gearman/worker';
import { memory, serve } from '../support/messages.ts';

const worker = createWorker({ concurrency: 64 });
// Reversed, so that an answer which reached the wrong job shows.
worker.register('reverse', (job) => job.payload.slice().reverse());
await worker.start();
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  await worker.stop();
  process.exit(0);
});
process.send?.({ type: 'ready' });
