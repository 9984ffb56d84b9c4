// Starts what client.js needs, a job server and a worker, and then client.js itself with our stdin and stdout.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openJobServer } from '../support/job-server.ts';
import { startWorkers } from '../support/processes.ts';

await using server = await openJobServer();
await using _worker = await startWorkers(server.servers, [{ file: new URL('worker.js', import.meta.url) }]);

const client = spawn(process.execPath, [fileURLToPath(new URL('client.js', import.meta.url))], {
  env: { ...process.env, GEARMAN_SERVERS: server.servers },
  stdio: 'inherit',
});
const [code] = await once(client, 'exit');
process.exitCode = code === 0 ? 0 : 1;
