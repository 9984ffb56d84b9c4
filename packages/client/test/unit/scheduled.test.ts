import { response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { RunAt, Schedule } from '../../src/index.ts';
import { toWireSchedule } from '../../src/schedule.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const DATA = new TextEncoder().encode('data');

const fields = (schedule: string | Schedule): string => Object.values(toWireSchedule(schedule)).join(' ');

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
    expect(await errorOf(client.schedule('f', '* * *'))).toMatchObject({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
    });
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
  ])('%j is %s on the wire', (schedule, wire) => {
    expect(fields(schedule)).toBe(wire);
  });

  test.each<[string | Schedule, RegExp]>([
    ['*/5 * * * *', /no ranges, lists or steps/],
    ['0 1-5 * * *', /hour is "1-5".*no ranges/],
    ['0 1,2 * * *', /no ranges, lists or steps/],
    ['0 0 * * mon-fri', /no ranges/],
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
    expect(() => toWireSchedule(schedule)).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
    expect(() => toWireSchedule(schedule)).toThrow(message);
  });
});
