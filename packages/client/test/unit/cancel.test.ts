import { JobRef, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { Client, Job, SubmitOptions } from '../../src/index.ts';
import { connectFakeClient, type FakeClient } from '../support/fake-client.ts';
import { createdJob, errorOf, sentJob } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';
const ref = new JobRef('a:1', handle);

/** Answers the question for the job's state, and then what is asked on the connection for text. */
async function answer(
  fake: FakeClient,
  server: FakeServer,
  running: string,
  line: string,
): Promise<FakeServer> {
  await turn();
  expect(server.take('GET_STATUS')).toMatchObject([{ handle }]);
  const known = running === '' ? '0' : '1';
  const state = { known, running: running === '' ? '0' : running, numerator: '0', denominator: '0' };
  server.send(response('STATUS_RES', { handle, ...state }));
  await turn();
  const text = fake.network.last;
  if (line === '') {
    expect(text).toBe(server);
    return text;
  }
  expect(text).not.toBe(server);
  text.accept();
  await turn();
  expect(text.lines).toEqual([`cancel job ${handle}`]);
  text.replyBytes(Buffer.from(`${line}\r\n`));
  return text;
}

describe('client.cancel()', () => {
  test.each([
    ['removed', '0', 'OK'],
    ['signalled', '1', 'OK'],
    ['unknown', '0', 'ERR UNKNOWN_JOB'],
    ['unknown', '', ''],
  ])('is %s when the job has running = "%s" and the server says "%s"', async (outcome, running, line) => {
    const fake = await connectFakeClient();
    const cancelled = fake.client.cancel(ref);
    const text = await answer(fake, fake.server, running, line);
    expect(await cancelled).toBe(outcome);
    if (line !== '') expect(text.ended).toBe(true);
    expect(fake.server.ended).toBe(false);
  });

  test('rejects when the server has no such command', async () => {
    const fake = await connectFakeClient();
    const error = errorOf(fake.client.cancel(String(ref)));
    await answer(fake, fake.server, '0', 'ERR UNKNOWN_COMMAND Unknown+server+commandcancel');
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_UNSUPPORTED', server: 'a:1' });
  });

  test('uses one connection for all that are asked at a time', async () => {
    const fake = await connectFakeClient();
    const outcomes = ['H:1', 'H:2', 'H:3'].map((each) => fake.client.cancel(new JobRef('a:1', each)));
    await turn();
    for (const { handle: each } of fake.server.take('GET_STATUS')) {
      const state = { known: '1', running: '0', numerator: '0', denominator: '0' };
      fake.server.send(response('STATUS_RES', { handle: each, ...state }));
    }
    await turn();
    const text = fake.network.last.accept();
    await turn();
    expect(fake.network.attempts).toHaveLength(2);
    text.replyBytes(Buffer.from('OK\r\n'));
    expect(await outcomes[0]).toBe('removed');
    expect(text.ended).toBe(false);
    text.replyBytes(Buffer.from('ERR UNKNOWN_JOB\r\nOK\r\n'));
    expect(await Promise.all(outcomes)).toEqual(['removed', 'unknown', 'removed']);
    expect(text.ended).toBe(true);
  });

  test.each([
    ['another server', 'c:1//H:1', 'ERR_GEARMAN_INVALID_ARGUMENT'],
    ['a bare handle', 'H:1', 'ERR_GEARMAN_INVALID_ARGUMENT'],
  ])('rejects for %s', async (_, job, code) => {
    const { client } = await connectFakeClient();
    expect(await errorOf(client.cancel(job))).toMatchObject({ code });
  });

  test('rejects when the server refuses the connection for text', async () => {
    const fake = await connectFakeClient();
    const error = errorOf(fake.client.cancel(ref));
    await turn();
    fake.server.send(
      response('STATUS_RES', { handle, known: '1', running: '0', numerator: '0', denominator: '0' }),
    );
    await turn();
    fake.network.last.close('ECONNREFUSED');
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_NO_SERVERS' });
  });
});

describe('job.cancel()', () => {
  test('ends a created job at once here, and asks its server to', async () => {
    const fake = await createdJob();
    const reason = new Error('changed my mind');
    const outcome = fake.job.cancel(reason);
    const error = await errorOf(fake.job);
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', submitted: true, cause: reason });
    await answer(fake, fake.server, '0', 'OK');
    expect(await outcome).toBe('removed');
    // gearmand tells every client, and a worker that was not told may still answer.
    fake.server.send(response('WORK_FAIL', { handle }));
    fake.server.complete(handle, 'late');
    expect(fake.story).toEqual(['submitted', 'created', 'cancelled']);
  });

  test('waits for the handle of a job that was just sent', async () => {
    const fake = await sentJob();
    const outcome = fake.job.cancel();
    await errorOf(fake.job);
    await turn();
    expect(fake.server.types).toEqual([]);
    fake.server.create(handle);
    await answer(fake, fake.server, '1', 'OK');
    expect(await outcome).toBe('signalled');
  });

  test('is unknown when that handle never comes', async () => {
    const { server, job } = await sentJob();
    const outcome = job.cancel();
    server.close('ECONNRESET');
    expect(await outcome).toBe('unknown');
  });

  test('has nothing to ask for a job that was not sent, or is over', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    expect(await job.cancel()).toBe('removed');
    expect(await errorOf(job)).toMatchObject({ submitted: false });
    expect(await job.cancel()).toBe('unknown');
    await turn();
    expect(server.types).toEqual([]);
  });
});

describe('What nobody waits for any more', () => {
  const STATES: readonly [
    string,
    (options: SubmitOptions) => Promise<{ job: Job; client: Client; server: FakeServer }>,
  ][] = [
    ['sent', sentJob],
    ['created', createdJob],
  ];

  test.each(STATES)('is left to the server when its signal is aborted (%s)', async (_, start) => {
    const abort = new AbortController();
    const { job, server } = await start({ signal: abort.signal });
    abort.abort(new Error('enough'));
    expect(await errorOf(job)).toMatchObject({ cause: { message: 'enough' }, submitted: true });
    if (job.ref === undefined) server.create(handle);
    await turn();
    expect(server.types).toEqual([]);
  });

  test.each(STATES)('is cancelled with cancelOnAbort (%s)', async (_, start) => {
    const abort = new AbortController();
    const { job, server } = await start({ signal: abort.signal, cancelOnAbort: true });
    abort.abort(new Error('enough'));
    await errorOf(job);
    if (job.ref === undefined) server.create(handle);
    await turn();
    expect(server.types).toEqual(['GET_STATUS']);
  });

  test('is cancelled with cancelOnTimeout, when the result is late', async () => {
    const { job, server, clock } = await createdJob({ responseTimeoutMs: 5, cancelOnTimeout: true });
    clock.advance(5);
    expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT' });
    await turn();
    expect(server.types).toEqual(['GET_STATUS']);
  });

  test('is cancelled with cancelOnTimeout, when the acknowledgement is late', async () => {
    const { job, server, clock } = await sentJob({ createdTimeoutMs: 5, cancelOnTimeout: true });
    clock.advance(5);
    expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
    server.create(handle);
    await turn();
    expect(server.types).toEqual(['GET_STATUS']);
  });

  test('is given up between two attempts, too', async () => {
    const abort = new AbortController();
    const { job, server, clock } = await sentJob({ signal: abort.signal, retries: 3 });
    server.send(response('ERROR', { code: 'QUEUE_ERROR', text: 'Job queue is full' }));
    expect(job.state.name).toBe('retrying');
    abort.abort();
    expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED' });
    clock.advance(10_000);
    await turn();
    expect(server.types).toEqual([]);
  });
});
