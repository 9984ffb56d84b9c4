import { createWorker } from '@gearman/worker';

const worker = createWorker();
worker.register('toUpper', (job) => job.text().toUpperCase());
process.once('disconnect', () => void worker.stop());
await worker.start();
process.send?.('ready');
