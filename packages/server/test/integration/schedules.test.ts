import { type Packet, request } from '@gearman/protocol';
import type { ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, preSleep, submitBackground } from '../support/requests.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const read = (messages: readonly string[]): string[] => messages.map(readMessage);

/** `minute hour day month weekday`, each with commas for blanks in it; `-` is an empty field. */
function plain(fields: string, { functionName = 'f', uniqueId = '', data = 'x' } = {}): Packet {
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields
    .split(' ')
    .map((field) => (field === '-' ? '' : field));
  const when = { minute, hour, dayOfMonth, month, dayOfWeek };
  return request('SUBMIT_JOB_SCHED', { functionName, uniqueId, ...when, workload: bytes(data) });
}

function withRules(options: object | string, uniqueId = ''): Packet {
  const text = typeof options === 'string' ? options : JSON.stringify(options);
  return request('SUBMIT_SCHEDULE', { functionName: 'f', uniqueId, options: text, workload: bytes('x') });
}

const askFor = (option: string): Packet => request('OPTION_REQ', { option });

async function start(options: ServerOptions = {}) {
  const clock = new FakeClock();
  const running = await startServer({ clock, timeZone: 'UTC', ...options });
  return { clock, running, client: await running.connect() };
}

/** The rows of `show schedules`. */
async function listing(running: RunningServer): Promise<string[][]> {
  const client = await running.connect();
  const lines = (await client.askText('show schedules\n')).split('\n');
  await client.close();
  return lines.slice(0, -2).map((line) => line.split('\t'));
}

describe('SUBMIT_JOB_SCHED', () => {
  test('submits a background job again and again, which workers get as any other', async () => {
    const { clock, running, client } = await start();
    const worker = await running.connect();
    await worker.ask(canDo('f'), preSleep());
    const [created] = read(await client.ask(plain('*/10 - - - -', { data: 'again\0\xff' })));
    expect(created).toMatch(/^JOB_CREATED S:.*-1$/);
    for (let i = 0; i < 3; i++) {
      await clock.advanceAsync(10 * 60_000);
      expect(read(await worker.arrived())).toEqual(['NOOP']);
      const [assigned = ''] = await worker.ask(grab());
      expect(readMessage(assigned)).toMatch(/^JOB_ASSIGN H:.*\|f\|again\\u0000\xff$/);
      await worker.ask(request('WORK_COMPLETE', { handle: handleIn(assigned), data: bytes('') }), preSleep());
    }
    expect(await listing(running)).toMatchObject([{ 0: created?.slice(12), 1: 'f', 7: '3' }]);
  });

  test.each([
    ['5 4 3 2 1', '5 4 3 2 2'],
    ['0 0 * * 6', '0 0 * * 0'],
    ['0 0 * * 0-4', '0 0 * * 1,2,3,4,5'],
    ['- - - - -', '* * * * *'],
    ['*/15 8-17 1,15 */3 *', '*/15 8-17 1,15 */3 *'],
  ])('%s is %s in cron', async (fields, cron) => {
    const { running, client } = await start();
    await client.ask(plain(fields));
    expect((await listing(running)).map((row) => row[2])).toEqual([cron]);
  });

  test.each([
    ['60 * * * *', /^ERROR INVALID_ARGUMENT\|Not a schedule: .*minute/],
    ['* * * * 7', /^ERROR INVALID_ARGUMENT\|Not a schedule: a field says no numbers$/],
    ['* * 30 2 *', /^ERROR INVALID_ARGUMENT\|Not a schedule: it never comes$/],
    ['a\xfc * * * *', /^ERROR INVALID_ARGUMENT\|Not a schedule: /],
  ])('%s is refused', async (fields, error) => {
    const { running, client } = await start();
    expect(read(await client.ask(plain(fields)))).toEqual([expect.stringMatching(error)]);
    expect(running.server.stats.schedules).toBe(0);
  });

  test('with the same function and unique id replaces, and has the same handle', async () => {
    const { running, client } = await start();
    const made = await client.ask(
      plain('0 * * * *', { uniqueId: 'u' }),
      plain('5 * * * *', { uniqueId: 'u' }),
      plain('5 * * * *', { uniqueId: 'v' }),
    );
    const [one, two, three] = made.map(handleIn);
    expect(one).toBe(two);
    expect(three).not.toBe(two);
    expect((await listing(running)).map((row) => [row[2], row[8]])).toEqual([
      ['5 * * * *', 'u'],
      ['5 * * * *', 'v'],
    ]);
  });

  test('is refused past maxSchedules and maxScheduleBytes, which are counted', async () => {
    const { running, client } = await start({ limits: { maxSchedules: 1, maxScheduleBytes: 10 } });
    const big = { data: 'x'.repeat(11) };
    const long = { uniqueId: 'u'.repeat(65) };
    const all = '* * * * *';
    expect(read(await client.ask(plain(all, big), plain(all, long), plain(all), plain(all)))).toEqual([
      'ERROR ARGUMENT_TOO_LARGE|The payload of the schedule is too large',
      'ERROR ARGUMENT_TOO_LARGE|Unique value too large',
      expect.stringMatching(/^JOB_CREATED S:/),
      'ERROR QUEUE_ERROR|No more schedules are accepted',
    ]);
    expect(running.server.stats.limits).toMatchObject({ maxSchedules: 1, maxScheduleBytes: 1 });
  });
});

