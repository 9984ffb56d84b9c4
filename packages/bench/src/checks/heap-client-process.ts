import { createClient } from '@gearman/client';
import { type Answer, memory, serve } from '../support/messages.ts';

const client = createClient();
await client.pool.ready();
serve(async (question) => {
  if (question.ask === 'memory') return memory();
  if (question.ask === 'run') return run(question.jobs, question.window);
  await client.close();
  process.exit(0);
});
process.send?.({ type: 'ready' });

async function run(jobs: number, window: number): Promise<Answer> {
  let next = 0;
  let wrong = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs) {
      const text = String(next++).padStart(10, '0');
      const result = await client.submit('reverse', Buffer.from(text, 'latin1'));
      if (Buffer.from(result).toString('latin1') !== [...text].reverse().join('')) wrong++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: window }, lane));
  return { type: 'ran', elapsedMs: performance.now() - startedAt, wrong };
}
