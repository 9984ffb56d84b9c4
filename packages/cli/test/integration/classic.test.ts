import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOurServer } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';
import { runGearman } from '../../src/index.ts';
import { startCommand } from '../support/command.ts';
import { runHere } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const where = (port: number): string[] => ['-h', '127.0.0.1', '-p', String(port)];

test('-d goes on in the background, and -i says as which process', async () => {
  await using server = await startOurServer();
  const pidFile = join(temporaryFolder(), 'pid');
  // It removes the file when it ends, so this hits nobody else.
  onTestFinished(() => {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  });
  const worker = [
    ...where(server.port),
    '-w',
    '-d',
    '-c',
    '1',
    '-i',
    pidFile,
    '-f',
    'upper',
    'tr',
    'a-z',
    'A-Z',
  ];
  expect(await startCommand('gearman', worker).ended).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await runHere(runGearman, [...where(server.port), '-f', 'upper', 'hello'])).toMatchObject({
    code: 0,
    stdout: 'HELLO',
  });
  await expect.poll(() => existsSync(pidFile), { timeout: 10_000 }).toBe(false);
});

test('a command that cannot be started fails its job, and the worker goes on', async () => {
  await using server = await startOurServer();
  const worker = startCommand('gearman', [
    ...where(server.port),
    '-w',
    '-c',
    '2',
    '-f',
    'none',
    '/no/such/command',
  ]);
  for (const _ of [1, 2]) {
    expect(await runHere(runGearman, [...where(server.port), '-f', 'none', 'x'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Job failed\n',
    });
  }
  const { code, stderr } = await worker.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(gearman: .*\/no\/such\/command.*\n){2}$/)]);
});

test('a worker says once that nobody is there, and works when somebody is', async () => {
  const first = await startOurServer();
  const { port } = first;
  await first.stop();
  const worker = startCommand('gearman', [...where(port), '-w', '-c', '1', '-f', 'echo', 'cat']);
  await worker.says(`127.0.0.1:${port}`);
  await using _server = await startOurServer({}, port);
  expect((await runHere(runGearman, [...where(port), '-f', 'echo', 'hello'])).stdout).toBe('hello');
  const { code, stderr } = await worker.ended;
  expect([code, stderr.split('\n').length]).toEqual([0, 2]);
});
