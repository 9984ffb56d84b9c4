import { request as httpRequest } from 'node:http';
import { type Packet, request } from '@gearman/protocol';
import { createServer, type ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
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
import type { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const KILOBYTE = 'x'.repeat(1000);
const work = (number: number): string => `${KILOBYTE}${number}`;
const getStatus = (handle: string): Packet => request('GET_STATUS', { handle });
const getStatusUnique = (uniqueId: string): Packet => request('GET_STATUS_UNIQUE', { uniqueId });
/** Two jobs of a kilobyte have room. */
const LIMITS = { maxMemoryBytes: 4000 };

/** A server in which all but the first of these jobs of `f` are parked; they have unique ids `u1` and so on. */
async function startParked(jobs: number, options: ServerOptions = {}) {
  const store = new MemoryStore();
  const running = await startServer({ store, limits: LIMITS, ...options });
  const client = await running.connect();
  const handles: string[] = [];
  for (let i = 1; i <= jobs; i++) {
    const [created] = await client.ask(submitBackground('f', work(i), `u${i}`));
    handles.push(handleIn(created));
  }
  expect(running.server.stats).toMatchObject({ jobs, store: { jobs } });
  expect(running.server.stats.parkedJobs).toBeGreaterThanOrEqual(jobs - 2);
  const lastHandle = handles.at(-1) ?? '';
  return { store, running, client, handles, lastHandle };
}

/** Works until this many jobs are done, sleeping where there is nothing. @returns their payloads */
async function drain(worker: TestConnection, functionName: string, jobs: number): Promise<string[]> {
  worker.send(canDo(functionName));
  const payloads: string[] = [];
  while (payloads.length < jobs) {
    const [answer = ''] = read(await worker.ask(grab())).filter((each) => each !== 'NOOP');
    if (answer === 'NO_JOB') {
      worker.send(preSleep());
      await worker.skip(12);
      continue;
    }
    const [handle = '', , payload = ''] = answer.slice('JOB_ASSIGN '.length).split('|');
    payloads.push(payload);
    worker.send(workComplete(handle, ''));
  }
  return payloads;
}

const countUp = (to: number): string[] => Array.from({ length: to }, (_, i) => work(i + 1));

describe('jobs for which memory has no room', () => {
  test('run in order, by workers that sleep while jobs are read', async () => {
    const { running } = await startParked(30);
    const [one, other] = [await running.connect(), await running.connect()];
    expect(running.server.stats.queueBytes).toBeGreaterThan(30_000);
    expect(running.server.stats.memoryBytes).toBeLessThan(4000);
    expect(await drain(one, 'f', 10)).toEqual(countUp(10));
    expect((await Promise.all([drain(one, 'f', 10), drain(other, 'f', 10)])).flat().sort()).toEqual(
      countUp(30).slice(10).sort(),
    );
    await one.arrived();
    await other.arrived();
    expect(running.server.stats).toMatchObject({ jobs: 0, parkedJobs: 0, queueBytes: 0, memoryBytes: 0 });
  });

  test('come after foreground jobs that were there before, and before those that came later', async () => {
    const { running, client } = await startParked(6);
    client.send(submit('f', 'foreground'));
    expect(read(await client.ask(submitBackground('f', 'last')))).toHaveLength(2);
    expect(await drain(await running.connect(), 'f', 8)).toEqual([...countUp(6), 'foreground', 'last']);
  });

  test('stand for further submits with the same id', async () => {
    const { running, client } = await startParked(6, { limits: { maxMemoryBytes: 5000 } });
    const ask = (background: boolean): Packet =>
      request('SUBMIT_JOB_WITH', {
        ...{ functionName: 'f', uniqueId: '', workload: Buffer.from(work(7)) },
        options: JSON.stringify({ background, dedup: { mode: 'drop', id: 'd' } }),
      });
    await client.ask(request('OPTION_REQ', { option: 'x-submit' }));
    const before = running.server.stats.parkedJobs;
    const [created = ''] = read(await client.ask(ask(true)));
    expect(running.server.stats.parkedJobs).toBeGreaterThan(before);
    const merged = created.replace('JOB_CREATED', 'JOB_MERGED');
    expect(read(await client.ask(ask(true), ask(false)))).toEqual([merged, merged]);
    expect(await drain(await running.connect(), 'f', 7)).toEqual(countUp(7));
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${created.split(' ')[1]}|`]);
    expect(running.server.stats).toMatchObject({ jobs: 0, dedupIds: 0 });
  });

  test('are counted, and found by handle and by unique id', async () => {
    const { client, lastHandle } = await startParked(8);
    expect(
      read(
        await client.ask(
          getStatus(lastHandle),
          getStatusUnique('u8'),
          getStatusUnique('u9'),
          getStatusUnique(''),
        ),
      ),
    ).toEqual([
      `STATUS_RES ${lastHandle}|1|0|0|0`,
      'STATUS_RES_UNIQUE u8|1|0|0|0|0',
      'STATUS_RES_UNIQUE u9|0|0|0|0|0',
      'STATUS_RES_UNIQUE |0|0|0|0|0',
    ]);
    expect(await client.askText('status\n')).toBe('f\t8\t0\t0\n.\n');
    expect(await client.askText('prioritystatus\n')).toBe('f\t0\t8\t0\t0\n.\n');
    expect(await client.askText('drop function f\n')).toContain('ERR');
    client.sendText('maxqueue f 8\n');
    expect(read(await client.ask(submitBackground('f', 'one more'))).at(-1)).toContain('QUEUE_ERROR');
  });

  test('are listed with the others, oldest first', async () => {
    const { client, handles } = await startParked(8);
    expect(await client.askText('show jobs\n')).toBe(
      `${handles.map((each) => `${each}\t0\t0\t1\n`).join('')}.\n`,
    );
    expect(await client.askText('show unique jobs\n')).toBe('u1\nu2\nu3\nu4\nu5\nu6\nu7\nu8\n.\n');
  });

  test('end a listing that cannot be read with the connection', async () => {
    const { store, client } = await startParked(8);
    store.unreadable = new Error('EIO');
    client.sendText('show jobs\n');
    await client.closed;
    expect(await client.arrived()).toEqual([]);
  });

  test('take background submits with their unique ids, without being read', async () => {
    const { store, running, client, handles, lastHandle } = await startParked(8);
    store.holdReads();
    const answers = await client.ask(...[8, 3].map((i) => submitBackground('f', 'other', `u${i}`)));
    expect(answers.map(handleIn)).toEqual([lastHandle, handles[2]]);
    expect(read(await client.ask(submitBackground('g', 'other', 'u8')))).not.toContain(lastHandle);
    expect(running.server.stats).toMatchObject({ jobs: 9 });
    expect(store.reads).toEqual([]);
  });

  test('come back for clients that want their result; only those wait for the store', async () => {
    const { store, running, client, lastHandle } = await startParked(8);
    store.holdReads();
    const waiting = await running.connect();
    waiting.send(echo('before'), submit('f', 'other', 'u8'), echo('behind'));
    await expect.poll(() => store.reads.length).toBe(1);
    expect(read(await client.ask(echo('others go on')))).toEqual(['ECHO_RES others go on']);
    const arrived = waiting.arrived();
    store.letReadsGo();
    expect(read(await arrived)).toEqual(['ECHO_RES before', `JOB_CREATED ${lastHandle}`, 'ECHO_RES behind']);
    expect(await drain(await running.connect(), 'f', 8)).toEqual(countUp(8));
    expect(read(await waiting.arrived())).toEqual([`WORK_COMPLETE ${lastHandle}|`]);
  });

  test('come back for clients over HTTP, too', async () => {
    const { running, lastHandle } = await startParked(8, { http: { port: 0 } });
    const sent = httpRequest({
      ...{
        port: running.server.httpAddress?.port,
        host: '127.0.0.1',
        path: '/f',
        method: 'POST',
        agent: false,
      },
      headers: { 'X-Gearman-Unique': 'u8' },
    });
    onTestFinished(() => void sent.destroy());
    const answered = new Promise((resolve) => {
      sent.on('response', ({ headers }) => resolve(headers['x-gearman-job-handle']));
    });
    sent.end('other');
    await expect.poll(() => running.server.stats.parkedJobs).toBeLessThan(7);
    await drain(await running.connect(), 'f', 8);
    expect(await answered).toBe(lastHandle);
  });

  test('can be cancelled, and stay cancelled after a restart', async () => {
    const { store, client, handles, lastHandle } = await startParked(8);
    expect(await client.askText(`cancel job ${lastHandle}\n`)).toBe('OK\r\n');
    expect(await client.askText(`cancel job ${handles[4]}\n`)).toBe('OK\r\n');
    expect(await client.askText(`cancel job ${lastHandle}\n`)).toContain('ERR');
    await expect.poll(() => store.place.jobs.size).toBe(6);
    const again = await startServer({ store: new MemoryStore(store.place), limits: LIMITS });
    expect(await drain(await again.connect(), 'f', 6)).toEqual(countUp(7).filter((_, i) => i !== 4));
  });

  test('stay where they are when the store cannot be read, and come when it can; who sleeps is woken', async () => {
    const clock = new FakeClock();
    const { store, running } = await startParked(8, { clock });
    store.unreadable = new Error('EIO: i/o error');
    const worker = await running.connect();
    worker.send(canDo('f'), request('GRAB_JOB', {}), request('GRAB_JOB', {}), request('GRAB_JOB', {}));
    await expect.poll(() => store.reads.length).toBe(1);
    const jobs = read(await worker.arrived());
    expect(jobs.at(-1)).toBe('NO_JOB');
    await worker.ask(preSleep());
    clock.advance(100);
    await expect.poll(() => store.reads.length).toBe(2);
    expect(running.server.stats.jobs).toBe(8);
    store.unreadable = undefined;
    clock.advance(200);
    await worker.skip(12);
    expect(store.reads).toHaveLength(3);
    const left = 8 - jobs.filter((each) => each.startsWith('JOB_ASSIGN')).length;
    expect(await drain(worker, 'f', left)).toEqual(countUp(8).slice(-left));
  });

  test('that the store has lost are given up and counted no more; the others run', async () => {
    const { store, running } = await startParked(8);
    store.place.jobs.delete(Math.max(...store.place.jobs.keys()) - 1);
    expect(await drain(await running.connect(), 'f', 7)).toEqual(countUp(8).filter((_, i) => i !== 6));
    expect(running.server.stats).toMatchObject({ parkedJobs: 0 });
  });

  test('are parked at once by a restart, and run in order', async () => {
    const place = new MemoryPlace();
    const first = await startServer({ store: new MemoryStore(place) });
    const client = await first.connect();
    await client.ask(...countUp(40).map((payload) => submitBackground('f', payload)));
    expect(first.server.stats).toMatchObject({ jobs: 40, parkedJobs: 0 });

    const running = await startServer({ store: new MemoryStore(place), limits: LIMITS });
    const { jobs, parkedJobs, memoryBytes } = running.server.stats;
    expect([jobs, parkedJobs > 35, memoryBytes < 4000]).toEqual([40, true, true]);
    expect(await drain(await running.connect(), 'f', 40)).toEqual(countUp(40));
  });
});

test('submits are refused when even the index of the jobs has no room', async () => {
  const running = await startServer({ store: new MemoryStore(), limits: { maxMemoryBytes: 2000 } });
  const client = await running.connect();
  let last = '';
  for (let i = 0; i < 50 && !last.startsWith('ERROR'); i++) {
    [last = ''] = read(await client.ask(submitBackground('f', 'x')));
  }
  expect(last).toContain('QUEUE_ERROR');
  expect(running.server.stats.limits.maxMemoryBytes).toBe(1);
});

test('without a store there is nothing but memory', () => {
  expect(() => createServer({ limits: { maxMemoryBytes: 1e9 } })).toThrow(/only with a store/);
});
