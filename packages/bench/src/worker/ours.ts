import { createWorker } from '@gearman/worker';
import { concurrency, functionName, isAsync, port } from './task.ts';

const worker = createWorker({ servers: `127.0.0.1:${port}`, concurrency });
if (functionName === 'echo') {
  if (isAsync) worker.register('echo', async (job) => job.payload);
  else worker.register('echo', (job) => job.payload);
} else {
  let naps = 0;
  worker.on('idle', () => naps++);
  worker.register('stamp', () => `${process.hrtime.bigint()} ${naps}`);
}
await worker.start();
process.stdout.write('ready\n');
