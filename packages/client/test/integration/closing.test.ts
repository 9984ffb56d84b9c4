import { createServer } from '@gearman/server';
import { onTestFinished, test } from 'vitest';
import { createClient } from '../../src/index.ts';

test('close() leaves no connection on the server', async () => {
  const server = await createServer().listen({ port: 0 });
  onTestFinished(() => server.close());
  const client = createClient({ servers: server.address });
  await client.submitBackground('f');
  const jobs = [client.submit('f').catch(() => 'closed'), client.trySubmit('f')];
  await client.close();
  await Promise.all(jobs);
  // The test's time-out ends it when the connection stays.
  while (server.stats.connections > 0) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
});
