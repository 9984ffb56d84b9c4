import { createWorker } from '@gearman/worker';

const worker = createWorker();
worker.register('toUpper', (job) => job.text().toUpperCase());
// It ends when its parent does, too.
worker.handleSignals();
await worker.start();
process.send?.('ready');
