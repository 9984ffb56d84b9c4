// Reads expressions from stdin, one in each line, and has four worker processes compute them.
import { createInterface } from 'node:readline';
import { createClient } from '@gearman/client';
import { openJobServer } from '../support/job-server.ts';
import { startWorkers } from '../support/processes.ts';
import { evaluate } from './evaluate.ts';
import { parse } from './expression.ts';
import { OPERATIONS } from './operations.ts';

await using server = await openJobServer();
const file = new URL('worker.js', import.meta.url);
await using _workers = await startWorkers(
  server.servers,
  [...OPERATIONS.keys()].map((name) => ({ file, args: [name] })),
);
await using client = createClient({ servers: server.servers });

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(await evaluate(client, parse(line)));
  } catch (error) {
    console.error(`${line}: ${String(error)}`);
    process.exitCode = 1;
  }
}
