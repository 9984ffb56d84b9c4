import { createClient } from '@gearman/client';
import { expect, test } from 'vitest';
import { startRawWorker } from '../../testing/src/raw-worker.ts';
import { startGearmand } from '../../testing/src/test-servers.ts';

test('smoke', async () => {
  await using server = await startGearmand();
  await using worker = await startRawWorker(server.port, {
    up: (job) => {
      job.data('a');
      job.status(1, 2);
      job.complete(job.text.toUpperCase());
    },
  });
  await using client = createClient({ servers: server.server });
  expect(await client.submit('up', 'hello').text()).toBe('aHELLO');
  const ref = await client.submitBackground('nobody', 'x');
  console.log(String(ref), await client.status(ref), await client.echo('x'));
  const job = client.submit('up', 'y');
  const seen: string[] = [];
  job.on('event', (e) => seen.push(e.type));
  for await (const c of job) console.log(Buffer.from(c).toString());
  console.log(seen);
  const late: string[] = [];
  job.events$.subscribe({ next: (e) => late.push(e.type), complete: () => late.push('end') });
  console.log(late);
});
