// One worker process. It ends when its parent does.
import { createWorker } from '@gearman/worker';
import { countWords, mergeTallies, type Tally } from './tally.ts';

const name = process.env['WORD_COUNT_WORKER'] ?? String(process.pid);
const worker = createWorker({ clientId: `word-count-${name}` });

worker.register('count-words', (job) => JSON.stringify(countWords(job.text(), name)));
worker.register('merge-counts', (job) => JSON.stringify(mergeTallies(JSON.parse(job.text()) as Tally[])));

// Without a parent nobody needs the result; with SIGTERM the jobs at hand are finished first.
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => {
  void worker.stop({ timeoutMs: 5000 }).then(() => process.exit(0));
});
await worker.start();
process.send?.('ready');