describe('SUBMIT_SCHEDULE', () => {
  test('needs to be agreed on', async () => {
    const { client } = await start();
    expect(read(await client.ask(withRules({ cron: '* * * * *' })))).toEqual([
      expect.stringMatching(/^ERROR INVALID_COMMAND/),
    ]);
    await client.closed;
  });

  test('says what the wire of old cannot: zones, seconds, limits, priorities', async () => {
    const { clock, running, client } = await start();
    const rules = {
      ...{ cron: '30 0 9 * * *', timeZone: 'Asia/Tokyo', catchUp: 'all', overlap: 'allow' },
      ...{ startAtMs: 1, endAtMs: 9e12, limit: 2, jitterMs: 0, priority: 'high' },
    };
    const answers = await client.ask(askFor('x-schedule'), withRules(rules, 'daily'));
    expect(read(answers)).toEqual(['OPTION_RES x-schedule', expect.stringMatching(/^JOB_CREATED S:/)]);
    const next = new Date(Math.ceil((clock.now() - 30_000) / 86_400_000) * 86_400_000 + 30_000).toISOString();
    expect(await listing(running)).toEqual([
      [handleIn(answers[1]), 'f', '30 0 9 * * *', 'Asia/Tokyo', next, '-', 'active', '0', 'daily'],
    ]);
    await clock.advanceAsync(86_400_000);
    expect(await listing(running)).toMatchObject([{ 5: next, 7: '1' }]);
    await clock.advanceAsync(86_400_000);
    expect(await listing(running)).toEqual([]);
    expect(await client.askText('prioritystatus\n')).toBe('f\t2\t0\t0\t0\n.\n');
  });

  test.each([
    ['not json', 'the options are not JSON'],
    [{}, /^cron: /],
    [{ cron: '* * * * *', zone: 'UTC' }, /zone/],
    [{ cron: '* * * * *', limit: 0 }, /^limit: /],
    [{ cron: '* * * * *', catchUp: 'some' }, /^catchUp: /],
    [{ cron: '* * * * *', timeZone: 'Mars/Bäse' }, 'is not a time zone'],
    [{ cron: '* * * * *', endAtMs: 1 }, 'it never comes'],
    [{ cron: '* * * *' }, 'five fields'],
    ['[]', /object/],
    ['{"cron":"* * * * *","__proto__":{}}', /__proto__/],
  ])('%j is refused', async (options, problem) => {
    const { client } = await start();
    const ascii = typeof options === 'string' ? options : JSON.stringify(options).replace('ä', '\\u00e4');
    const [, answer] = read(await client.ask(askFor('x-schedule'), withRules(ascii)));
    expect(answer).toMatch(/^ERROR INVALID_ARGUMENT\|Not a schedule: /);
    expect(answer?.split('Not a schedule: ')[1]).toMatch(problem);
  });
});

