import { response } from '@gearman/protocol';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ClientEvent, JobEvent } from '../../src/index.ts';
import { connectFakeClient, createFakeClient } from '../support/fake-client.ts';
import { createdJob, errorOf, sentJob } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';
const bytes = (text: string): Buffer => Buffer.from(text);

/** Everything a worker can say, and the end. */
function play(server: FakeServer): void {
  server.send(
    response('WORK_STATUS', { handle, numerator: '1', denominator: '2' }),
    response('WORK_DATA', { handle, data: bytes('a') }),
    response('WORK_WARNING', { handle, data: bytes('w') }),
    response('WORK_COMPLETE', { handle, data: bytes('b') }),
  );
}

const EVERYTHING = [
  { type: 'submitted', server: 'a:1' },
  { type: 'created', ref: { server: 'a:1', handle } },
  { type: 'status', numerator: 1, denominator: 2, fraction: 0.5 },
  { type: 'data', bytes: bytes('a') },
  { type: 'warning', bytes: bytes('w'), text: 'w' },
  { type: 'complete', value: bytes('ab'), bytes: bytes('ab') },
];

describe("A job's events", () => {
  test('are all heard by whoever listens right after submit()', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    const events: JobEvent[] = [];
    job.on('event', (event) => events.push(event));
    await turn();
    server.create(handle);
    play(server);
    expect(events).toEqual(EVERYTHING);
  });

  test.each(['before', 'during', 'after'])('are all in events$ for a subscriber %s', async (when) => {
    const { server, job } = await sentJob();
    const subscribe = () => firstValueFrom(job.events$.pipe(toArray()));
    const early = when === 'before' ? subscribe() : undefined;
    server.create(handle);
    const during = when === 'during' ? subscribe() : undefined;
    play(server);
    expect(await (early ?? during ?? subscribe())).toEqual(EVERYTHING);
  });

  test.each(['before', 'after'])('are all in events() for a loop %s', async (when) => {
    const { server, job } = await createdJob();
    const early = when === 'before' ? job.events() : undefined;
    play(server);
    const events: JobEvent[] = [];
    for await (const event of early ?? job.events()) events.push(event);
    expect(events).toEqual(EVERYTHING);
  });

  test('complete events$ when it fails, and never error', async () => {
    const { server, job } = await createdJob();
    const events = firstValueFrom(job.events$.pipe(toArray()));
    server.send(response('WORK_FAIL', { handle }));
    expect((await events).map(({ type }) => type)).toEqual(['submitted', 'created', 'fail']);
    expect(await firstValueFrom(job.events$.pipe(toArray()))).toEqual(await events);
  });

  test('late subscribers get the last 128 of what the worker said', async () => {
    const { server, job } = await createdJob();
    const count = 1000;
    for (let i = 1; i <= count; i++) {
      server.send(response('WORK_STATUS', { handle, numerator: String(i), denominator: '1000' }));
    }
    server.complete(handle);
    const events = await firstValueFrom(job.events$.pipe(toArray()));
    expect(events).toHaveLength(2 + 128 + 1);
    expect(events[2]).toMatchObject({ type: 'status', numerator: count - 127 });
  });

  test('data is not kept for late subscribers with dataMode `events`', async () => {
    const { server, job } = await createdJob({ dataMode: 'events' });
    play(server);
    const events = await firstValueFrom(job.events$.pipe(toArray()));
    expect(events.map(({ type }) => type)).toEqual(['submitted', 'created', 'status', 'warning', 'complete']);
  });

  test('come after the state has changed and before promises settle', async () => {
    const { server, job } = await createdJob();
    const order: string[] = [];
    const settled = job.then(() => order.push('promise'));
    job.on('complete', () => order.push(`event in ${job.state.name}`));
    server.complete(handle);
    await settled;
    expect(order).toEqual(['event in complete', 'promise']);
  });

  test('a listener that throws harms nobody, and is reported on job and client', async () => {
    const { server, job, client } = await createdJob();
    const reports: unknown[] = [];
    const bad = new Error('bad listener');
    job.on('listener-error', ({ error, during }) => reports.push(['job', during, error]));
    client.on('listener-error', ({ error, during }) => reports.push(['client', during, error]));
    job.on('complete', () => {
      throw bad;
    });
    server.complete(handle, 'x');
    expect(await job.text()).toBe('x');
    expect(reports).toEqual([
      ['job', 'complete', bad],
      ['client', 'complete', bad],
    ]);
    expect(client.pending).toBe(0);
  });
});

describe("The client's events", () => {
  test('are those of its connections and of every job, with the job', async () => {
    const { client, network } = createFakeClient();
    const events: ClientEvent[] = [];
    client.on('event', (event) => events.push(event));
    network.last.accept();
    const job = client.submit('f');
    await turn();
    network.last.create(handle);
    play(network.last);
    const story = events.map(({ type }) => type);
    expect(story).toEqual(['state', 'connect', ...EVERYTHING.map(({ type }) => type)]);
    for (const event of events) if ('job' in event) expect(event.job).toBe(job);
    const completed: unknown[] = [];
    client.on('complete', (event) => completed.push(event.bytes));
    expect(completed).toEqual([]);
  });

  test('end with close', async () => {
    const { client } = createFakeClient();
    const last = firstValueFrom(client.events$.pipe(toArray()));
    await client.close();
    expect((await last).at(-1)).toEqual({ type: 'close' });
  });
});

