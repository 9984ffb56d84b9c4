import { response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { RunAt, Schedule, ScheduleOptions } from '../../src/index.ts';
import { parseTimes } from '../../src/schedule.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const DATA = new TextEncoder().encode('data');

const fields = (schedule: string | Schedule): string =>
  Object.values(parseTimes(schedule).wire ?? {}).join(' ');

describe('submitAt()', () => {
  test.each<[string, RunAt, string]>([
    ['a Date, rounded up to whole seconds', new Date(1_700_000_000_001), '1700000001'],
    ['a Date on the second', new Date(1_700_000_000_000), '1700000000'],
    ['seconds', 1_700_000_000, '1700000000'],
    ['a time that is past', 0, '0'],
  ])('sends %s', async (_, when, epoch) => {
    const { client, server } = await connectFakeClient();
    const ref = client.submitAt('f', when, 'data', { uniqueId: 'u' });
    await turn();
    expect(server.received).toMatchObject([
      { type: 'SUBMIT_JOB_EPOCH', functionName: 'f', uniqueId: 'u', epoch, workload: DATA },
    ]);
    server.create('H:1');
    expect(String(await ref)).toBe('a:1//H:1');
  });

  test('counts a delay from now, never before its time', async () => {
    const { client, server, clock } = await connectFakeClient();
    const ref = client.submitAt('f', { delayMs: 1500 });
    await turn();
    const [packet] = server.take('SUBMIT_JOB_EPOCH');
    expect(packet?.epoch).toBe(String(Math.ceil((clock.now() + 1500) / 1000)));
    expect(packet?.uniqueId).toMatch(/^[0-9a-f-]{36}$/);
    server.create('H:1');
    await ref;
  });

  test.each<[string, RunAt]>([
    ['an invalid Date', new Date(Number.NaN)],
    ['a negative time', -1],
    ['a fraction of a second', 1.5],
    ['a time past all integers', 2 ** 60],
    ['a negative delay', { delayMs: -1 }],
  ])('rejects %s, and sends nothing', async (_, when) => {
    const { client, server } = await connectFakeClient();
    expect(await errorOf(client.submitAt('f', when))).toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    await turn();
    expect(server.types).toEqual([]);
  });

  test('rejects with UNSUPPORTED where the server does not know the packet', async () => {
    const { client, server } = await connectFakeClient();
    const error = errorOf(client.submitAt('f', 0));
    await turn();
    server.send(response('ERROR', { code: 'INVALID_COMMAND', text: 'Command not expected' }));
    expect(await error).toMatchObject({
      code: 'ERR_GEARMAN_UNSUPPORTED',
      command: 'SUBMIT_JOB_EPOCH',
      cause: { code: 'ERR_GEARMAN_SERVER' },
    });
  });
});

describe('schedule()', () => {
  test('sends the five fields in the order of the protocol, and resolves with the reference', async () => {
    const { client, server } = await connectFakeClient();
    const ref = client.schedule('f', { minute: 5, hour: 4, day: 3, month: 2, dow: 'tue' }, 'data');
    await turn();
    expect(server.received).toMatchObject([
      {
        type: 'SUBMIT_JOB_SCHED',
        functionName: 'f',
        minute: '5',
        hour: '4',
        dayOfMonth: '3',
        month: '2',
        dayOfWeek: '1',
        workload: DATA,
      },
    ]);
    server.create('S:1');
    expect(await ref).toMatchObject({ handle: 'S:1' });
  });

  test('rejects with UNSUPPORTED on gearmand', async () => {
    const { client, server } = await connectFakeClient();
    const error = errorOf(client.schedule('f', '@daily'));
    await turn();
    server.send(response('ERROR', { code: 'INVALID_COMMAND', text: 'Command not expected' }));
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_UNSUPPORTED', command: 'SUBMIT_JOB_SCHED' });
  });

  test('rejects a schedule that cannot be sent', async () => {
    const { client } = await connectFakeClient();
    for (const call of [
      client.schedule('f', '* * *'),
      client.schedule('f', '* * * * *', 'x', { jitterMs: -1 }),
      client.schedule('f', '* * * * *', 'x', { catchUp: 'some' as never }),
      client.schedule('f', '* * * * *', 'x', { surprise: 1 } as never),
    ])
      expect(await errorOf(call)).toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  });

  test.each<[string, string | Schedule, ScheduleOptions, object]>([
    ['seconds', '30 0 3 * * *', {}, { cron: '30 0 3 * * *', priority: 'normal' }],
    ['the last day of a month', '0 3 L * *', {}, { cron: '0 3 L * *', priority: 'normal' }],
    [
      'rules',
      { hour: 3, dow: 'sun' },
      {
        ...{
          timeZone: 'Europe/Berlin',
          catchUp: 'all',
          overlap: 'allow',
          limit: 2,
          jitterMs: 10,
          priority: 'high',
        },
        ...{ startAt: new Date(1000), endAt: new Date(5000) },
      },
      {
        ...{
          cron: '* 3 * * 0',
          timeZone: 'Europe/Berlin',
          catchUp: 'all',
          overlap: 'allow',
          limit: 2,
          jitterMs: 10,
        },
        ...{ priority: 'high', startAtMs: 1000, endAtMs: 5000 },
      },
    ],
    [
      'a zone in other letters',
      '@daily',
      { timeZone: 'Bäse' },
      { cron: '0 0 * * *', timeZone: 'Bäse', priority: 'normal' },
    ],
  ])('agrees on an extension for %s', async (_, schedule, options, sent) => {
    const { client, server } = await connectFakeClient();
    const ref = client.schedule('f', schedule, 'data', { uniqueId: 'u', ...options });
    await turn();
    expect(server.options).toContain('x-schedule');
    await turn();
    const [packet] = server.take('SUBMIT_SCHEDULE');
    expect(packet).toMatchObject({ functionName: 'f', uniqueId: 'u', workload: DATA });
    expect(packet?.options).toMatch(/^[ -~]*$/);
    expect(JSON.parse(packet?.options ?? '')).toEqual(sent);
    server.create('S:1');
    expect(await ref).toMatchObject({ handle: 'S:1' });
  });

  test('rejects with UNSUPPORTED where a server does not know the extension, and the connection stays', async () => {
    const { client, server } = await connectFakeClient();
    const error = errorOf(client.schedule('f', '@daily', 'x', { limit: 1 }));
    await turn();
    server.send(
      response('ERROR', { code: 'UNKNOWN_OPTION', text: 'Server does not recognize given option' }),
    );
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_UNSUPPORTED', command: 'SUBMIT_SCHEDULE' });
    expect(server.types).toEqual([]);
    expect(client.pool.servers).toMatchObject([{ state: 'ready' }]);
  });

  test('has the same unique id for the same call, another one for any other, and none if told so', async () => {
    const { client, server } = await connectFakeClient();
    const ids: string[] = [];
    const idOf = async (
      functionName: string,
      schedule: string,
      data: string,
      options?: ScheduleOptions,
    ): Promise<string> => {
      const ref = client.schedule(functionName, schedule, data, options);
      await turn();
      ids.push(server.take('SUBMIT_JOB_SCHED')[0]?.uniqueId ?? '');
      server.create('S:1');
      await ref;
      return ids.at(-1) ?? '';
    };
    const id = await idOf('f', '@daily', 'data');
    expect(id).toMatch(/^[0-9a-f]{40}$/);
    expect(await idOf('f', '0 0 * * *', 'data')).toBe(id);
    for (const call of [
      ['g', '@daily', 'data'],
      ['f', '@hourly', 'data'],
      ['f', '@daily', 'other'],
    ] as const)
      expect(await idOf(call[0], call[1], call[2])).not.toBe(id);
    expect(new Set(ids).size).toBe(4);
    expect(await idOf('f', '@daily', 'data', { generateUnique: false })).toBe('');
    expect(await idOf('f', '@daily', 'data', { uniqueId: 'nightly' })).toBe('nightly');
  });
});

describe('A schedule', () => {
  test.each<[string | Schedule, string]>([
    ['* * * * *', '* * * * *'],
    ['0 3 * * *', '0 3 * * *'],
    ['  59  23 31 12 6 ', '59 23 31 12 5'],
    // Cron counts from Sunday, the wire from Monday.
    ['0 0 * * 0', '0 0 * * 6'],
    ['0 0 * * 1', '0 0 * * 0'],
    ['0 0 * * 7', '0 0 * * 6'],
    ['0 0 * * sun', '0 0 * * 6'],
    ['0 0 * * Mon', '0 0 * * 0'],
    ['0 0 1 JAN *', '0 0 1 1 *'],
    ['0 0 1 dec *', '0 0 1 12 *'],
    ['@hourly', '0 * * * *'],
    ['@weekly', '0 0 * * 6'],
    ['@Yearly', '0 0 1 1 *'],
    [{}, '* * * * *'],
    [{ hour: 3, dow: 0 }, '* 3 * * 0'],
    [{ minute: 0, dow: 'sun' }, '0 * * * 6'],
    [{ day: 29, month: 2 }, '* * 29 2 *'],
    ['*/5 8-17 1,15 1-12/3 *', '*/5 8-17 1,15 1-12/3 *'],
    ['0 0 * * mon-fri', '0 0 * * 0,1,2,3,4'],
    ['0 0 * * 5-7', '0 0 * * 4,5,6'],
    ['0 0 * * fri-sun', '0 0 * * 4,5,6'],
    ['0 0 * * sat,sun', '0 0 * * 5,6'],
    ['0 0 * * */2', '0 0 * * 1,3,5,6'],
    ['0 0 * * 0-7', '0 0 * * *'],
    ['0 0 * jan,MAR *', '0 0 * 1,3 *'],
    ['0 0 31 4,5 *', '0 0 31 4,5 *'],
    [{ minute: '*/5', hour: '8-17', dow: 'mon-fri' }, '*/5 8-17 * * 0,1,2,3,4'],
    [{ minute: 0, month: 'jan-mar', dow: '0-6' }, '0 * * 1-3 *'],
  ])('%j is %s on the wire', (schedule, wire) => {
    expect(fields(schedule)).toBe(wire);
  });

  test.each<[string | Schedule, RegExp]>([
    ['5/10 * * * *', /a step needs/],
    ['*/0 * * * *', /a step needs/],
    ['0 17-8 * * *', /a step needs/],
    ['0 0-24 * * *', /hour is 24/],
    [{ minute: '1 -2' }, /minute is "1 -2"; expected 0 to 59/],
    [{ dow: 'some-day' }, /dow/],
    [{ hour: -1 }, /hour/],
    [{ hour: 1.5 }, /hour/],
    ['60 * * * *', /minute is 60; expected 0 to 59/],
    ['0 24 * * *', /hour is 24/],
    ['0 0 0 * *', /day is 0; expected 1 to 31/],
    ['0 0 * 13 *', /month is 13/],
    ['0 0 * * 8', /dow is 8/],
    ['0 0 30 2 *', /month 2 has no day 30/],
    ['0 0 31 apr *', /month 4 has no day 31/],
    ['* * * *', /expected five fields/],
    ['', /expected five fields/],
    ['@reboot', /expected five fields/],
    [{ minute: 60 }, /minute/],
    [{ dow: 7 }, /dow/],
    [{ day: 31, month: 11 }, /month 11 has no day 31/],
  ])('%j is refused', (schedule, message) => {
    expect(() => parseTimes(schedule)).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
    expect(() => parseTimes(schedule)).toThrow(message);
  });

  test.each<[string | Schedule, string]>([
    ['@weekly', '0 0 * * 0'],
    [' 0  3 * *\tmon ', '0 3 * * mon'],
    ['*/10 * * * * *', '*/10 * * * * *'],
    ['0 9 * * fri#2', '0 9 * * fri#2'],
    [{ minute: 0, hour: 3, dow: 0 }, '0 3 * * 1'],
    [{ minute: 0, hour: 3, dow: 'sun' }, '0 3 * * 0'],
    [{ minute: 0, hour: 3, dow: '4-6' }, '0 3 * * 0,5,6'],
  ])('%j is %s in cron', (schedule, cron) => {
    expect(parseTimes(schedule).cron).toBe(cron);
  });
});
