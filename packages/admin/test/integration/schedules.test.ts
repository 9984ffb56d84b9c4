import { createServer } from '@gearman/server';
import { FakeClock, startRawWorker } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createAdmin } from '../../src/index.ts';
import { submitSchedule } from '../support/submit-schedule.ts';

async function start(prefix?: string) {
  const clock = new FakeClock();
  const server = await createServer({ clock, timeZone: 'UTC' }).listen({ port: 0 });
  onTestFinished(() => server.close());
  const admin = createAdmin({
    servers: server.address,
    ...(prefix !== undefined && { prefix, prefixSeparator: ':' }),
  });
  onTestFinished(() => admin.close());
  const port = server.addresses[0]?.port ?? 0;
  const schedule = (functionName: string, uniqueId = '') => submitSchedule(port, functionName, uniqueId);
  return { clock, server, admin, port, schedule };
}

test('schedules() has every schedule as values; with a prefix those with it, without it', async () => {
  const { clock, server, admin, schedule } = await start();
  const handle = await schedule('mine:grün\t', 'u\xfc');
  await schedule('other');
  const nextRun = new Date(clock.now() + 3_600_000);
  const { schedules, failures } = await admin.schedules();
  expect(failures).toEqual([]);
  expect(schedules).toEqual([
    {
      ...{
        server: server.address,
        handle,
        functionName: 'mine:grün\t',
        uniqueId: 'u\xfc',
        cron: '0 * * * *',
      },
      ...{ timeZone: 'UTC', nextRun, lastRun: null, state: 'active', runs: 0 },
    },
    expect.objectContaining({ functionName: 'other' }),
  ]);
  await clock.advanceAsync(3_600_000);
  expect((await admin.schedules()).schedules[0]).toMatchObject({ lastRun: nextRun, runs: 1 });
  const prefixed = createAdmin({ servers: server.address, prefix: 'mine', prefixSeparator: ':' });
  onTestFinished(() => prefixed.close());
  expect((await prefixed.schedules()).schedules.map(({ functionName }) => functionName)).toEqual(['grün\t']);
});

test('schedules are paused, resumed, run and cancelled by reference or handle', async () => {
  const { server, admin, schedule } = await start();
  const handle = await schedule('f');
  const ref = `${server.address}//${handle}`;
  await admin.pauseSchedule(ref);
  expect((await admin.schedules()).schedules).toMatchObject([{ state: 'paused', nextRun: null }]);
  await admin.resumeSchedule(handle);
  expect((await admin.schedules()).schedules).toMatchObject([{ state: 'active' }]);
  await admin.runNow(handle);
  expect(server.stats.jobs).toBe(1);
  await expect(admin.runNow(handle)).rejects.toMatchObject({
    code: 'ERR_GEARMAN_SERVER',
    serverCode: 'SCHEDULE_OVERLAPS',
  });
  await admin.cancelSchedule(ref);
  for (const call of ['pauseSchedule', 'resumeSchedule', 'runNow', 'cancelSchedule'] as const)
    await expect(admin[call](handle)).rejects.toMatchObject({ code: 'ERR_GEARMAN_NOT_FOUND' });
  const two = createAdmin({ servers: [server.address, '127.0.0.1:1'] });
  onTestFinished(() => two.close());
  await expect(two.cancelSchedule(handle)).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
});

test('cancelJob() ends a schedule, too', async () => {
  const { server, admin, schedule } = await start();
  await admin.cancelJob(await schedule('f'));
  expect(server.stats.schedules).toBe(0);
});

test('functions are paused, listed and resumed', async () => {
  const { admin, port, server } = await start('app');
  await admin.pause('f');
  await admin.pause('g');
  expect((await admin.paused()).functionNames).toEqual(['f', 'g']);
  const seen: string[] = [];
  await using _worker = await startRawWorker(port, {
    'app:f': (job) => {
      seen.push(job.text);
      job.complete();
    },
  });
  expect((await admin.resume('g')).failures).toEqual([]);
  expect((await admin.paused()).functionNames).toEqual(['f']);
  const other = createAdmin({ servers: server.address });
  onTestFinished(() => other.close());
  expect((await other.paused()).functionNames).toEqual(['app:f']);
  await expect(admin.resume('unknown')).rejects.toMatchObject({ code: 'ERR_GEARMAN_NOT_FOUND' });
  expect(seen).toEqual([]);
});