describe('submit$()', () => {
  test('submits for each subscriber, when it subscribes', async () => {
    const { client, server } = await connectFakeClient();
    const events$ = client.submit$('f', 'x');
    await turn();
    expect(server.received).toEqual([]);
    const events = firstValueFrom(events$.pipe(toArray()));
    await turn();
    server.create(handle);
    play(server);
    expect(await events).toEqual(EVERYTHING);
    events$.subscribe();
    await turn();
    expect(server.take('SUBMIT_JOB')).toHaveLength(2);
  });

  test('detaches when it is unsubscribed', async () => {
    const { client, server } = await connectFakeClient();
    const cancelled: unknown[] = [];
    client.on('cancelled', ({ error }) => cancelled.push(error.code));
    const subscription = client.submit$('f').subscribe();
    await turn();
    server.create(handle);
    subscription.unsubscribe();
    expect(cancelled).toEqual(['ERR_GEARMAN_JOB_CANCELLED']);
    expect(client.pending).toBe(0);
  });

  test('completes when the job fails, but errors for what can never be sent', async () => {
    const { client, server } = await connectFakeClient();
    const events = firstValueFrom(client.submit$('f').pipe(toArray()));
    await turn();
    server.send(response('ERROR', { code: 'X', text: '' }));
    expect((await events).map(({ type }) => type)).toEqual(['submitted', 'fail']);
    const invalid = firstValueFrom(client.submit$(''));
    await expect(invalid).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  });
});

describe('result$()', () => {
  test('gives the result and completes, or errors', async () => {
    const { client, server } = await connectFakeClient();
    const [good, bad] = [
      firstValueFrom(client.result$('f').pipe(toArray())),
      errorOf(firstValueFrom(client.result$('f'))),
    ];
    await turn();
    server.create(handle, 'H:2');
    server.complete(handle, 'x');
    server.send(response('WORK_FAIL', { handle: 'H:2' }));
    expect(await good).toEqual([bytes('x')]);
    expect(await bad).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  });

  test('detaches when it is unsubscribed', async () => {
    const { client, server } = await connectFakeClient();
    const subscription = client.result$('f').subscribe();
    await turn();
    server.create(handle);
    subscription.unsubscribe();
    await turn();
    expect(client.pending).toBe(0);
  });
});

describe('trySubmit()', () => {
  test('returns what became of the job', async () => {
    const { client, server } = await connectFakeClient();
    const outcomes = [client.trySubmit('f'), client.trySubmit('f'), client.trySubmit('')];
    await turn();
    server.create(handle, 'H:2');
    server.complete(handle, 'x');
    server.send(response('WORK_FAIL', { handle: 'H:2' }));
    expect(await Promise.all(outcomes)).toMatchObject([
      { ok: true, value: bytes('x') },
      { ok: false, error: { code: 'ERR_GEARMAN_JOB_FAILED' } },
      { ok: false, error: { code: 'ERR_GEARMAN_INVALID_ARGUMENT' } },
    ]);
  });
});

describe('Callbacks among the options', () => {
  test('hear the events of the job, from the start', async () => {
    const told: string[] = [];
    const { server } = await createdJob({
      onCreated: ({ ref }) => told.push(`created ${ref}`),
      onStatus: ({ fraction }) => told.push(`status ${fraction}`),
      onData: ({ bytes }) => told.push(`data ${Buffer.from(bytes)}`),
      onWarning: ({ text }) => told.push(`warning ${text}`),
      onComplete: ({ bytes }) => told.push(`complete ${Buffer.from(bytes)}`),
      onFail: () => told.push('fail'),
    });
    const handle = 'H:1';
    server.send(
      response('WORK_STATUS', { handle, numerator: '1', denominator: '2' }),
      response('WORK_DATA', { handle, data: Buffer.from('a') }),
      response('WORK_WARNING', { handle, data: Buffer.from('hot') }),
    );
    server.complete(handle, 'b');
    expect(told).toEqual(['created a:1//H:1', 'status 0.5', 'data a', 'warning hot', 'complete ab']);
  });

  test('hear retries and failures', async () => {
    const told: string[] = [];
    const { server, clock } = await createdJob({
      retries: { limit: 1, retryIf: () => true },
      onRetry: ({ attempt, delayMs }) => told.push(`retry ${attempt} after ${delayMs}`),
      onFail: ({ error }) => told.push(error.code),
      onException: ({ error }) => told.push(error.text),
    });
    server.send(response('WORK_FAIL', { handle: 'H:1' }));
    clock.advance(100);
    await turn();
    server.create('H:2');
    server.send(response('WORK_EXCEPTION', { handle: 'H:2', data: Buffer.from('no') }));
    expect(told).toEqual(['retry 2 after 100', 'no']);
  });

  test('must be functions', async () => {
    const { client } = await createdJob();
    const call = (): unknown =>
      Reflect.apply(client.submit.bind(client), undefined, ['f', '', { onData: 1 }]);
    expect(call).toThrow(/onData: must be a function/);
  });
});
