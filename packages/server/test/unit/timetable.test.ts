import { describe, expect, test } from 'vitest';
import { Timetables } from '../../src/schedules/timetable.ts';
import { wireCron } from '../../src/schedules/wire-cron.ts';

const timetables = new Timetables('UTC');

/** The first few instants after a moment, as ISO times without seconds that are nought. */
function times(cron: string, timeZone: string, after: string, count: number): string[] {
  const timetable = timetables.of({ cron, timeZone });
  const found: string[] = [];
  for (let at: number | undefined = Date.parse(after); found.length < count; ) {
    at = timetable.next(at);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().replace(/(:00)?\.000Z$/, 'Z'));
  }
  return found;
}

describe('a timetable', () => {
  test.each([
    ['0 3 * * *', 'UTC', '2026-01-01T03:00Z', ['2026-01-02T03:00Z', '2026-01-03T03:00Z']],
    [
      '*/20 * * * *',
      'UTC',
      '2026-01-01T03:01Z',
      ['2026-01-01T03:20Z', '2026-01-01T03:40Z', '2026-01-01T04:00Z'],
    ],
    [
      '10,30 8-9 * * *',
      'UTC',
      '2026-01-01T08:10Z',
      ['2026-01-01T08:30Z', '2026-01-01T09:10Z', '2026-01-01T09:30Z'],
    ],
    ['*/30 * * * * *', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T00:00:30Z', '2026-01-01T00:01Z']],
    ['@weekly', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
    ['0 0 * * 0', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z']],
    ['0 0 * * 7', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z']],
    [
      '0 0 * * Mon-Wed',
      'UTC',
      '2026-01-01T00:00Z',
      ['2026-01-05T00:00Z', '2026-01-06T00:00Z', '2026-01-07T00:00Z'],
    ],
    // Either day will do when both are given, as in every cron.
    ['0 0 13 * fri', 'UTC', '2026-03-07T00:00Z', ['2026-03-13T00:00Z', '2026-03-20T00:00Z']],
    ['0 0 31 * *', 'UTC', '2026-01-31T00:00Z', ['2026-03-31T00:00Z', '2026-05-31T00:00Z']],
    ['0 12 29 2 *', 'Europe/Berlin', '2026-01-01T00:00Z', ['2028-02-29T11:00Z', '2032-02-29T11:00Z']],
    // 2100 is no leap year.
    ['0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', ['2104-02-29T00:00Z']],
    ['0 0 30 2 *', 'UTC', '2026-01-01T00:00Z', []],
  ])('%s in %s after %s', (cron, zone, after, expected) => {
    expect(times(cron, zone, after, Math.max(1, expected.length))).toEqual(expected);
  });

  // Germany goes from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
  // New York goes from 02:00 to 03:00 on 8 March 2026, and from 02:00 back to 01:00 on 1 November.
  test.each([
    [
      'a skipped time runs once, when the clock goes on',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'several skipped times run once',
      '15,45 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:15Z'],
    ],
    [
      'a skipped time and the one behind it run once',
      '0 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:00Z'],
    ],
    [
      'a repeated time runs once, the first time',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'a step goes on through a gap',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00Z',
      ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z'],
    ],
    [
      'a step goes on through a repeated hour',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:30Z',
      [
        '2026-10-25T00:00Z',
        '2026-10-25T00:30Z',
        '2026-10-25T01:00Z',
        '2026-10-25T01:30Z',
        '2026-10-25T02:00Z',
      ],
    ],
    [
      'a skipped time runs once',
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T12:00Z',
      ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    ],
    [
      'a repeated time runs once',
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T12:00Z',
      ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ],
    [
      'every hour is every hour',
      '0 * * * *',
      'America/New_York',
      '2026-11-01T04:30Z',
      ['2026-11-01T05:00Z', '2026-11-01T06:00Z', '2026-11-01T07:00Z'],
    ],
  ])('%s: %s in %s', (_, cron, zone, after, expected) => {
    expect(times(cron, zone, after, expected.length)).toEqual(expected);
  });

  test.each([
    '30 2 * * *',
    '15,45 2 * * *',
    '*/20 * * * *',
    '0 2,3 * * *',
    '30 1-3 * * *',
    '10 30 2 * * *',
    '0 0 L * *',
  ])('%s backwards is the same as forwards', (cron) => {
    for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC']) {
      const timetable = timetables.of({ cron, timeZone });
      for (const [from, to] of [
        ['2026-03-28', '2026-04-01'],
        ['2026-04-04', '2026-04-06'],
        ['2026-10-24', '2026-11-02'],
      ] as const) {
        const there: number[] = [];
        for (let at: number | undefined = Date.parse(from); at !== undefined && at <= Date.parse(to); ) {
          at = timetable.next(at);
          if (at !== undefined && at <= Date.parse(to)) there.push(at);
        }
        expect(there.length).toBeGreaterThanOrEqual(from === '2026-04-04' ? 0 : 1);
        expect(timetable.latest(Date.parse(to), there.length)).toEqual(there.reverse());
      }
    }
  });

  test('the latest instants include the moment itself', () => {
    const timetable = timetables.of({ cron: '* * * * *', timeZone: 'UTC' });
    expect(timetable.latest(120_000, 2)).toEqual([120_000, 60_000]);
    expect(timetable.latest(119_999, 1)).toEqual([60_000]);
    expect(timetable.next(119_999)).toBe(120_000);
    expect(timetable.next(120_000)).toBe(180_000);
  });

  test('without a zone it is in that of the server', () => {
    const timetable = new Timetables('Asia/Tokyo').of({ cron: '0 9 * * *', timeZone: undefined });
    expect(timetable.next(Date.parse('2026-01-01T00:00Z'))).toBe(Date.parse('2026-01-02T00:00Z'));
    expect(new Timetables(undefined).timeZone).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  });

  test('more lines than are kept in memory are read again', () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 150; i++) {
        const timetable = timetables.of({ cron: `${i % 60} ${i % 24} * * *`, timeZone: 'UTC' });
        expect(timetable.next(0)).toBe(((i % 24) * 60 + (i % 60)) * 60_000 || 86_400_000);
      }
    }
  });

  test.each([
    ['* * * *', undefined, /five fields/],
    ['2026-01-01T00:00:00', undefined, /five fields/],
    ['0 0 1 1 * * 2027', undefined, /five fields/],
    ['60 * * * *', undefined, /minute/],
    ['0 0 * * 8', undefined, /dayOfWeek/],
    ['5/10 * * * *', undefined, /stepping/],
    ['a b c d e', undefined, /illegal/],
    ['@reboot', undefined, /reboot/],
    ['* * * * *', 'Mars/Base', /"Mars\/Base" is not a time zone/],
    [`${'1,'.repeat(300)}1 * * * *`, undefined, /400 bytes/],
  ])('%s %s is refused', (cron, timeZone, problem) => {
    expect(timetables.problemWith({ cron, timeZone })).toMatch(problem);
  });

  test.each(['* * * * *', '0 0 * * 0-7', '@daily', '0 0 L * *', '0 9 * * fri#2', '*/5 9-17 * * mon-fri'])(
    '%s is not',
    (cron) => {
      expect(timetables.problemWith({ cron, timeZone: 'Europe/Berlin' })).toBeUndefined();
    },
  );
});