describe('text commands', () => {
  test('pause, resume, run and cancel schedules', async () => {
    const { clock, running, client } = await start();
    const [handle = ''] = (await client.ask(plain('0 * * * *'))).map(handleIn);
    const state = async () => (await listing(running)).map((row) => `${row[4] === '-'} ${row[6]} ${row[7]}`);
    expect(await state()).toEqual(['false active 0']);
    expect(await client.askText(`pause schedule ${handle}\n`)).toBe('OK\r\n');
    expect(await state()).toEqual(['true paused 0']);
    await clock.advanceAsync(7_200_000);
    expect(running.server.stats.jobs).toBe(0);
    expect(await client.askText(`RESUME Schedule ${handle}\n`)).toBe('OK\r\n');
    await clock.advanceAsync(3_600_000);
    expect(await state()).toEqual(['false active 1']);
    expect(await client.askText(`run schedule ${handle}\n`)).toBe(
      'ERR SCHEDULE_OVERLAPS The+job+of+an+earlier+run+has+not+ended\r\n',
    );
    const worker = await running.connect();
    const [job] = await worker.ask(canDo('f'), grab());
    await worker.ask(request('WORK_FAIL', { handle: handleIn(job) }));
    expect(await client.askText(`run schedule ${handle}\n`)).toBe('OK\r\n');
    expect(running.server.stats.jobs).toBe(1);
    expect(await client.askText(`cancel schedule ${handle}\n`)).toBe('OK\r\n');
    expect(await state()).toEqual([]);
    for (const what of ['pause', 'resume', 'run', 'cancel'])
      expect(await client.askText(`${what} schedule ${handle}\n`)).toBe('ERR UNKNOWN_SCHEDULE\r\n');
  });

  test('cancel job ends a schedule, too', async () => {
    const { running, client } = await start();
    const [handle = ''] = (await client.ask(plain('0 * * * *'))).map(handleIn);
    expect(await client.askText(`cancel job ${handle}\n`)).toBe('OK\r\n');
    expect(await client.askText(`cancel job ${handle}\n`)).toBe('ERR UNKNOWN_JOB\r\n');
    expect(running.server.stats.schedules).toBe(0);
  });

  test('run says why there is no job', async () => {
    const { client } = await start();
    const [handle = ''] = (await client.ask(plain('0 * * * *'), submitBackground('f'))).map(handleIn);
    await client.askText('maxqueue f 1\n');
    expect(await client.askText(`run schedule ${handle}\n`)).toBe('ERR QUEUE_ERROR Job+queue+is+full\r\n');
  });

  test.each([
    ['pause', 'pause'],
    ['pause function', 'pause'],
    ['pause function f g', 'pause'],
    ['resume nothing f', 'resume'],
    ['run', 'run'],
    ['run function f', 'run'],
  ])('%s is incomplete', async (line, command) => {
    const { client } = await start();
    expect(await client.askText(`${line}\n`)).toMatch(new RegExp(`^ERR INVALID_ARGUMENTS .*${command}\r\n$`));
  });

  test('pause and resume functions, and say which are paused', async () => {
    const { running, client } = await start();
    const worker = await running.connect();
    await worker.ask(canDo('f'), preSleep());
    for (const name of ['f', '.', 'g'])
      expect(await client.askText(`pause function ${name}\n`)).toBe('OK\r\n');
    expect(await client.askText('show paused\n')).toBe('f\n\\x2e\ng\n.\n');
    await client.ask(submitBackground('f'));
    expect(await worker.arrived()).toEqual([]);
    expect(await client.askText('status\n')).toBe('f\t1\t0\t1\n.\t0\t0\t0\ng\t0\t0\t0\n.\n');
    for (const name of ['f', '.']) expect(await client.askText(`resume function ${name}\n`)).toBe('OK\r\n');
    expect(await client.askText('resume function none\n')).toBe('ERR function not found\r\n');
    expect(read(await worker.arrived())).toEqual(['NOOP']);
    expect(await client.askText('show paused\n')).toBe('g\n.\n');
  });

  test('names and lines of hostile peers do not break the list', async () => {
    const { running, client } = await start();
    await client.ask(plain('0\t* * * *'), plain('0 * * * *', { functionName: 'a\tb\n.', uniqueId: 'u\r\n' }));
    expect(await listing(running)).toMatchObject([{ 1: 'a\\x09b\\x0a.', 8: 'u\\x0d\\x0a' }]);
  });
});

