// One worker process. It ends when its parent does.
import { createWorker } from '@gearman/worker';
import { countWords, mergeTallies, type Tally } from './tally.ts';

const name = process.env['WORD_COUNT_WORKER'] ?? String(process.pid);
const worker = createWorker({ clientId: `word-count-${name}` });

worker.register('count-words', (job) => JSON.stringify(countWords(job.text(), name)));
worker.register('merge-counts', (job) => JSON.stringify(mergeTallies(JSON.parse(job.text()) as Tally[])));

// SIGTERM: the jobs at hand are finished first. Only the channel to the parent keeps the process then.
worker.handleSignals(['SIGTERM'], { timeoutMs: 5000 });
worker.on('stop', () => process.disconnect());
await worker.start();

// Without a parent nobody needs the results.
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
