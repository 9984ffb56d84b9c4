import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Packet, request } from '@gearman/protocol';
import { createServer, type Server } from '@gearman/server';
import { RawConnection } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createJournal } from '../../src/index.ts';
import { temporaryDirectory } from '../support/jobs.ts';

const PAYLOAD = Buffer.alloc(300_000, 'all of it ');

function newDirectory(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  return directory.path;
}

/** @param spoolDirectory beside the journal if none is given */
async function start(directory: string, spoolDirectory = join(directory, 'spool')): Promise<Server> {
  const server = createServer({
    store: createJournal({ directory, segmentBytes: 0x10_0000 }),
    spool: { directory: spoolDirectory, thresholdBytes: 0x1_0000 },
  });
  await server.listen({ port: 0 });
  onTestFinished(() => server.close());
  return server;
}

const connect = (server: Server): Promise<RawConnection> =>
  RawConnection.open(server.addresses[0]?.port ?? 0);

const background = (workload: Uint8Array, uniqueId = ''): Packet =>
  request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId, workload });

async function submit(server: Server, ...packets: Packet[]): Promise<string[]> {
  await using client = await connect(server);
  client.send(...packets);
  const handles: string[] = [];
  for (const _ of packets) handles.push((await client.expect('JOB_CREATED')).handle);
  return handles;
}

/** Runs every job that waits. */
async function drain(server: Server): Promise<{ handle: string; workload: Buffer }[]> {
  await using worker = await connect(server);
  worker.send(request('CAN_DO', { functionName: 'f' }));
  const jobs: { handle: string; workload: Buffer }[] = [];
  for (;;) {
    worker.send(request('GRAB_JOB', {}));
    const answer = await worker.next();
    if (answer.type !== 'JOB_ASSIGN') return jobs;
    const { handle, workload } = answer;
    jobs.push({ handle, workload: Buffer.from(workload) });
    worker.send(request('WORK_COMPLETE', { handle, data: Buffer.alloc(0) }));
  }
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => !name.startsWith('lock'));

describe('background jobs with payloads in files', () => {
  test("become the journal's by a second name, come back without being read, and are gone when they are over", async () => {
    const directory = newDirectory();
    const [payloads, spool] = [join(directory, 'payloads'), join(directory, 'spool')];
    const first = await start(directory);
    const [one, , three] = [PAYLOAD, Buffer.from('small'), PAYLOAD.subarray(1)];
    const handles = await submit(first, background(one), background(Buffer.from('small')), background(three));
    expect(filesIn(payloads)).toHaveLength(2);
    for (const name of filesIn(payloads)) expect(statSync(join(payloads, name)).nlink).toBe(2);
    await first.close();
    expect(filesIn(spool)).toEqual([]);
    // What a server leaves that was killed in between.
    writeFileSync(join(spool, 'payload-9'), 'an orphan');
    writeFileSync(join(payloads, '99'), 'another one');

    const second = await start(directory);
    expect(filesIn(spool)).toEqual([]);
    expect(filesIn(payloads)).toHaveLength(2);
    expect(second.stats).toMatchObject({ jobs: 3, spoolBytes: 0, store: { jobs: 3 } });
    expect(second.stats.queueBytes).toBeLessThan(4000);
    const jobs = await drain(second);
    expect(jobs.map(({ handle }) => handle)).toEqual(handles);
    expect([one.equals(jobs[0]?.workload ?? one), three.equals(jobs[2]?.workload ?? one)]).toEqual([
      true,
      true,
    ]);
    await expect.poll(() => filesIn(payloads)).toEqual([]);
  });

  test('merge after a restart with jobs of the same payload, when that is their key', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    const handles = await submit(first, background(PAYLOAD, '-'));
    await first.close();
    const second = await start(directory);
    expect(await submit(second, background(PAYLOAD, '-'))).toEqual(handles);
    expect(await submit(second, background(PAYLOAD.subarray(1), '-'))).not.toEqual(handles);
  });

  test('that an earlier version has stored with their bytes merge, too', async () => {
    const directory = newDirectory();
    const workload = Buffer.alloc(2 * 2 ** 20, 'larger than a quarter of a segment ');
    const before = await createServer({
      store: createJournal({ directory, segmentBytes: 0x10_0000 }),
    }).listen({ port: 0 });
    const handles = await submit(before, background(workload, '-'));
    await before.close();
    const after = await start(directory);
    expect(after.stats.queueBytes).toBeLessThan(4000);
    expect(await submit(after, background(workload, '-'))).toEqual(handles);
    expect((await drain(after))[0]?.workload.equals(workload)).toBe(true);
  });

  test('survive the compaction of the journal', async () => {
    const directory = newDirectory();
    const journal = createJournal({ directory, segmentBytes: 0x1_0000 });
    const spool = { directory: join(directory, 'spool'), thresholdBytes: 0x1_0000 };
    const server = await createServer({ store: journal, spool }).listen({ port: 0 });
    const handles = await submit(server, background(PAYLOAD, '-'));
    await submit(server, ...Array.from({ length: 20 }, () => background(Buffer.alloc(10_000))));
    await journal.compact();
    await server.close();
    const again = await start(directory);
    expect(await submit(again, background(PAYLOAD, '-'))).toEqual(handles);
    expect((await drain(again))[0]?.workload.equals(PAYLOAD)).toBe(true);
  });

  test('are checked when they are sent: what has changed since reaches no worker, before and after a restart', async () => {
    const directory = newDirectory();
    const payloads = join(directory, 'payloads');
    const first = await start(directory);
    const handles = await submit(first, background(PAYLOAD), background(PAYLOAD));
    await first.close();
    const [name = ''] = filesIn(payloads).sort((a, b) => Number(a) - Number(b));
    const bytes = Buffer.from(PAYLOAD);
    bytes[0] = 0;
    writeFileSync(join(payloads, name), bytes);
    const second = await start(directory);
    await using worker = await connect(second);
    worker.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
    await expect(worker.next()).rejects.toThrow('ended before');
    expect(await drain(second)).toEqual([{ handle: handles[1], workload: PAYLOAD }]);
    await expect.poll(() => filesIn(payloads)).toEqual([]);
  });

  test('of which a foreground client is the first become durable when a background submit merges', async () => {
    const directory = newDirectory();
    const server = await start(directory);
    await using client = await connect(server);
    client.send(request('SUBMIT_JOB', { functionName: 'f', uniqueId: 'u', workload: PAYLOAD }));
    const { handle } = await client.expect('JOB_CREATED');
    expect(filesIn(join(directory, 'payloads'))).toEqual([]);
    expect(await submit(server, background(Buffer.from('not needed'), 'u'))).toEqual([handle]);
    expect(filesIn(join(directory, 'payloads'))).toHaveLength(1);
    await server.close();
    expect(await drain(await start(directory))).toEqual([{ handle, workload: PAYLOAD }]);
  });
});