describe('with a store', () => {
  test('a schedule is acknowledged when it is durable, and refused when it cannot be', async () => {
    const store = new MemoryStore();
    const { client } = await start({ store });
    store.hold();
    const started = store.started();
    client.send(plain('0 * * * *'));
    await started;
    const arrived = client.arrived();
    store.letGo();
    expect(read(await arrived)).toEqual([expect.stringMatching(/^JOB_CREATED S:/)]);
    expect([...store.place.settings.keys()].filter((key) => key.startsWith('schedule'))).toHaveLength(2);
    store.refuse = new Error('ENOSPC: no space left on device');
    expect(read(await client.ask(plain('0 * * * *')))).toEqual([
      'ERROR QUEUE_ERROR|The job cannot be stored: ENOSPC: no space left on device',
    ]);
  });

  test('schedules and paused functions are there after a restart, under their handles; runs missed are made up for', async () => {
    const place = new MemoryPlace();
    const clock = new FakeClock();
    const startAgain = () => startServer({ clock, timeZone: 'UTC', store: new MemoryStore(place) });
    const first = await startAgain();
    const client = await first.connect();
    await client.ask(askFor('x-schedule'));
    const [handle] = (
      await client.ask(withRules({ cron: '0 * * * *', catchUp: 'all', overlap: 'allow' }))
    ).map(handleIn);
    await client.askText('pause function f\n');
    await expect.poll(() => place.settings.has('paused:f')).toBe(true);
    await first.server.close();
    clock.advance(3 * 3_600_000);

    const running = await startAgain();
    await clock.advanceAsync(0);
    expect(await listing(running)).toMatchObject([{ 0: handle, 7: '3' }]);
    await expect.poll(() => place.jobs.size).toBe(3);
    const worker = await running.connect();
    expect(read(await worker.ask(canDo('f'), grab()))).toEqual(['NO_JOB']);
    expect(await worker.askText('show paused\n')).toBe('f\n.\n');
    await worker.askText('resume function f\n');
    const uniques = read(
      await worker.ask(...Array.from({ length: 4 }, () => request('GRAB_JOB_UNIQ', {}))),
    ).map((answer) => answer.split('|')[2]?.split('@')[0]);
    expect(uniques).toEqual([handle, handle, handle, undefined]);
  });

  test('a setting that is not understood is logged, and stays', async () => {
    const place = new MemoryPlace();
    place.settings.set('schedule:7', '{"version":2}');
    const errors: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: unknown) => errors.push(fields) };
    await start({ store: new MemoryStore(place), logger });
    expect(errors).toMatchObject([{ setting: 'schedule:7', problem: expect.stringMatching('version') }]);
    expect(place.settings.get('schedule:7')).toBe('{"version":2}');
  });

  test('closing leaves runs that are due for the next start', async () => {
    const place = new MemoryPlace();
    const { clock, running, client } = await start({ store: new MemoryStore(place) });
    await client.ask(plain('* * * * *'));
    const closing = running.server.close({ graceful: true });
    clock.advance(120_000);
    await closing;
    expect(place.jobs.size).toBe(0);
  });
});
