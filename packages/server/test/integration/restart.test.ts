import { type Packet, type RequestType, request } from '@gearman/protocol';
import { createServer, type ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, preSleep, submit, submitBackground } from '../support/requests.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

type Background = Extract<RequestType, 'SUBMIT_JOB_BG' | 'SUBMIT_JOB_HIGH_BG' | 'SUBMIT_JOB_LOW_BG'>;
const job = (type: Background, workload: string, uniqueId = ''): Packet =>
  request(type, { functionName: 'f', uniqueId, workload: bytes(workload) });

/** A server on what the last one left; the last one is not closed: it was killed. */
const startOn = (place: MemoryPlace, options: ServerOptions = {}): Promise<RunningServer> =>
  startServer({ ...options, store: new MemoryStore(place) });

/** Everything a worker of `f` gets, with handles. */
async function drain(running: RunningServer): Promise<string[]> {
  const worker = await running.connect();
  await worker.ask(canDo('f'));
  const got: string[] = [];
  for (;;) {
    const [answer = ''] = read(await worker.ask(request('GRAB_JOB_ALL', {})));
    if (answer === 'NO_JOB') return got;
    got.push(answer);
  }
}

describe('after a restart', () => {
  test('jobs are there in order, under their handles, with unique ids, reducers and payloads of any bytes', async () => {
    const place = new MemoryPlace();
    const client = await (await startOn(place)).connect();
    const handles = (
      await client.ask(
        job('SUBMIT_JOB_LOW_BG', 'low'),
        job('SUBMIT_JOB_BG', 'normal 1'),
        job('SUBMIT_JOB_BG', '', ''),
        request('SUBMIT_REDUCE_JOB_BACKGROUND', {
          functionName: 'f',
          uniqueId: 'u\xff',
          reducer: 'sum',
          ignored: '',
          workload: bytes('normal\0\xff'),
        }),
        job('SUBMIT_JOB_HIGH_BG', 'high'),
      )
    ).map(handleIn);
    expect(handles).toHaveLength(5);

    const running = await startOn(place);
    expect(running.server.stats).toMatchObject({ jobs: 5, store: { restoredJobs: 5 } });
    const again = await running.connect();
    // It merges into the one that is there.
    const merged = await again.ask(job('SUBMIT_JOB_BG', 'other', 'u\xff'));
    expect(merged.map(handleIn)).toEqual([handles[3]]);
    expect(await drain(running)).toEqual([
      `JOB_ASSIGN_UNIQ ${handles[4]}|f||high`,
      `JOB_ASSIGN_UNIQ ${handles[1]}|f||normal 1`,
      `JOB_ASSIGN_UNIQ ${handles[2]}|f||`,
      `JOB_ASSIGN_ALL ${handles[3]}|f|u\xff|sum|normal\\u0000\xff`,
      `JOB_ASSIGN_UNIQ ${handles[0]}|f||low`,
    ]);
  });

  test('attempts go on being counted', async () => {
    const place = new MemoryPlace();
    let running = await startOn(place, { jobRetries: 2 });
    const worker = await running.connect();
    const [handle] = (await worker.ask(submitBackground('f'))).map(handleIn);
    await worker.ask(canDo('f'), grab());
    await worker.close();
    await expect.poll(() => place.jobs.get(1)?.attempts).toBe(1);

    running = await startOn(place, { jobRetries: 2 });
    const client = await running.connect();
    expect(await client.askText('show jobs\n')).toBe(`${handle}\t1\t0\t1\n.\n`);
    const second = await running.connect();
    await second.ask(canDo('f'), grab());
    await second.close();
    await expect.poll(() => place.jobs.size).toBe(0);
  });

  test('epoch jobs wait for their time, and those whose time came meanwhile have the place of their submit', async () => {
    const place = new MemoryPlace();
    const clock = new FakeClock();
    const at = (seconds: number, workload: string): Packet =>
      request('SUBMIT_JOB_EPOCH', {
        functionName: 'f',
        uniqueId: '',
        epoch: String(clock.now() / 1000 + seconds),
        workload: bytes(workload),
      });
    const client = await (await startOn(place, { clock })).connect();
    await client.ask(at(100, 'late'), at(10, 'soon'), submitBackground('f', 'now'));
    clock.advance(50_000);

    const running = await startOn(place, { clock });
    const worker = await running.connect();
    await worker.ask(canDo('f'));
    const next = async (): Promise<string | undefined> =>
      read(await worker.ask(grab()))[0]
        ?.split('|')
        .at(-1);
    expect([await next(), await next(), await next()]).toEqual(['soon', 'now', 'NO_JOB']);
    await worker.ask(preSleep());
    await clock.advanceAsync(50_000);
    expect(read(await worker.arrived())).toEqual(['NOOP']);
    expect(await next()).toBe('late');
  });

  test('limits of queues are still there, unless they were lifted or the function was dropped', async () => {
    const place = new MemoryPlace();
    let client = await (await startOn(place)).connect();
    await client.ask(submitBackground('f'), submitBackground('lifted'));
    for (const line of ['maxqueue f 1', 'maxqueue lifted 1', 'maxqueue lifted', 'create function dropped'])
      await client.askText(`${line}\n`);
    await client.askText('maxqueue dropped 1\n');
    await client.askText('drop function dropped\n');
    await expect
      .poll(() => [...place.settings.keys()].filter((key) => key.startsWith('max')))
      .toEqual(['max-queue:f']);

    client = await (await startOn(place)).connect();
    expect(read(await client.ask(submitBackground('f'), submitBackground('lifted')))).toEqual([
      'ERROR QUEUE_ERROR|Job queue is full',
      expect.stringMatching(/^JOB_CREATED /),
    ]);
  });

  test('no handle is given twice, neither of foreground jobs nor of jobs that are over', async () => {
    const place = new MemoryPlace();
    const handles: string[] = [];
    for (const how of ['killed', 'killed', 'closed', 'closed']) {
      const running = await startOn(place);
      const client = await running.connect();
      const made = await client.ask(submit('f'), submitBackground('f'), submit('f'), submit('f'));
      handles.push(...made.map(handleIn));
      await client.askText(`cancel job ${handles.at(-3)}\n`);
      await expect.poll(() => place.jobs.size).toBe(0);
      if (how === 'closed') await running.server.close();
    }
    expect(new Set(handles).size).toBe(16);
    // A kill skips the numbers that were set aside, an end does not.
    expect(handles.map((handle) => Number(handle.split('-').at(-1)) % 10_000_000)).toEqual([
      ...[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8],
    ]);
  });

  test('no handle is given twice when the store was full at the start', async () => {
    const place = new MemoryPlace();
    const handles: string[] = [];
    for (let i = 0; i < 5; i++) {
      const store = new MemoryStore(place);
      if (i > 0) store.refuse = new Error('full');
      const client = await (await startServer({ store })).connect();
      handles.push(...(await client.ask(submit('f'))).map(handleIn));
    }
    expect(new Set(handles).size).toBe(5);
  });

  test('another name in front of handles is used when no job is left that has the old one', async () => {
    const place = new MemoryPlace();
    const handleFrom = async (jobHandlePrefix: string): Promise<string> => {
      const running = await startOn(place, { jobHandlePrefix });
      const [handle = ''] = (await (await running.connect()).ask(submitBackground('f'))).map(handleIn);
      await running.server.close();
      return handle;
    };
    const first = await handleFrom('H:one');
    const second = await handleFrom('H:two');
    expect(second.slice(0, -1)).toBe(first.slice(0, -1));
    for (const [number] of place.jobs) place.jobs.delete(number);
    expect(await handleFrom('H:two')).toMatch(/^H:two:.*-3$/);
  });
});

