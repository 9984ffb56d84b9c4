import { startOurServer, startRawWorker, type TestServer } from '@gearman/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runGearman } from '../../src/index.ts';
import { runHere } from '../support/run-here.ts';

describe('gearman, about schedules', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startOurServer();
  });
  afterAll(() => server.stop());

  const here = (...args: string[]) => runHere(runGearman, [...args, '--servers', server.server]);
  const list = async () => JSON.parse((await here('schedules', '--json')).stdout).schedules;

  test('schedule has the server submit jobs, which workers get', async () => {
    let resolve: (text: string) => void = () => {};
    const arrived = new Promise<string>((done) => {
      resolve = done;
    });
    await using _worker = await startRawWorker(server.port, {
      tick: (job) => {
        resolve(job.text);
        job.complete();
      },
    });
    const { code, stdout, stderr } = await here('schedule', 'tick', '* * * * * *', 'tock');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^${server.server}//S:\\S+\n$`));
    expect(await arrived).toBe('tock');
    expect(await here('unschedule', stdout.trim())).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await here('unschedule', stdout.trim())).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has no schedule'),
    });
    expect(await list()).toEqual([]);
  });

  test('schedules lists them; they pause, resume and run when told to', async () => {
    const rules = [
      '--time-zone',
      'Asia/Tokyo',
      '--limit',
      '3',
      '--overlap',
      'allow',
      '--catch-up',
      'all',
      '--high',
    ];
    const said = await here('schedule', 'report', '@daily', '-u', 'nightly', '--json', ...rules);
    const { ok, schedule } = JSON.parse(said.stdout);
    expect(ok).toBe(true);
    expect(await list()).toEqual([
      {
        ...{
          server: server.server,
          handle: schedule.split('//')[1],
          functionName: 'report',
          uniqueId: 'nightly',
        },
        ...{ cron: '0 0 * * *', timeZone: 'Asia/Tokyo', state: 'active', runs: 0, lastRun: null },
        nextRun: expect.stringMatching(/T15:00:00\.000Z$/),
      },
    ]);
    expect(JSON.parse((await here('schedule-pause', schedule, '--json')).stdout)).toEqual({
      ok: true,
      failures: [],
    });
    expect(await list()).toMatchObject([{ state: 'paused', nextRun: null }]);
    expect((await here('schedule-resume', schedule)).code).toBe(0);
    expect((await here('schedule-run', schedule)).code).toBe(0);
    expect(JSON.parse((await here('priority', '--json')).stdout).functions).toContainEqual(
      expect.objectContaining({ functionName: 'report', high: 1 }),
    );
    const { stdout } = await here('schedules');
    expect(stdout.split('\n')[0]?.split(/\s+/)).toEqual([
      ...['SCHEDULE', 'FUNCTION', 'CRON', 'ZONE', 'NEXT', 'LAST', 'STATE', 'RUNS', 'UNIQUE'],
    ]);
    expect(stdout).toContain('report');
    await here('unschedule', schedule);
  });

  test('says the same schedule twice, and it is one; with its id it is replaced', async () => {
    const one = await here('schedule', 'same', '0 3 * * *', 'x');
    expect(await here('schedule', 'same', '0 3 * * *', 'x')).toEqual(one);
    expect((await here('schedule', 'same', '0 4 * * *', 'x')).stdout).not.toBe(one.stdout);
    const named = await here('schedule', 'same', '0 3 * * *', 'x', '--unique', 'u');
    expect(await here('schedule', 'same', '0 9 * * *', 'y', '--unique', 'u')).toEqual(named);
    const crons = (await list()).map(({ cron }: { cron: string }) => cron);
    expect(crons.sort()).toEqual(['0 3 * * *', '0 4 * * *', '0 9 * * *']);
  });

  test('refuses what never comes or nobody understands', async () => {
    expect(await here('schedule', 'f', '0 0 30 2 *')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching('never'),
    });
    expect(await here('schedule', 'f', '* * *')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching('cron line'),
    });
    expect(await here('schedule', 'f', '@daily', '--time-zone', 'Mars/Base')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching('not a time zone'),
    });
    expect(await here('schedule', 'f', '@daily', '--catch-up', 'some')).toMatchObject({ code: 2 });
  });

  test('pause and resume hold a function back, and paused names it', async () => {
    expect(await here('pause', 'held')).toEqual({ code: 0, stdout: '', stderr: '' });
    await using _worker = await startRawWorker(server.port, { held: (job) => job.complete('done') });
    await here('submit', 'held', 'x', '--background');
    expect(await here('paused')).toEqual({ code: 0, stdout: 'held\n', stderr: '' });
    expect(JSON.parse((await here('status', '--json')).stdout).functions).toContainEqual(
      expect.objectContaining({ functionName: 'held', queued: 1, running: 0 }),
    );
    expect((await here('resume', 'held')).code).toBe(0);
    expect(await here('submit', 'held', 'x')).toEqual({ code: 0, stdout: 'done', stderr: '' });
    expect(await here('paused')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await here('resume', 'unknown')).toMatchObject({ code: 1 });
  });
});
