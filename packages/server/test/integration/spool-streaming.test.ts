import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Packet, request } from '@gearman/protocol';
import type { ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  submitBackground,
  workComplete,
  workData,
} from '../support/requests.ts';
import { largePayload, openFilesIn, spoolDirectory } from '../support/spool-directory.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const MIB = 2 ** 20;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const read = (messages: readonly string[]): string[] => messages.map(readMessage);

async function start(options: ServerOptions = {}) {
  const { directory, files } = spoolDirectory();
  const running = await startServer({ spool: { directory, thresholdBytes: 0x1_0000 }, ...options });
  return { running, directory, files };
}

const large = (workload: Uint8Array): Packet =>
  request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload });
const largeBackground = (workload: Uint8Array, uniqueId = ''): Packet =>
  request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId, workload });

describe('a job that is read from its file', () => {
  test('stays in order with what is sent before and behind it', async () => {
    const { running } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    const [one, two] = [largePayload(200_000), largePayload(300_000, 2)];
    await client.ask(
      large(one),
      request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload: Buffer.from('small') }),
      large(two),
    );
    const answers = await worker.ask(
      canDo('f'),
      echo('1'),
      grab(),
      echo('2'),
      grab(),
      grab(),
      grab(),
      echo('3'),
    );
    const workloads = answers.map((each) => each.slice(each.lastIndexOf('\0f\0') + 3));
    expect(answers).toHaveLength(7);
    expect(read([answers[0] ?? '', answers[2] ?? '', answers[5] ?? '', answers[6] ?? ''])).toEqual([
      'ECHO_RES 1',
      'ECHO_RES 2',
      'NO_JOB',
      'ECHO_RES 3',
    ]);
    expect(workloads[1] === text(one)).toBe(true);
    expect(workloads[3]).toBe('small');
    expect(workloads[4] === text(two)).toBe(true);
  });

  test('does not pass what waits for the store', async () => {
    const store = new MemoryStore();
    const { running } = await start({ store });
    const both = await running.connect();
    const workload = largePayload(200_000);
    await both.ask(canDo('f'), large(workload));
    store.hold();
    const started = store.started();
    both.send(echo('1'), submitBackground('g'), grab(), echo('2'));
    await started;
    await expect.poll(() => running.server.stats.runningJobs).toBe(1);
    store.letGo();
    const answers = await both.arrived();
    expect(read([answers[0] ?? '', answers[1] ?? '', answers[3] ?? ''])).toEqual([
      'ECHO_RES 1',
      expect.stringMatching(/^JOB_CREATED /),
      'ECHO_RES 2',
    ]);
    expect(answers[2]?.endsWith(text(workload))).toBe(true);
  });

  test('takes little memory while its worker does not read; after ten seconds it goes to another one', async () => {
    const clock = new FakeClock();
    const { running } = await start({ clock });
    const client = await running.connect();
    const workload = largePayload(4 * MIB);
    const [created] = await client.ask(large(workload));
    const stream = running.server.connect();
    const slow = new TestConnection(stream);
    stream.pause();
    slow.send(canDo('f'), grab());
    await expect.poll(() => running.server.stats.runningJobs).toBe(1);
    await expect.poll(() => running.server.stats.outputBytes).toBeGreaterThan(0);
    expect(running.server.stats.outputBytes).toBeLessThan(MIB);
    const worker = await running.connect();
    await worker.ask(canDo('f'));
    const gone = running.next('disconnect');
    clock.advance(1000);
    clock.advance(11_000);
    expect((await gone).reason).toMatch(/^left \d+ bytes unread and took none for 10000 ms$/);
    const [assigned = ''] = await worker.ask(grab());
    expect(handleIn(assigned)).toBe(handleIn(created));
    expect(assigned.endsWith(text(workload))).toBe(true);
    expect(running.server.stats.outputBytes).toBe(0);
  });

  test('goes to another worker when its worker leaves in the middle', async () => {
    const { running, directory, files } = await start();
    const client = await running.connect();
    const workload = largePayload(4 * MIB);
    const [created] = await client.ask(large(workload));
    for (let i = 0; i < 3; i++) {
      const stream = running.server.connect();
      const leaving = new TestConnection(stream);
      leaving.send(canDo('f'), grab());
      await leaving.skip(100_000 * (i + 1));
      const gone = running.next('disconnect');
      await leaving.close();
      await gone;
    }
    const worker = await running.connect();
    const [assigned = ''] = await worker.ask(canDo('f'), grab());
    expect(assigned.endsWith(text(workload))).toBe(true);
    await worker.ask(workComplete(handleIn(created), ''));
    await expect.poll(files).toEqual([]);
    await expect.poll(() => openFilesIn(directory)).toEqual([]);
  });

  test('is for a worker and client in one connection, which reports progress meanwhile', async () => {
    const { running } = await start();
    const both = await running.connect();
    const workload = largePayload(2 * MIB);
    const [created] = await both.ask(canDo('f'), large(workload));
    const handle = handleIn(created);
    const answers = await both.ask(grab(), workData(handle, 'half'), workComplete(handle, 'all'));
    expect(answers[0]?.endsWith(text(workload))).toBe(true);
    expect(read(answers.slice(1))).toEqual([`WORK_DATA ${handle}|half`, `WORK_COMPLETE ${handle}|all`]);
  });

  test('fails for its clients, and disconnects the worker, when the file is gone', async () => {
    const lines: string[] = [];
    const log = (_fields: object, message: string): void => void lines.push(message);
    const logger = { debug: () => {}, info: () => {}, warn: log, error: log };
    const { running, directory, files } = await start({ logger });
    const [client, worker] = [await running.connect(), await running.connect()];
    const [created] = await client.ask(large(largePayload(100_000)));
    rmSync(join(directory, files()[0] ?? ''));
    worker.send(canDo('f'), grab());
    await worker.closed;
    expect(read(await client.arrived())).toEqual([`WORK_FAIL ${handleIn(created)}`]);
    expect(lines).toEqual(['the payload of a job cannot be read; its worker is disconnected']);
  });
});