test('closing answers who waits for the store, and leaves queued and running jobs in it as they are', async () => {
  const store = new MemoryStore();
  const server = await createServer({ store, jobRetries: 1 }).listen({ port: 0 });
  const port = server.addresses[0]?.port ?? 0;
  const [client, worker] = [await TestConnection.open(port), await TestConnection.open(port)];
  await worker.ask(submitBackground('f', 'runs'));
  await worker.ask(canDo('f'), grab());
  store.hold();
  const started = store.started();
  client.send(submitBackground('f', 'queued'));
  await started;
  const closing = server.close();
  store.letGo();
  await Promise.all([closing, client.closed, worker.closed]);
  expect(read(await client.arrived())).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  expect([...store.place.jobs.values()].map(({ payload, attempts }) => `${payload} ${attempts}`)).toEqual([
    'runs 0',
    'queued 0',
  ]);
  expect(store.state).toBe('closed');
  expect(store.place.settings.get('numbers-up-to')).toBe('2');
});

test('restored jobs past maxQueueBytes are all there; new ones are refused until enough have run', async () => {
  const place = new MemoryPlace();
  const client = await (await startOn(place)).connect();
  await client.ask(...Array.from({ length: 10 }, () => submitBackground('f', 'x'.repeat(1000))));
  const running = await startOn(place, { limits: { maxQueueBytes: 5000 } });
  expect(running.server.stats.jobs).toBe(10);
  const again = await running.connect();
  expect(read(await again.ask(submitBackground('f')))).toEqual(['ERROR QUEUE_ERROR|Job queue is full']);
  const worker = await running.connect();
  await worker.ask(canDo('f'), ...Array.from({ length: 10 }, grab));
  const handles = (await again.askText('show jobs\n')).split('\n').map((line) => line.split('\t')[0] ?? '');
  await worker.ask(...handles.slice(0, 8).map((handle) => request('WORK_FAIL', { handle })));
  expect(read(await again.ask(submitBackground('f')))).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
});