describe('the fields of a SUBMIT_JOB_SCHED', () => {
  const line = (fields: string): string | undefined => {
    const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields.split('|');
    return wireCron({ minute, hour, dayOfMonth, month, dayOfWeek });
  };

  test.each([
    ['5|4|3|2|1', '5 4 3 2 2'],
    ['||||', '* * * * *'],
    [' | |  | | ', '* * * * *'],
    ['*/5|1-3|1,15|1-12/3|*', '*/5 1-3 1,15 1-12/3 *'],
    // The wire counts days from Monday, cron from Sunday.
    ['0|0|*|*|0', '0 0 * * 1'],
    ['0|0|*|*|6', '0 0 * * 0'],
    ['0|0|*|*|0-4', '0 0 * * 1,2,3,4,5'],
    ['0|0|*|*|5,6', '0 0 * * 0,6'],
    ['0|0|*|*|4-6', '0 0 * * 0,5,6'],
    ['0|0|*|*|*/2', '0 0 * * 0,1,3,5'],
    ['0|0|*|*|1-5/2', '0 0 * * 2,4,6'],
    ['0|0|*|*|0-6', '0 0 * * *'],
    ['0|0|*|*|*/1', '0 0 * * *'],
    ['0|0|*|*|Mon-Fri', '0 0 * * Mon-Fri'],
  ])('%s are %s', (fields, cron) => {
    expect(line(fields)).toBe(cron);
    expect(timetables.problemWith({ cron, timeZone: undefined })).toBeUndefined();
  });

  test.each([
    '0|0|*|*|7',
    '0|0|*|*|3-1',
    '0|0|*|*|*/0',
    '0|0|*|*|1,,2',
    '0 0|0|*|*|*',
    '0|0|*|*|1 2',
    '0|0|*|*|-1',
  ])('%s are not a line', (fields) => {
    expect(line(fields)).toBeUndefined();
  });

  test('days of the week come on those days', () => {
    for (let wireDay = 0; wireDay < 7; wireDay++) {
      const cron = line(`0|0|*|*|${wireDay}`) ?? '';
      const next = timetables.of({ cron, timeZone: 'UTC' }).next(Date.parse('2026-01-04T12:00Z')) ?? 0;
      // 5 January 2026 is a Monday.
      expect(new Date(next).toISOString()).toBe(
        `2026-01-${String(5 + wireDay).padStart(2, '0')}T00:00:00.000Z`,
      );
    }
  });
});
