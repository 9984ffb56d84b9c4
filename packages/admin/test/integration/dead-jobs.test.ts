import { encodeText, request } from '@gearman/protocol';
import { RawConnection, type RawJob, startOurServer, startRawWorker } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createAdmin, type DeadJobInfo } from '../../src/index.ts';

/** A server with dead jobs of these functions. */
async function startWithDead(...functionNames: readonly string[]) {
  const server = await startOurServer({ dead: {} });
  onTestFinished(() => server.stop());
  const admin = createAdmin({ servers: server.server });
  onTestFinished(() => admin.close());
  const client = await RawConnection.open(server.port);
  onTestFinished(() => client.close());
  const handles: string[] = [];
  for (const functionName of functionNames.map(encodeText)) {
    client.send(
      request('CAN_DO', { functionName }),
      request('SUBMIT_JOB_BG', { functionName, uniqueId: '', workload: new Uint8Array(1) }),
      request('GRAB_JOB', {}),
    );
    await client.expect('JOB_CREATED');
    const { handle } = await client.expect('JOB_ASSIGN');
    client.send(request('WORK_EXCEPTION', { handle, data: Buffer.from('no\tentry: ünlü') }));
    handles.push(handle);
  }
  await expect.poll(async () => (await admin.dead.list()).jobs.length).toBe(functionNames.length);
  return { server, admin, handles };
}

test('admin.dead lists dead jobs with everything that is known of them', async () => {
  const { server, admin, handles } = await startWithDead('größe\tx', 'g');
  const { jobs } = await admin.dead.list();
  expect(jobs[0]).toEqual({
    server: server.server,
    handle: handles[0] ?? '',
    functionName: 'größe\tx',
    uniqueId: '',
    attempts: 1,
    reason: 'exception',
    diedAt: expect.any(Date),
    detail: 'no\tentry: ünlü',
  } satisfies DeadJobInfo);
  expect(Math.abs(Date.now() - Number(jobs[0]?.diedAt))).toBeLessThan(60_000);
  expect((await admin.dead.list({ functionName: 'g' })).jobs).toMatchObject([{ handle: handles[1] }]);
});

test('admin.dead.requeue() lets one, those of a function, or all run again', async () => {
  const { server, admin, handles } = await startWithDead('f', 'g', 'g', 'h');
  const value = async (answer: Promise<{ answers: readonly { value: number }[] }>) =>
    (await answer).answers[0]?.value;
  expect(await value(admin.dead.requeue(`${server.server}//${handles[0]}`))).toBe(1);
  expect(await value(admin.dead.requeue({ functionName: 'g' }))).toBe(2);
  expect(await value(admin.dead.requeue('all'))).toBe(1);
  const done: string[] = [];
  const takeDown = (job: RawJob): void => {
    done.push(job.functionName);
    job.complete();
  };
  await using _worker = await startRawWorker(server.port, { f: takeDown, g: takeDown, h: takeDown });
  await expect.poll(() => done.sort()).toEqual(['f', 'g', 'g', 'h']);
});

test('admin.dead.delete() forgets them', async () => {
  const { admin, handles } = await startWithDead('f', 'g');
  await admin.dead.delete(handles[0] ?? '');
  expect((await admin.dead.list()).jobs).toMatchObject([{ handle: handles[1] }]);
  await admin.dead.delete('all');
  expect((await admin.dead.list()).jobs).toEqual([]);
  await expect(admin.dead.delete(handles[1] ?? '')).rejects.toMatchObject({ code: 'ERR_GEARMAN_NOT_FOUND' });
});

test('a server that keeps no dead jobs says so', async () => {
  await using server = await startOurServer();
  await using admin = createAdmin({ servers: server.server });
  await expect(admin.dead.list()).rejects.toMatchObject({
    code: 'ERR_GEARMAN_SERVER',
    serverCode: 'NO_DEAD_JOBS',
  });
});