describe('with a store that takes no files', () => {
  test('background jobs are stored with their bytes, and come back with them', async () => {
    const place = new MemoryPlace();
    const { running, files } = await start({ store: new MemoryStore(place) });
    const client = await running.connect();
    const [one, two] = [largePayload(200_000), largePayload(300_000, 2)];
    const created = await client.ask(
      largeBackground(one, 'u'),
      submitBackground('f', 'small'),
      largeBackground(two),
    );
    const sizes = [...place.jobs.values()].map(({ payload }) => payload.length).sort((a, b) => a - b);
    expect(sizes).toEqual([5, 200_000, 300_000]);
    expect(files()).toHaveLength(2);

    const again = (await start({ store: new MemoryStore(place) })).running;
    const worker = await again.connect();
    const answers = await worker.ask(canDo('f'), grab(), grab(), grab());
    expect(answers.map(handleIn)).toEqual(created.map(handleIn));
    expect(answers[0]?.endsWith(text(one))).toBe(true);
    expect(answers[2]?.endsWith(text(two))).toBe(true);
  });

  test('what it refuses is gone: the job, its file, and the jobs of its batch that it had taken', async () => {
    const store = new MemoryStore();
    const { running, files } = await start({ store });
    const client = await running.connect();
    store.refuse = new Error('ENOSPC: no space left on device');
    const answers = await client.ask(largeBackground(largePayload(200_000)), echo('behind'));
    expect(read(answers)).toEqual([
      'ERROR QUEUE_ERROR|The job cannot be stored: ENOSPC: no space left on device',
      'ECHO_RES behind',
    ]);
    await expect.poll(files).toEqual([]);
    expect([running.server.stats.jobs, store.place.jobs.size]).toEqual([0, 0]);
  });

  test('a job that is cancelled while it is stored keeps its file as long as the store may need it', async () => {
    const store = new MemoryStore();
    const { running, directory, files } = await start({ store });
    const [client, admin] = [await running.connect(), await running.connect()];
    const workload = largePayload(200_000);
    store.hold();
    const first = store.started();
    client.send(submitBackground('f', 'holds up the store'));
    await first;
    client.send(largeBackground(workload, 'u'));
    await expect.poll(() => running.server.stats.jobs).toBe(2);
    const [waiting] = await admin.ask(
      request('SUBMIT_JOB', { functionName: 'f', uniqueId: 'u', workload: Buffer.alloc(0) }),
    );
    await admin.askText(`cancel job ${handleIn(waiting)}\n`);
    expect(readFileSync(join(directory, files()[0] ?? '')).equals(workload)).toBe(true);
    store.letGo();
    await client.arrived();
    await expect.poll(files).toEqual([]);
    await expect.poll(() => store.place.jobs.size).toBe(1);
  });
});
