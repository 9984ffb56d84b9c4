import { encodeOptions, type Packet, request } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, submit, workComplete } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import type { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const ask = (option: string): Packet => request('OPTION_REQ', { option });
const AT_ONCE = { type: 'fixed', delayMs: 0 };

function submitWith(options: object, functionName = 'f', workload = 'p', uniqueId = ''): Packet {
  const bytes = Buffer.from(workload);
  return request('SUBMIT_JOB_WITH', {
    functionName,
    uniqueId,
    options: encodeOptions(options),
    workload: bytes,
  });
}

const failWith = (handle: string, options: object, data = ''): Packet =>
  request('WORK_FAIL_WITH', { handle, options: encodeOptions(options), data: Buffer.from(data) });

/** The next job as a worker with x-attempts sees it, its options read. */
async function next(worker: TestConnection): Promise<{ handle: string; options: unknown }> {
  const [assigned = ''] = await worker.ask(grab());
  const fields = assigned.slice(12).split('\0');
  expect(readMessage(assigned)).toMatch(/^JOB_ASSIGN_WITH /);
  return { handle: handleIn(assigned), options: JSON.parse(fields[4] ?? '') };
}

describe('x-submit', () => {
  test('is agreed on once, in any letter case; before, its packet is one that nobody knows', async () => {
    const running = await startServer();
    const client = await running.connect();
    expect(read(await client.ask(ask('X-Submit')))).toEqual(['OPTION_RES X-Submit']);
    expect(read(await client.ask(submitWith({})))).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
    const other = await running.connect();
    other.send(submitWith({}));
    await other.closed;
    expect(running.server.stats.jobs).toBe(1);
  });

  test('says of one job how often it is tried; that counts before what its function says', async () => {
    const running = await startServer({ functions: { f: { retry: { attempts: 9 } } } });
    const [client, worker] = [await running.connect(), await running.connect()];
    const retry = { attempts: 2, backoff: AT_ONCE, on: ['exception'] };
    await client.ask(
      ask('x-submit'),
      submitWith({ retry, priority: 'high' }),
      submitWith({ retry, background: true }),
    );
    await worker.ask(canDo('f'));
    const [first] = await worker.ask(grab());
    const handle = handleIn(first);
    const broken = request('WORK_EXCEPTION', { handle, data: Buffer.from('no') });
    await worker.ask(broken);
    expect(await client.arrived()).toEqual([]);
    expect((await worker.ask(grab())).map(handleIn)).toEqual([handle]);
    await worker.ask(broken);
    expect(read(await client.arrived())).toEqual([`WORK_FAIL ${handle}`]);
    const [second] = await worker.ask(grab());
    await worker.ask(request('WORK_FAIL', { handle: handleIn(second) }));
    expect(running.server.stats).toMatchObject({ jobs: 0, counters: { requeued: 1, fail: 1 } });
  });

  test('delays a job of any kind, to the millisecond, and lets it expire', async () => {
    const clock = new FakeClock();
    const running = await startServer({ clock });
    const [client, worker] = [await running.connect(), await running.connect()];
    await worker.ask(canDo('f'));
    await client.ask(
      ask('x-submit'),
      submitWith({ delayMs: 1500, priority: 'low' }, 'f', 'later'),
      submitWith({ runAtMs: clock.now() + 700, ttlMs: 100 }, 'f', 'expires'),
      submitWith({ deadlineMs: clock.now() + 400 }, 'f', 'too late'),
    );
    clock.advance(1000);
    expect(read(await client.arrived())).toEqual([
      expect.stringMatching(/^WORK_FAIL /),
      expect.stringMatching(/^WORK_FAIL /),
    ]);
    expect(read(await worker.ask(grab()))).toEqual(['NO_JOB']);
    clock.advance(500);
    expect(read(await worker.ask(grab()))).toEqual([expect.stringMatching(/\|f\|later$/)]);
    expect(running.server.stats.counters.expired).toBe(2);
  });

  test('carries reducers, and any text in its options', async () => {
    const running = await startServer();
    const worker = await running.connect();
    await worker.ask(ask('x-submit'), canDo('f'), submitWith({ reducer: 'süm' }));
    expect(read(await worker.ask(request('GRAB_JOB_ALL', {})))).toEqual([
      expect.stringMatching(/^JOB_ASSIGN_ALL .*\|f\|\|s\u00c3\u00bcm\|p$/),
    ]);
  });

  test.each([
    ['[', 'no JSON object'],
    ['7', 'no JSON object'],
    ['{"retry":{}}', 'retry.attempts'],
    ['{"priority":"urgent"}', 'priority'],
    ['{"unknown":1}', 'unknown'],
    ['{"delayMs":-1}', 'delayMs'],
  ])('refuses the options %s', async (options, problem) => {
    const client = await (await startServer()).connect();
    const packet = request('SUBMIT_JOB_WITH', {
      functionName: 'f',
      uniqueId: '',
      options,
      workload: Buffer.alloc(0),
    });
    expect(read(await client.ask(ask('x-submit'), packet)).slice(1)).toEqual([
      expect.stringMatching(new RegExp(`^ERROR INVALID_ARGUMENT\\|options: .*${problem}`)),
    ]);
  });

  test('of a background job is kept over a restart', async () => {
    const place = new MemoryPlace();
    const clock = new FakeClock();
    const client = await (await startServer({ store: new MemoryStore(place), clock })).connect();
    const retry = { attempts: 2, backoff: AT_ONCE };
    await client.ask(ask('x-submit'), submitWith({ background: true, retry, ttlMs: 5000 }));
    await client.ask(submitWith({ background: true, ttlMs: 5000 }, 'f', 'q'));
    clock.advance(4000);
    const again = await startServer({ store: new MemoryStore(place), clock });
    const worker = await again.connect();
    await worker.ask(ask('x-attempts'), canDo('f'));
    const { handle, options } = await next(worker);
    expect(options).toEqual({ attempt: 1, maxAttempts: 2 });
    await worker.ask(failWith(handle, {}));
    clock.advance(1000);
    expect(await next(worker)).toEqual({ handle, options: { attempt: 2, maxAttempts: 2 } });
    // The other one has expired: its time goes on counting.
    expect(read(await worker.ask(grab()))).toEqual(['NO_JOB']);
  });
});

describe('x-attempts', () => {
  test('tells workers that asked for it which attempt a job is, others nothing', async () => {
    const running = await startServer({
      functions: { f: { retry: { attempts: 3, backoff: AT_ONCE as never } } },
    });
    const [client, worker, plain] = [
      await running.connect(),
      await running.connect(),
      await running.connect(),
    ];
    await worker.ask(ask('x-attempts'), canDo('f'), canDo('g'));
    await plain.ask(canDo('f'));
    await client.ask(submit('f'));
    const { handle, options } = await next(worker);
    expect(options).toEqual({ attempt: 1, maxAttempts: 3 });
    await worker.ask(failWith(handle, {}));
    expect(read(await plain.ask(grab()))).toEqual([`JOB_ASSIGN ${handle}|f|x`]);
    await plain.ask(request('WORK_FAIL', { handle }));
    expect((await next(worker)).options).toEqual({ attempt: 3, maxAttempts: 3 });
    await client.ask(submit('g'));
    expect(read(await worker.ask(grab()))).toEqual([expect.stringMatching(/^JOB_ASSIGN /)]);
  });

  test('a worker ends a job for good, with a reason, as a failure or as an exception', async () => {
    const running = await startServer({
      functions: { f: { retry: { attempts: 3, backoff: AT_ONCE as never } } },
      dead: {},
    });
    const [client, worker] = [await running.connect(), await running.connect()];
    await worker.ask(ask('x-attempts'), canDo('f'));
    await client.ask(
      ask('exceptions'),
      ask('x-submit'),
      submit('f'),
      submit('f'),
      submitWith({ background: true }),
    );
    const one = await next(worker);
    await worker.ask(failWith(one.handle, { retry: false }, 'no use'));
    const two = await next(worker);
    await worker.ask(failWith(two.handle, { retry: false, exception: true }, 'broken'));
    expect(read(await client.arrived())).toEqual([
      `WORK_FAIL ${one.handle}`,
      `WORK_EXCEPTION ${two.handle}|broken`,
    ]);
    await worker.ask(failWith((await next(worker)).handle, { retry: false }, 'why'));
    expect(await client.askText('dead list\r\n')).toMatch(/\tfail\t\d+\twhy\n/);
  });

  test('a worker gives a job back for some time', async () => {
    const clock = new FakeClock();
    const running = await startServer({ clock });
    const worker = await running.connect();
    await worker.ask(ask('x-attempts'), canDo('f'), submit('f'));
    const handle = handleIn((await worker.ask(grab()))[0]);
    await worker.ask(failWith(handle, { release: { delayMs: 3000 } }));
    expect(read(await worker.ask(grab()))).toEqual(['NO_JOB']);
    clock.advance(3000);
    expect(read(await worker.ask(grab()))).toEqual([`JOB_ASSIGN ${handle}|f|x`]);
    expect(read(await worker.ask(workComplete(handle, 'r')))).toEqual([`WORK_COMPLETE ${handle}|r`]);
    expect(read(await worker.ask(failWith(handle, {})))).toEqual([
      expect.stringMatching(/^ERROR JOB_NOT_FOUND/),
    ]);
  });

  test('tells the worker of a dead letter what it was, however long that is', async () => {
    const name = 'ü'.repeat(250);
    const running = await startServer({ functions: { [name]: { deadLetterTo: 'letters' } } });
    const worker = await running.connect();
    const functionName = Buffer.from(name).toString('latin1');
    await worker.ask(ask('x-attempts'), ask('x-submit'), canDo(functionName), canDo('letters'));
    await worker.ask(submitWith({ background: true }, functionName, 'p', 'u'));
    const { handle } = await next(worker);
    await worker.ask(failWith(handle, { exception: true }, '€'.repeat(2000)));
    const letter = await next(worker);
    expect(letter.options).toEqual({
      attempt: 1,
      deadLetter: {
        functionName: name,
        handle,
        reason: 'exception',
        detail: expect.stringMatching(/^€{300}/),
        attempts: 1,
      },
    });
  });
});
