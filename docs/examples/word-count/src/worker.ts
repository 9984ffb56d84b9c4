// One worker process. It ends when its parent does.
import { createWorker } from '@gearman/worker';
import { countWords, mergeTallies, type Tally } from './tally.ts';

const name = process.env['WORD_COUNT_WORKER'] ?? String(process.pid);
const worker = createWorker({ clientId: `word-count-${name}` });

worker.register('count-words', (job) => JSON.stringify(countWords(job.text(), name)));
worker.register('merge-counts', (job) => JSON.stringify(mergeTallies(JSON.parse(job.text()) as Tally[])));

// SIGTERM, or the end of the parent: the jobs at hand are finished first.
worker.handleSignals(['SIGTERM'], { timeoutMs: 5000 });
await worker.start();
process.send?.('ready');
