import { response } from '@gearman/protocol';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { TaskEvent, TaskQueueEvent, TaskResult } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { turn } from '../support/fake-network.ts';

const codes = (results: readonly TaskResult[]) =>
  results.map((result) =>
    result.ok ? `${result.index} ${result.value}` : `${result.index} ${result.error.code}`,
  );

describe('A task set', () => {
  test('submits at once and says what became of each, in the order in which they were added', async () => {
    const { client, server } = await connectFakeClient();
    const set = client.taskSet();
    const jobs = [set.add('a', '1'), set.add('b', '2', { priority: 'high' })];
    const background = set.add('c', '3', { background: true });
    expect([set.jobs, set.pending]).toEqual([jobs, 3]);
    const report = set.wait();
    await turn();
    expect(server.types).toEqual(['SUBMIT_JOB', 'SUBMIT_JOB_HIGH', 'SUBMIT_JOB_BG']);
    server.create('H:1', 'H:2', 'H:3');
    server.send(response('WORK_FAIL', { handle: 'H:2' }));
    server.complete('H:1', 'one');
    const { ok, results, failed, timedOut } = await report;
    expect(codes(results)).toEqual(['0 one', '1 ERR_GEARMAN_JOB_FAILED', '2 undefined']);
    expect(results[2]).toMatchObject({ ok: true, value: undefined, ref: await background });
    expect([ok, codes(failed), timedOut]).toEqual([false, ['1 ERR_GEARMAN_JOB_FAILED'], []]);
  });

  test('of no tasks is over', async () => {
    const { client } = await connectFakeClient();
    const set = client.taskSet();
    expect(await set.wait()).toEqual({ ok: true, results: [], failed: [], timedOut: [] });
    for await (const _ of set) throw new Error('there is none');
  });

  test('waits only so long: the tasks go on, and may be waited for again', async () => {
    const { client, server, clock } = await connectFakeClient();
    const set = client.taskSet();
    const job = set.add('a');
    set.add('b');
    const early = set.wait({ timeoutMs: 1000 });
    await turn();
    server.create('H:1', 'H:2');
    server.complete('H:2', 'two');
    clock.advance(1000);
    const { ok, results, timedOut } = await early;
    expect([ok, codes(results)]).toEqual([false, ['1 two']]);
    expect(timedOut).toEqual([{ index: 0, functionName: 'a', job }]);
    const later = set.wait();
    server.complete('H:1', 'one');
    expect(await later).toMatchObject({ ok: true, timedOut: [] });
  });

  test('stops waiting when its signal is aborted', async () => {
    const { client } = await connectFakeClient();
    const set = client.taskSet();
    const job = set.add('a');
    const abort = new AbortController();
    const waiting = errorOf(set.wait({ signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    expect(job.done).toBe(false);
    expect(await errorOf(set.wait({ signal: abort.signal }))).toMatchObject({ message: 'enough' });
    job.detach();
  });

  test('gives results as they come', async () => {
    const { client, server } = await connectFakeClient();
    const set = client.taskSet();
    set.add('a');
    set.add('b');
    await turn();
    server.create('H:1', 'H:2');
    const seen: string[] = [];
    const loop = (async () => {
      for await (const result of set) seen.push(...codes([result]));
    })();
    server.complete('H:2', 'two');
    await turn();
    expect(seen).toEqual(['1 two']);
    server.complete('H:1', 'one');
    await loop;
    expect(seen).toEqual(['1 two', '0 one']);
  });

  test('tells what all its jobs tell, with their index, until none is left', async () => {
    const { client, server } = await connectFakeClient();
    const set = client.taskSet();
    set.add('a');
    void set.add('b', '', { background: true });
    const events = firstValueFrom(set.events$.pipe(toArray()));
    await turn();
    server.create('H:1', 'H:2');
    server.send(response('WORK_STATUS', { handle: 'H:1', numerator: '1', denominator: '2' }));
    await turn();
    server.complete('H:1', 'one');
    expect(
      (await events).map((event: TaskEvent) => ('index' in event ? `${event.index} ${event.type}` : '')),
    ).toEqual(['0 submitted', '0 created', '0 status', '1 created', '1 result', '0 complete', '0 result']);
    set.add('c').detach();
    const more = firstValueFrom(set.events$.pipe(toArray()));
    expect((await more).map(({ type }) => type)).toEqual(['result']);
  });

  test('holds only so many tasks', async () => {
    const { client } = await connectFakeClient();
    const set = client.taskSet({ maxTasks: 1 });
    set.add('a').detach();
    const full = expect.objectContaining({ code: 'ERR_GEARMAN_OVERFLOW', option: 'maxTasks', limit: 1 });
    expect(() => set.add('b')).toThrow(full);
    expect(client.pending).toBe(0);
    expect(() => client.taskSet({ maxTasks: 0 })).toThrow(/maxTasks/);
  });

  test('a listener of a job that throws is still reported', async () => {
    const { client, server } = await connectFakeClient();
    const job = client.taskSet().add('a');
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    job.on('created', () => {
      throw new Error('mine');
    });
    await turn();
    server.create('H:1');
    expect((await warned).name).toBe('GearmanListenerWarning');
    job.detach();
  });
});

describe('A task queue', () => {
  test('sends nothing before it is run, then everything; and again', async () => {
    const { client, server } = await connectFakeClient();
    const queue = client.taskQueue({ functionName: 'f', name: 'mine', defaults: { priority: 'low' } });
    queue.add('1').add('2', { priority: 'high', uniqueId: 'u' }).add('3', { background: true });
    await turn();
    expect([queue.name, queue.size, server.types]).toEqual(['mine', 3, []]);
    const first = queue.run();
    expect([queue.size, first.tasks.map(({ index }) => index)]).toEqual([0, [0, 1, 2]]);
    await turn();
    expect(server.types).toEqual(['SUBMIT_JOB_LOW', 'SUBMIT_JOB_HIGH', 'SUBMIT_JOB_LOW_BG']);
    expect(
      queue
        .add('4')
        .run()
        .tasks.map(({ index }) => index),
    ).toEqual([3]);
    for (const job of first.jobs) job.detach();
  });

  test('calls its listeners with the event and the task', async () => {
    const { client, server } = await connectFakeClient();
    const story: string[] = [];
    const queue = client.taskQueue({
      functionName: 'f',
      onCreated: ({ index, ref }) => story.push(`${index} created ${ref.handle}`),
      onStatus: ({ index, fraction }) => story.push(`${index} ${fraction}`),
      onFail: ({ index, error }) => story.push(`${index} ${error.code}`),
      onResult: ({ result }) => story.push(`${result.index} ${result.ok}`),
    });
    queue.add().run();
    await turn();
    server.create('H:1');
    server.send(
      response('WORK_STATUS', { handle: 'H:1', numerator: '1', denominator: '2' }),
      response('WORK_FAIL', { handle: 'H:1' }),
    );
    expect(story).toEqual(['0 created H:1', '0 0.5', '0 ERR_GEARMAN_JOB_FAILED', '0 false']);
  });

  test('that is destroyed drops what waits; what runs goes on and is told, then it ends', async () => {
    const { client, server } = await connectFakeClient();
    const queue = client.taskQueue({ functionName: 'f' });
    const events: TaskQueueEvent['type'][] = [];
    queue.events$.subscribe({
      next: ({ type }) => events.push(type),
      complete: () => events.push('destroy'),
    });
    const { jobs } = queue.add('runs').run();
    queue.add('waits');
    await turn();
    server.create('H:1');
    queue.destroy();
    queue.destroy();
    const closed = expect.objectContaining({ code: 'ERR_GEARMAN_CLOSED' });
    expect(() => queue.add()).toThrow(closed);
    expect(() => queue.run()).toThrow(closed);
    expect([queue.size, queue.destroyed]).toEqual([0, true]);
    server.complete('H:1', 'done');
    expect(await jobs[0]?.text()).toBe('done');
    expect(events).toEqual(['submitted', 'created', 'complete', 'result', 'destroy', 'destroy']);
    const late = await firstValueFrom(queue.events$);
    expect(late.type).toBe('destroy');
    await turn();
    expect(server.take('SUBMIT_JOB')).toHaveLength(1);
  });

  test('refuses at once what could never be sent', async () => {
    const { client } = await connectFakeClient();
    const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    expect(() => client.taskQueue({ functionName: '' })).toThrow(wrong);
    expect(() => client.taskQueue({ functionName: 'f', maxTasks: 0 })).toThrow(wrong);
    const nonsense: object = { functionName: 'f', onCrated: () => {} };
    expect(() => client.taskQueue(nonsense as { functionName: string })).toThrow(wrong);
    const queue = client.taskQueue({ functionName: 'f', maxTasks: 1 });
    const unknown: object = { prioriti: 'high' };
    expect(() => queue.add('', unknown)).toThrow(wrong);
    expect(() => queue.add('', { responseTimeoutMs: 5, background: true })).toThrow(wrong);
    expect(() => queue.add('', { uniqueId: 'x'.repeat(65) })).toThrow(wrong);
    expect(queue.size).toBe(0);
    queue.add();
    expect(() => queue.add()).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_OVERFLOW' }));
  });
});

describe('submitMany()', () => {
  test('submits all or none', async () => {
    const { client, server } = await connectFakeClient();
    const good = { functionName: 'f', data: 'x' };
    expect(() => client.submitMany([good, good, { functionName: '' }])).toThrow(/item 2/);
    await turn();
    expect([server.types, client.pending]).toEqual([[], 0]);
    const jobs = client.submitMany([good, { ...good, options: { priority: 'low' } }]);
    await turn();
    expect(server.types).toEqual(['SUBMIT_JOB', 'SUBMIT_JOB_LOW']);
    for (const job of jobs) job.detach();
  });
});

describe('mapReduce()', () => {
  test('sends the reducer, and always with normal priority', async () => {
    const { client, server } = await connectFakeClient({ priority: 'high' });
    const job = client.mapReduce('split', 'sum', 'x', { uniqueId: 'u' });
    const background = client.mapReduceBackground('split', 'sum', 'x');
    await turn();
    expect(server.take('SUBMIT_REDUCE_JOB')).toMatchObject([
      { functionName: 'split', uniqueId: 'u', reducer: 'sum', ignored: '' },
    ]);
    expect(server.take('SUBMIT_REDUCE_JOB_BACKGROUND')).toHaveLength(1);
    server.create('H:1', 'H:2');
    expect((await background).handle).toBe('H:2');
    job.detach();
  });

  test('refuses a priority, and a reducer that gearmand has no room for', async () => {
    const { client } = await connectFakeClient();
    const options: object = { priority: 'high' };
    const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    expect(() => client.mapReduce('f', 'r', '', options)).toThrow(wrong);
    expect(() => client.mapReduce('f', 'r'.repeat(65))).toThrow(wrong);
    expect(await errorOf(client.mapReduceBackground('f', ''))).toEqual(wrong);
  });
});
