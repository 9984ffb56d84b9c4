import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { startOurServer, startRawWorker } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';

const FILTER = `
import { createClient } from '@gearman/client';
const client = createClient();
process.stdin.pipe(client.submitStream(process.argv[1])).pipe(process.stdout);
`;

/** The filter of the documentation, as a process of its own; uses what was built. */
function startFilter(server: string, functionName: string) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', FILTER, functionName], {
    cwd: import.meta.dirname,
    env: { ...process.env, GEARMAN_SERVERS: server },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended: once(child, 'close'), errors: text(child.stderr) };
}

test('process.stdin can be piped through a job to process.stdout, and the process ends by itself', async () => {
  await using server = await startOurServer();
  await using _worker = await startRawWorker(server.port, {
    toUpper: (job) => {
      job.data(job.text.slice(0, 5).toUpperCase());
      job.complete(job.text.slice(5).toUpperCase());
    },
  });
  const { child, ended, errors } = startFilter(server.server, 'toUpper');
  const printed = text(child.stdout);
  child.stdin.write('hello ');
  child.stdin.end('world');
  expect(await ended).toEqual([0, null]);
  expect([await printed, await errors]).toEqual(['HELLO WORLD', '']);
});

test('a job that fails ends the process, too, and without a trace', async () => {
  await using server = await startOurServer();
  await using _worker = await startRawWorker(server.port, { fails: (job) => job.fail() });
  const { child, ended, errors } = startFilter(server.server, 'fails');
  child.stdin.end('x');
  child.stdout.resume();
  expect(await ended).toEqual([0, null]);
  expect(await errors).toBe('');
});
