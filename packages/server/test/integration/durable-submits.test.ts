import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  preSleep,
  submit,
  submitBackground,
  workComplete,
} from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const NO_SPACE = new Error('ENOSPC: no space left on device');
const QUEUE_ERROR = `ERROR QUEUE_ERROR|The job cannot be stored: ${NO_SPACE.message}`;

/** A server whose store takes its time from now on. */
async function startHeld() {
  const store = new MemoryStore();
  const running = await startServer({ store });
  store.hold();
  return { store, running, client: await running.connect(), worker: await running.connect() };
}

describe('a background submit', () => {
  test('is answered, and its job handed out, when it is durable; what comes behind the answer waits for it', async () => {
    const { store, client, worker } = await startHeld();
    const started = store.started();
    client.send(echo('before'), submitBackground('f', 'one'), echo('behind'));
    await started;
    expect(read(await worker.ask(canDo('f'), grab(), preSleep()))).toEqual(['NO_JOB']);
    const arrived = client.arrived();
    store.letGo();
    expect(read(await arrived)).toEqual([
      'ECHO_RES before',
      expect.stringMatching(/^JOB_CREATED H:/),
      'ECHO_RES behind',
    ]);
    expect(read(await worker.ask(grab()))).toEqual([
      'NOOP',
      expect.stringMatching(/^JOB_ASSIGN .*\|f\|one$/),
    ]);
  });

  test('shares its commit with all that come during the one before; each is answered with its own', async () => {
    const { store, running, client, worker: other } = await startHeld();
    const started = store.started();
    client.send(submitBackground('f', 'first'));
    await started;
    client.send(submitBackground('f', 'second'), submitBackground('f', 'third'));
    other.send(submitBackground('f', 'fourth'));
    // Known to the server when somebody else has its answer.
    await expect.poll(() => running.server.stats.jobs).toBe(4);
    const next = store.started();
    store.letOneGo();
    await next;
    expect(store.batches.slice(1).map(({ puts }) => puts.map(({ payload }) => String(payload)))).toEqual([
      ['first'],
      ['second', 'third', 'fourth'],
    ]);
    await client.skip(1);
    store.letGo();
    expect(read(await other.arrived())).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
    expect(running.server.stats).toMatchObject({ jobs: 4, store: { jobs: 4, commits: 3, refusedJobs: 0 } });
  });

  test('that merges into a job on its way to the store waits for the same commit', async () => {
    const { store, client, worker: other } = await startHeld();
    const started = store.started();
    client.send(submitBackground('f', 'x', 'unique'));
    await started;
    const answers = [client.arrived(), other.ask(submitBackground('f', 'x', 'unique'))];
    store.letGo();
    const [one, two] = await Promise.all(answers);
    expect(one?.map(handleIn)).toEqual(two?.map(handleIn));
    expect(store.place.jobs.size).toBe(1);
  });

  test('that merges into a foreground job makes it durable first; its worker and its client go on meanwhile', async () => {
    const { store, client, running, worker } = await startHeld();
    const foreground = handleIn((await client.ask(submit('f', 'x', 'unique')))[0]);
    expect(store.place.jobs.size).toBe(0);
    const other = await running.connect();
    const started = store.started();
    other.send(submitBackground('f', 'x', 'unique'));
    await started;
    await worker.ask(canDo('f'), grab(), workComplete(foreground, 'done'));
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${foreground}|done`]);
    store.letGo();
    expect((await other.arrived()).map(handleIn)).toEqual([foreground]);
    await expect.poll(() => store.batches.at(-1)?.dones).toEqual([1]);
    expect(store.place.jobs.size).toBe(0);
  });

  test('whose client sends no more is answered before the connection ends', async () => {
    const { store, client } = await startHeld();
    const started = store.started();
    client.send(submitBackground('f'));
    client.stream.end();
    await started;
    store.letGo();
    await client.closed;
    expect(read(await client.arrived())).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  });

  test('with a longer function name than a store takes is refused, and harms no other', async () => {
    const store = new MemoryStore();
    const client = await (await startServer({ store })).connect();
    const long = 'f'.repeat(513);
    expect(read(await client.ask(submitBackground(long), submit(long)))).toEqual([
      expect.stringMatching(/^ERROR ARGUMENT_TOO_LARGE/),
      expect.stringMatching(/^JOB_CREATED /),
    ]);
  });

  test('over HTTP is answered when it is durable, or with 503 when it cannot be', async () => {
    const store = new MemoryStore();
    const running = await startServer({ store, http: { port: 0 } });
    store.hold();
    const started = store.started();
    const answer = post(running.server.httpAddress?.port);
    await started;
    store.letGo();
    expect((await answer).status).toBe(200);
    store.refuse = NO_SPACE;
    expect(await post(running.server.httpAddress?.port)).toEqual({
      status: 503,
      body: expect.stringContaining('no space left'),
    });
  });
});

test('a foreground submit is not stored and does not wait', async () => {
  const { store, client } = await startHeld();
  expect(read(await client.ask(submit('f')))).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  expect(store.batches).toHaveLength(1);
  store.letGo();
});

describe('what becomes of stored jobs', () => {
  test('is recorded: done when a worker or an administrator ends it, one more attempt when a worker is lost', async () => {
    const store = new MemoryStore();
    const running = await startServer({ store });
    const client = await running.connect();
    const handles = (
      await client.ask(submitBackground('f', 'a'), submitBackground('f', 'b'), submitBackground('f', 'c'))
    ).map(handleIn);
    const worker = await running.connect();
    await worker.ask(canDo('f'), grab(), grab(), workComplete(handles[0] ?? '', ''));
    await client.askText(`cancel job ${handles[2]}\n`);
    const gone = running.next('disconnect');
    await worker.close();
    await gone;
    await expect
      .poll(() => [...store.place.jobs.values()].map(({ payload, attempts }) => `${payload} ${attempts}`))
      .toEqual(['b 1']);
  });

  test('is recorded when it has lost as many workers as it may', async () => {
    const store = new MemoryStore();
    const running = await startServer({ store, jobRetries: 1 });
    const worker = await running.connect();
    await worker.ask(submitBackground('f'));
    await worker.ask(canDo('f'), grab());
    await worker.close();
    await expect.poll(() => store.place.jobs.size).toBe(0);
  });
});

describe('a store that refuses', () => {
  test('fails the submits that need it, and nothing else; it is logged once a minute, counted and told', async () => {
    const clock = new FakeClock();
    const lines: string[] = [];
    const log = (_fields: object, message: string): void => void lines.push(message);
    const logger = { debug: () => {}, info: () => {}, warn: log, error: log };
    const store = new MemoryStore();
    const running = await startServer({ store, clock, logger });
    const [client, worker] = [await running.connect(), await running.connect()];
    const kept = handleIn((await client.ask(submitBackground('f', 'kept')))[0]);
    const told = running.next('store-refused');
    store.refuse = NO_SPACE;
    expect(
      read(
        await client.ask(
          echo('1'),
          submitBackground('f', 'lost', 'u'),
          submitBackground('f', 'lost', 'u'),
          echo('2'),
        ),
      ),
    ).toEqual(['ECHO_RES 1', QUEUE_ERROR, QUEUE_ERROR, 'ECHO_RES 2']);
    expect(read(await client.ask(submitBackground('f', 'lost')))).toEqual([QUEUE_ERROR]);
    expect(await told).toMatchObject({ error: NO_SPACE, jobs: 1 });
    expect(lines).toEqual(['the store takes no jobs; those it has go on']);
    // What it has goes on, and its end is recorded.
    await worker.ask(canDo('f'), grab(), workComplete(kept, ''));
    expect(read(await worker.ask(grab()))).toEqual(['NO_JOB']);
    await expect.poll(() => store.place.jobs.size).toBe(0);
    store.refuse = undefined;
    expect(read(await client.ask(submitBackground('f', 'new', 'u')))).toEqual([
      expect.stringMatching(/^JOB_CREATED /),
    ]);
    expect(running.server.stats).toMatchObject({ jobs: 1, store: { refusedJobs: 2 } });
    clock.advance(61_000);
    store.refuse = NO_SPACE;
    await client.ask(submitBackground('f', 'lost'));
    expect(lines).toHaveLength(2);
  });

  test('leaves a job to the foreground clients that have merged into it', async () => {
    const { store, client, running, worker } = await startHeld();
    const started = store.started();
    client.send(submitBackground('f', 'x', 'unique'));
    await started;
    const other = await running.connect();
    const foreground = handleIn((await other.ask(submit('f', 'x', 'unique')))[0]);
    store.refuse = NO_SPACE;
    store.letGo();
    expect(read(await client.arrived())).toEqual([QUEUE_ERROR]);
    await worker.ask(canDo('f'), grab(), workComplete(foreground, 'done'));
    expect(read(await other.arrived())).toEqual([`WORK_COMPLETE ${foreground}|done`]);
  });

  test('leaves a foreground job as it was when it should have become durable', async () => {
    const store = new MemoryStore();
    const running = await startServer({ store });
    const [client, other] = [await running.connect(), await running.connect()];
    await client.ask(submit('f', 'x', 'unique'));
    store.refuse = NO_SPACE;
    expect(read(await other.ask(submitBackground('f', 'x', 'unique')))).toEqual([QUEUE_ERROR]);
    const gone = running.next('disconnect');
    await client.close();
    await gone;
    expect(running.server.stats.jobs).toBe(0);
  });

  test('for good is told once more, and refuses from then on without being asked', async () => {
    const store = new MemoryStore();
    const running = await startServer({ store });
    const client = await running.connect();
    store.broken = new Error('the disk is gone');
    for (let i = 0; i < 2; i++) {
      expect(read(await client.ask(submitBackground('f')))).toEqual([
        expect.stringContaining('the disk is gone'),
      ]);
    }
    expect(store.batches).toHaveLength(2);
    expect(read(await client.ask(submit('f')))).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  });
});

test('a client that reads its answers late is not given up while they wait for the store', async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const running = await startServer({
    store,
    clock,
    limits: { outboxSoftBytes: 1000, stallTimeoutMs: 1000 },
  });
  store.hold();
  const client = await running.connect();
  const started = store.started();
  client.send(
    submitBackground('f'),
    ...Array.from({ length: 100 }, (_, i) => echo(`${i} ${'x'.repeat(90)}`)),
  );
  await started;
  for (let i = 0; i < 20; i++) await clock.advanceAsync(1000);
  const arrived = client.arrived();
  store.letGo();
  expect(await arrived).toHaveLength(101);
});

test('the server cannot be connected to before its store is open, nor listen with one that cannot be opened', async () => {
  const store = new MemoryStore();
  const server = createServer({ store });
  expect(() => server.connect()).toThrow(/await open\(\)/);
  await server.open();
  server.connect().destroy();
  await server.close();
  expect(store.state).toBe('closed');

  const unusable = new MemoryStore();
  unusable.open = () => Promise.reject(NO_SPACE);
  const other = createServer({ store: unusable });
  await expect(other.listen({ port: 0 })).rejects.toBe(NO_SPACE);
  expect(other.addresses).toEqual([]);
  unusable.open = () => MemoryStore.prototype.open.call(unusable);
  await other.listen({ port: 0 });
  await other.close();
  expect(unusable.state).toBe('closed');
});

async function post(port: number | undefined): Promise<{ status: number | undefined; body: string }> {
  const headers = { 'X-Gearman-Background': 'true', 'X-Gearman-Unique': '' };
  const sent = httpRequest({ port, host: '127.0.0.1', path: '/f', method: 'POST', headers, agent: false });
  onTestFinished(() => void sent.destroy());
  sent.end('x');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode: status } = response;
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status, body };
}
