import { startOurServer, startRawWorker } from '@gearman/testing';
import { expect, test } from 'vitest';
import { runGearman } from '../../src/index.ts';
import { runHere } from '../support/run-here.ts';

test('gearman dead lists, requeues and deletes background jobs that failed for good', async () => {
  await using server = await startOurServer({ dead: {} });
  const gearman = (...args: readonly string[]) => runHere(runGearman, [...args, '--servers', server.server]);
  const worker = await startRawWorker(server.port, { f: (job) => job.exception('broken') });
  for (const data of ['one', 'two']) await gearman('submit', '--background', 'f', data);
  const listed = async () =>
    JSON.parse((await gearman('dead', 'list', '--json')).stdout) as { jobs: object[] };
  await expect
    .poll(async () => (await listed()).jobs)
    .toMatchObject([{ functionName: 'f', reason: 'exception', detail: 'broken' }, { functionName: 'f' }]);
  await worker.stop();
  const { stdout } = await gearman('dead', 'list', '--function', 'f');
  const [title, first = ''] = stdout.split('\n');
  expect(title).toMatch(/^JOB +FUNCTION +UNIQUE +ATTEMPTS +REASON +DIED +SAID$/);
  const [job = ''] = first.split(' ');
  expect(await gearman('dead', 'requeue', job)).toMatchObject({ code: 0, stdout: '1 run again\n' });
  expect(await gearman('dead', 'rm', '--all')).toMatchObject({ code: 0, stdout: '1 deleted\n' });
  expect(await gearman('dead', 'rm', job)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('has no dead job'),
  });
  expect((await listed()).jobs).toEqual([]);
  expect(await gearman('dead', 'requeue')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('needs one of'),
  });
});
