import { encodePacket, request, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { JobExceptionError, JobFailedError, type JobState } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { createdJob, errorOf, sentJob } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const handle = 'H:1';
const bytes = (text: string): Buffer => Buffer.from(text);

describe('Job', () => {
  test('goes from waiting over submitted and created to complete', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('reverse', 'abc');
    const states: JobState['name'][] = [job.state.name];
    job.on('event', () => states.push(job.state.name));
    expect(job).toMatchObject({ functionName: 'reverse', uniqueId: '', handle: undefined, done: false });
    await turn();
    server.create(handle);
    expect(job).toMatchObject({ handle, ref: { server: 'a:1', handle } });
    server.complete(handle, 'cba');
    expect(states).toEqual(['waiting', 'submitted', 'created', 'complete']);
    expect(job.done).toBe(true);
    expect(await job.text()).toBe('cba');
  });

  test('hears what comes in the same chunk as its JOB_CREATED', async () => {
    const { server, job } = await sentJob();
    server.send(
      response('JOB_CREATED', { handle }),
      response('WORK_DATA', { handle, data: bytes('c') }),
      response('WORK_COMPLETE', { handle, data: bytes('ba') }),
    );
    expect(await job.text()).toBe('cba');
  });

  test('its result is all WORK_DATA and then WORK_COMPLETE', async () => {
    const { server, job } = await createdJob();
    for (const data of ['a', '', 'b']) server.send(response('WORK_DATA', { handle, data: bytes(data) }));
    server.complete(handle, 'c');
    expect(await job).toEqual(bytes('abc'));
  });

  test('its result is only WORK_COMPLETE with dataMode `events`', async () => {
    const { server, job } = await createdJob({ dataMode: 'events' });
    const data: string[] = [];
    job.on('data', (event) => data.push(Buffer.from(event.bytes).toString()));
    server.send(response('WORK_DATA', { handle, data: bytes('a') }));
    server.complete(handle, 'b');
    expect(await job).toEqual(bytes('b'));
    expect(data).toEqual(['a']);
  });

  test('keeps its bytes when the read buffer is used again', async () => {
    const { server, job } = await createdJob();
    server.complete(handle, 'unharmed');
    expect(await job.text()).toBe('unharmed');
  });

  test('gives a Buffer, whether the packet came whole or in pieces', async () => {
    const { server, job, client } = await createdJob();
    server.complete(handle, 'x');
    const other = client.submit('f');
    await turn();
    server.create('H:2');
    const encoded = Buffer.concat(
      encodePacket(response('WORK_COMPLETE', { handle: 'H:2', data: bytes('x') })),
    );
    server.replyBytes(encoded.subarray(0, 14));
    server.replyBytes(encoded.subarray(14));
    expect(Buffer.isBuffer(await job)).toBe(true);
    expect(Buffer.isBuffer(await other)).toBe(true);
    expect(await other).toEqual(await job);
  });

  test('an empty result is empty bytes', async () => {
    const { server, job } = await createdJob();
    server.complete(handle);
    expect(await job).toEqual(bytes(''));
  });

  test('WORK_FAIL rejects it, also with the stray NUL of gearmand', async () => {
    const { server, job } = await createdJob();
    server.send(response('WORK_FAIL', { handle: `${handle}\0` }));
    const error = await errorOf(job);
    expect(error).toBeInstanceOf(JobFailedError);
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED', ref: { server: 'a:1', handle } });
    expect(error.message).toMatch(/^job "reverse" \(a:1\/\/H:1\) failed: .*look into the worker's log$/);
    expect(job.state).toMatchObject({ name: 'failed', event: { type: 'fail', error } });
  });

  test('WORK_EXCEPTION rejects it with what the worker said', async () => {
    const { server, job } = await createdJob();
    server.send(response('WORK_EXCEPTION', { handle, data: bytes('böse') }));
    const error = await errorOf(job);
    expect(error).toBeInstanceOf(JobExceptionError);
    expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_EXCEPTION', text: 'böse', data: bytes('böse') });
    expect(error).toMatchObject({ remote: undefined, message: expect.stringContaining('böse') });
  });

  test.each([
    [
      { name: 'TypeError', message: 'no', code: 'E1', stack: 'at x' },
      { name: 'TypeError', code: 'E1' },
    ],
    [
      { message: 'no', code: 7, more: true },
      { name: 'Error', message: 'no', code: 7 },
    ],
    ['no object', undefined],
    [{ name: 'no message' }, undefined],
  ])('reads the exception %j of the worker', async (sent, remote) => {
    const { server, job } = await createdJob();
    server.send(response('WORK_EXCEPTION', { handle, data: bytes(JSON.stringify(sent)) }));
    const error = await errorOf(job);
    if (remote === undefined) expect(error).toMatchObject({ remote });
    else expect(error).toMatchObject({ remote, message: expect.stringContaining(`${remote.name}: no`) });
  });

  test('has one end: whatever comes behind it is ignored', async () => {
    const { server, job, story } = await createdJob();
    server.send(
      response('WORK_EXCEPTION', { handle, data: bytes('1') }),
      response('WORK_FAIL', { handle }),
      response('WORK_COMPLETE', { handle, data: bytes('2') }),
      response('WORK_DATA', { handle, data: bytes('3') }),
    );
    expect(story).toEqual(['submitted', 'created', 'exception']);
    await expect(job).rejects.toThrow(JobExceptionError);
  });

  test('ignores packets for handles that are not its own', async () => {
    const { server, job, story } = await createdJob();
    server.complete('H:2', 'x');
    server.send(response('NOOP', {}));
    expect(story).toEqual(['submitted', 'created']);
    server.complete(handle, 'y');
    expect(await job.text()).toBe('y');
  });

  test.each([
    ['1', '4', { numerator: 1, denominator: 4, fraction: 0.25 }],
    ['3', '0', { numerator: 3, denominator: 0, fraction: 0 }],
    ['', '', { numerator: 0, denominator: 0, fraction: 0 }],
    ['0.5', 'x', { numerator: 0.5, denominator: 0, fraction: 0 }],
  ])('reads WORK_STATUS %j of %j', async (numerator, denominator, expected) => {
    const { server, job } = await createdJob();
    expect(job.status).toBeUndefined();
    server.send(response('WORK_STATUS', { handle, numerator, denominator }));
    expect(job.status).toEqual(expected);
  });

  test('shows a warning as bytes and text, and goes on', async () => {
    const { server, job } = await createdJob();
    const warnings: unknown[] = [];
    job.on('warning', (event) => warnings.push(event));
    server.send(response('WORK_WARNING', { handle, data: bytes('heiß') }));
    expect(warnings).toEqual([{ type: 'warning', bytes: bytes('heiß'), text: 'heiß' }]);
    expect(job.done).toBe(false);
  });

  test('many jobs with mixed packets each get their own', async () => {
    const { client, server } = await connectFakeClient();
    const jobs = Array.from({ length: 100 }, (_, i) => client.submit('f', String(i)));
    await turn();
    const handles = jobs.map((_, i) => `H:${i}`);
    server.create(...handles);
    for (const part of ['a', 'b']) {
      server.send(...handles.map((h) => response('WORK_DATA', { handle: h, data: bytes(h + part) })));
    }
    server.send(...handles.map((h) => response('WORK_COMPLETE', { handle: h, data: bytes('.') })).reverse());
    expect(await Promise.all(jobs.map((job) => job.text()))).toEqual(handles.map((h) => `${h}a${h}b.`));
    expect(client.pending).toBe(0);
  });
});

describe('Job, promises', () => {
  test('created and submitted tell how far it came', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.submit('f');
    const [submitted, created] = [job.submitted, job.created];
    await turn();
    expect(await submitted).toBeUndefined();
    server.create(handle);
    expect(await created).toEqual(job.ref);
    server.send(response('WORK_FAIL', { handle }));
    expect(await job.created).toEqual(job.ref);
    expect(await job.submitted).toBeUndefined();
  });

  test('created rejects with what ended the job before', async () => {
    const { server, job } = await sentJob();
    const { created } = job;
    server.send(response('ERROR', { code: 'X', text: 'y' }));
    await expect(created).rejects.toMatchObject({ code: 'ERR_GEARMAN_SERVER' });
    await expect(job.created).rejects.toMatchObject({ code: 'ERR_GEARMAN_SERVER' });
  });

  test('a job that fails and that nobody awaits is no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): unknown => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    const { server } = await createdJob();
    server.send(response('WORK_FAIL', { handle }));
    await turn();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  test('then, catch and finally work before and after the end', async () => {
    const { server, job } = await createdJob();
    const before = [job.then((value) => value.length), job.finally(() => {}).then(() => 'done')];
    server.complete(handle, 'abc');
    expect(await Promise.all(before)).toEqual([3, 'done']);
    expect(await job.catch(() => 'not called')).toEqual(bytes('abc'));
    expect(await job).toBe(await job);
  });

  test('result() stops waiting after its time, and the job lives on', async () => {
    const { server, job, clock } = await createdJob();
    const result = job.result({ timeoutMs: 50 });
    clock.advance(50);
    await expect(result).rejects.toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT', ref: job.ref });
    expect(job.done).toBe(false);
    const later = job.result({ timeoutMs: 50 });
    server.complete(handle, 'x');
    expect(await later).toEqual(bytes('x'));
    await turn();
    expect(clock.nextTimerInMs).toBeGreaterThan(50);
  });

  test('result() stops waiting with its signal, and the job lives on', async () => {
    const { server, job } = await createdJob();
    const reason = new Error('enough');
    await expect(job.result({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const result = job.result({ signal: abort.signal });
    abort.abort(reason);
    await expect(result).rejects.toBe(reason);
    server.complete(handle, 'x');
    expect(await job.result({ signal: new AbortController().signal })).toEqual(bytes('x'));
  });
});

describe('Job, iterated', () => {
  /** Everything a loop gets. */
  async function all(job: AsyncIterable<Uint8Array>): Promise<string[]> {
    const parts: string[] = [];
    for await (const part of job) parts.push(Buffer.from(part).toString());
    return parts;
  }
  const data = (text: string) => response('WORK_DATA', { handle, data: bytes(text) });

  test('gives each WORK_DATA and then WORK_COMPLETE', async () => {
    const { server, job } = await createdJob();
    const parts = all(job);
    server.send(data('a'));
    await turn();
    server.send(data('b'), data('c'));
    server.complete(handle, 'd');
    expect(await parts).toEqual(['a', 'b', 'c', 'd']);
  });

  test('leaves out an empty WORK_COMPLETE', async () => {
    const { server, job } = await createdJob();
    const parts = all(job);
    server.send(data('a'));
    server.complete(handle);
    expect(await parts).toEqual(['a']);
  });

  test('gives a late loop what came before', async () => {
    const { server, job } = await createdJob();
    server.send(data('a'), data('b'));
    const late = all(job);
    server.complete(handle, 'c');
    expect(await late).toEqual(['a', 'b', 'c']);
    expect(await all(job)).toEqual(['abc']);
    expect(await job.text()).toBe('abc');
  });

  test('throws once, behind the parts, when the job fails', async () => {
    const { server, job } = await createdJob();
    const reader = job[Symbol.asyncIterator]();
    const pending = [reader.next(), reader.next(), reader.next()];
    server.send(data('a'), response('WORK_FAIL', { handle }));
    expect(await pending[0]).toEqual({ done: false, value: bytes('a') });
    await expect(pending[1]).rejects.toThrow(JobFailedError);
    expect(await pending[2]).toEqual({ done: true, value: undefined });
    await expect(all(job)).rejects.toThrow(JobFailedError);
  });

  test('leaving the loop leaves the job alone', async () => {
    const { server, job } = await createdJob();
    server.send(data('a'), data('b'));
    for await (const part of job) {
      expect(part).toEqual(bytes('a'));
      break;
    }
    server.complete(handle, 'c');
    expect(await job.text()).toBe('abc');
  });
});

test('a packet that no server may send costs the connection, and the job says so', async () => {
  const { server, job } = await createdJob();
  server.send(request('WORK_COMPLETE', { handle, data: bytes('x') }));
  await expect(job).rejects.toMatchObject({
    code: 'ERR_GEARMAN_CONNECTION_LOST',
    ref: { handle },
    message: expect.stringMatching(/^connection to a:1 lost: .*WORK_COMPLETE.*submit it again/),
  });
});
