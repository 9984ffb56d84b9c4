// An application that brings its own job server: no port, no other process, nothing to install.
import { createClient } from '@gearman/client';
import { createServer } from '@gearman/server';
import { createWorker } from '@gearman/worker';

await using server = createServer();
// Each connection is a stream inside this process.
const servers = () => server.connect();

await using worker = createWorker({ servers, concurrency: 2 });
worker.register('invoice', (job) => `invoice for ${job.text()}`);
await worker.start();

await using client = createClient({ servers });
for await (const invoice of client.mapResults('invoice', ['Ada', 'Grace', 'Barbara'])) {
  console.log(String(invoice));
}

// The same server may have a port as well, for workers on other machines: await server.listen({ port: 4730 }).
console.log(`ports: ${server.addresses.length}, connections: ${server.stats.connections}`);
