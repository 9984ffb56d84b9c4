import { type Packet, request } from '@gearman/protocol';
import type { FunctionOptions, ServerEvent, ServerOptions } from '@gearman/server';
import { createServer } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, submit, submitBackground, workComplete } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import type { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const fails = (handle: string): Packet => request('WORK_FAIL', { handle });
const throws = (handle: string, data: string): Packet =>
  request('WORK_EXCEPTION', { handle, data: Buffer.from(data, 'latin1') });
const AT_ONCE = { type: 'fixed', delayMs: 0 } as const;
const TWICE: FunctionOptions = { retry: { attempts: 2, backoff: AT_ONCE } };

/** A server on what the last one left; the last one is not closed: it was killed. */
const startOn = (place: MemoryPlace, options: ServerOptions) =>
  startServer({ dead: {}, ...options, store: new MemoryStore(place) });

/** Takes the next job and ends it so. @returns its handle */
async function failNext(worker: TestConnection, how = fails): Promise<string> {
  const [assigned] = await worker.ask(grab());
  const handle = handleIn(assigned);
  await worker.ask(how(handle));
  return handle;
}

/** The fields of each line of a listing. */
const rows = (answer: string): string[][] =>
  answer
    .split('\n')
    .slice(0, -2)
    .map((line) => line.split('\t'));

describe('the option functions', () => {
  test('says by name how often jobs are tried: an exact name first, then the longest beginning', async () => {
    const running = await startServer({
      functions: { 'mail*': TWICE, 'mail-once*': { retry: { attempts: 1 } }, 'mail-once-not': TWICE },
    });
    const worker = await running.connect();
    for (const [functionName, attempts] of [
      ['mail', 2],
      ['mail-x', 2],
      ['mail-once', 1],
      ['mail-once-not', 2],
      ['other', 1],
    ] as const) {
      const client = await running.connect();
      await client.ask(submit(functionName));
      await worker.ask(canDo(functionName));
      for (let attempt = 1; attempt < attempts; attempt++) {
        await failNext(worker);
        expect(await client.arrived()).toEqual([]);
      }
      const handle = await failNext(worker);
      expect(read(await client.arrived())).toEqual([`WORK_FAIL ${handle}`]);
    }
    expect(running.server.stats.counters).toMatchObject({ requeued: 3, fail: 5 });
  });

  test('tells listeners of each attempt, and how long the next one waits', async () => {
    const running = await startServer({
      functions: { f: { retry: { attempts: 2, backoff: { type: 'fixed', delayMs: 5000, jitter: 0 } } } },
      dead: {},
      clock: new FakeClock(),
    });
    const events: ServerEvent[] = [];
    running.server.on('job-requeued', (event) => events.push(event));
    running.server.on('job-ended', (event) => events.push(event));
    const worker = await running.connect();
    await worker.ask(submitBackground('f'), canDo('f'));
    await failNext(worker);
    expect(events).toMatchObject([{ type: 'job-requeued', reason: 'fail', retries: 1, delayMs: 5000 }]);
  });

  test.each([
    [{ 'a*b': {} }, 'a * stands only at the end'],
    [{ f: { retry: {} } }, 'functions.f.retry.attempts'],
    [{ f: { retry: { attempts: 0 } } }, 'functions.f.retry.attempts'],
    [{ f: { retry: { attempts: 2, backoff: { jitter: 2 } } } }, 'functions.f.retry.backoff.jitter'],
    [{ f: { retry: { attempts: 2, on: ['never'] } } }, 'functions.f.retry.on.0'],
    [{ f: { retries: 3 } }, 'functions.f'],
    [{ f: { ttlMs: 0 } }, 'functions.f.ttlMs'],
  ])('is checked at the door: %j', (functions, named) => {
    expect(() => createServer({ functions } as never)).toThrow(named);
  });
});

describe('a store', () => {
  const functions = {
    f: { retry: { attempts: 3, backoff: { type: 'fixed', delayMs: 60_000, jitter: 0 } } },
  } as const;

  test('keeps attempts, and until when a job waits for the next one', async () => {
    const place = new MemoryPlace();
    const clock = new FakeClock();
    const worker = await (await startOn(place, { functions, clock })).connect();
    await worker.ask(submitBackground('f', 'p'), canDo('f'));
    const handle = await failNext(worker);
    await expect.poll(() => [...place.jobs.values()][0]?.attempts).toBe(1);

    clock.advance(59_000);
    const again = await startOn(place, { functions, clock });
    const next = await again.connect();
    expect(read(await next.ask(canDo('f'), grab()))).toEqual(['NO_JOB']);
    clock.advance(1000);
    expect(read(await next.ask(grab()))).toEqual([`JOB_ASSIGN ${handle}|f|p`]);
    await next.ask(fails(handle));
    clock.advance(60_000);
    await failNext(next);
    await expect.poll(() => [...place.jobs.values()][0]).toMatchObject({ state: 'dead', attempts: 3 });
    expect(again.server.stats).toMatchObject({ jobs: 0, deadJobs: 1, counters: { dead: 1 } });
  });

  test('keeps the dead, and gives back their payloads when they are to run again', async () => {
    const place = new MemoryPlace();
    const worker = await (await startOn(place, {})).connect();
    await worker.ask(submitBackground('f', 'one', 'u'), submitBackground('f', 'two'), canDo('f'));
    const [one, two] = [
      await failNext(worker),
      await failNext(worker, (handle) => throws(handle, 'why\t\n')),
    ];
    await expect.poll(() => [...place.jobs.values()].map(({ state }) => state)).toEqual(['dead', 'dead']);

    const running = await startOn(place, {});
    expect(running.server.stats).toMatchObject({ jobs: 0, deadJobs: 2, store: { restoredJobs: 0 } });
    const admin = await running.connect();
    expect(rows(await admin.askText('dead list\r\n'))).toEqual([
      [one, 'f', 'u', '1', 'fail', expect.stringMatching(/^\d{13}$/), ''],
      [two, 'f', '', '1', 'exception', expect.stringMatching(/^\d{13}$/), 'why\\x09\\x0a'],
    ]);
    expect(await admin.askText(`dead requeue ${one}\r\ndead requeue all\r\nversion\r\n`)).toMatch(
      /^OK 1\nOK 1\nOK /,
    );
    await admin.ask(canDo('f'));
    expect(read(await admin.ask(grab(), grab()))).toEqual([
      `JOB_ASSIGN ${one}|f|one`,
      `JOB_ASSIGN ${two}|f|two`,
    ]);
    await admin.ask(workComplete(one, ''));
    await expect
      .poll(() => [...place.jobs.values()].map(({ state, attempts }) => `${state} ${attempts}`))
      .toEqual(['waiting 0']);
  });

  test('leaves the dead alone when the server keeps none any more', async () => {
    const place = new MemoryPlace();
    const worker = await (await startOn(place, {})).connect();
    await worker.ask(submitBackground('f'), canDo('f'));
    await failNext(worker);
    await expect.poll(() => [...place.jobs.values()][0]?.state).toBe('dead');
    const running = await startOn(place, { dead: undefined });
    expect(running.server.stats).toMatchObject({ jobs: 0, deadJobs: 0 });
    await running.server.close();
    expect(place.jobs.size).toBe(1);
  });

  test('has a dead letter before the job that it was goes; one that it does not take stays dead as what it was', async () => {
    const place = new MemoryPlace();
    const store = new MemoryStore(place);
    const running = await startServer({ store, dead: {}, functions: { f: { deadLetterTo: 'letters' } } });
    const worker = await running.connect();
    await worker.ask(submitBackground('f', 'p'), canDo('f'));
    const states = () =>
      [...place.jobs.values()].map(({ functionName, state }) => `${functionName} ${state}`);
    await failNext(worker);
    await expect.poll(states).toEqual(['letters waiting']);
    expect([...place.jobs.values()][0]?.extra).toContain('"functionName":"f"');

    await worker.ask(submitBackground('f', 'q'));
    store.refuse = new Error('the disk is full');
    await failNext(worker);
    await expect.poll(() => running.server.stats.deadJobs).toBe(1);
    expect(rows(await worker.askText('dead list\r\n')).map((row) => row.slice(1, 5))).toEqual([
      ['f', '', '1', 'fail'],
    ]);
    store.refuse = undefined;
    await worker.ask(submitBackground('g'));
    await expect.poll(states).toEqual(['letters waiting', 'f dead', 'g waiting']);
  });
});

describe('dead jobs that go', () => {
  test('are counted, and logged once a minute', async () => {
    const lines: object[] = [];
    const log = () => {};
    const logger = {
      ...{ debug: log, info: log, error: log },
      warn: (fields: object, message: string) => lines.push({ ...fields, message }),
    };
    const clock = new FakeClock();
    const running = await startServer({ dead: { max: 1, maxAgeMs: 120_000 }, clock, logger });
    const worker = await running.connect();
    await worker.ask(canDo('f'));
    for (let i = 0; i < 3; i++) {
      await worker.ask(submitBackground('f'));
      await failNext(worker);
    }
    const line = { deadJobs: 1, message: 'dead jobs were dropped: too old or too many' };
    expect(lines).toEqual([{ ...line, droppedDeadJobs: 1 }]);
    clock.advance(120_000);
    expect(lines.slice(1)).toEqual([{ ...line, deadJobs: 0, droppedDeadJobs: 3 }]);
    expect(running.server.stats).toMatchObject({ deadJobs: 0, droppedDeadJobs: 3 });
  });
});

describe('the text command dead', () => {
  test('lists, requeues and deletes: one, those of a function, or all', async () => {
    const running = await startServer({ dead: {} });
    const worker = await running.connect();
    await worker.ask(canDo('f'), canDo('g'));
    for (const name of ['f', 'g', 'f', 'g']) await worker.ask(submitBackground(name));
    const handles: string[] = [];
    for (let i = 0; i < 4; i++) handles.push(await failNext(worker));
    const list = async (what = '') =>
      rows(await worker.askText(`dead list${what}\r\n`)).map(([handle]) => handle);
    expect(await list()).toEqual(handles);
    expect(await list(' nothing')).toEqual([]);
    const ofG = rows(await worker.askText('DEAD LIST g\r\n'));
    expect(ofG.map(([, name]) => name)).toEqual(['g', 'g']);
    expect(await worker.askText(`dead delete ${ofG[0]?.[0]}\r\n`)).toBe('OK 1\n');
    expect(await worker.askText(`dead delete ${ofG[0]?.[0]}\r\n`)).toBe('ERR UNKNOWN_JOB\r\n');
    expect(await worker.askText('dead delete function g\r\n')).toBe('OK 1\n');
    expect(await worker.askText('dead requeue function f\r\n')).toBe('OK 2\n');
    expect([await worker.askText('dead requeue all\r\n'), await list()]).toEqual(['OK 0\n', []]);
    expect(running.server.stats).toMatchObject({ jobs: 2, deadJobs: 0 });
  });

  test('says why one cannot run again', async () => {
    const running = await startServer({ dead: {} });
    const worker = await running.connect();
    await worker.ask(canDo('f'), submitBackground('f', 'p', 'u'));
    const handle = await failNext(worker);
    await worker.ask(submitBackground('f', 'p', 'u'));
    expect(await worker.askText(`dead requeue ${handle}\r\n`)).toMatch(/^ERR NOT_REQUEUED /);
  });

  test('refuses what it does not understand, and everything where no dead jobs are kept', async () => {
    const on = await (await startServer({ dead: {} })).connect();
    for (const line of ['dead requeue', 'dead delete function', 'dead requeue one two'])
      expect(await on.askText(`${line}\r\n`)).toMatch(/^ERR INVALID_ARGUMENTS /);
    for (const line of ['dead', 'dead kick all'])
      expect(await on.askText(`${line}\r\n`)).toMatch(/^ERR UNKNOWN_COMMAND /);
    const off = await (await startServer()).connect();
    expect(await off.askText('dead list\r\n')).toMatch(/^ERR NO_DEAD_JOBS /);
  });
});
