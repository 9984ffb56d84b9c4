import { request } from '@gearman/protocol';
import { createServer } from '@gearman/server';
import { RawConnection, startOurServer, startRawWorker } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { deferred } from './support/deferred.ts';
import { ALL_BYTES, counting, described } from './support/payload.ts';
import { required } from './support/peers.ts';
import { areToolsHere, runTool, startTool } from './support/tool.ts';

const LARGE_BYTES = 32 * 1024 * 1024;

/** A connection that has submitted one job. */
async function submit(
  port: number,
  functionName: string,
  workload: Uint8Array,
  uniqueId = '',
): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.send(request('SUBMIT_JOB', { functionName, uniqueId, workload }));
  await connection.expect('JOB_CREATED');
  return connection;
}

describe.skipIf(!areToolsHere() && !required)('the gearman tool as client', () => {
  test('submits what stands on standard input and writes the result, byte for byte', async () => {
    await using server = await startOurServer();
    await using _worker = await startRawWorker(server.port, { echo: (job) => job.complete(job.workload) });
    const input = Buffer.from(ALL_BYTES).toString('latin1');
    const { status, stdout } = await runTool('gearman', server.port, ['-f', 'echo'], input);
    expect([status, stdout.toString()]).toEqual([0, input]);
  });

  test('submits each argument as a job', async () => {
    await using server = await startOurServer();
    await using _worker = await startRawWorker(server.port, {
      up: (job) => job.complete(job.text.toUpperCase()),
    });
    const { stdout } = await runTool('gearman', server.port, ['-f', 'up', '-P', 'a', 'b', 'c']);
    expect(stdout.toString()).toBe('up: Aup: Bup: C');
  });

  test('writes a result of 32 MiB with NULs', async () => {
    await using server = await startOurServer();
    const bytes = counting(LARGE_BYTES, 256);
    await using _worker = await startRawWorker(server.port, { large: (job) => job.complete(bytes) });
    const { status, stdout } = await runTool('gearman', server.port, ['-f', 'large', '-s']);
    expect([status, described(stdout)]).toEqual([0, described(bytes)]);
  });

  test('shows progress, data and warnings', async () => {
    await using server = await startOurServer();
    await using _worker = await startRawWorker(server.port, {
      busy: (job) => {
        job.status(1, 2);
        job.data('part ');
        job.warning('careful');
        job.complete('done');
      },
    });
    const { status, stdout, stderr } = await runTool('gearman', server.port, ['-f', 'busy', '-s']);
    // It prints progress through a buffer and data past it: their order says nothing.
    expect(stdout.toString()).toContain('50% Complete\n');
    expect(stdout.toString()).toContain('part done');
    expect([status, stderr]).toEqual([0, 'careful']);
  });

  test.each([
    { what: 'a failure', end: 'fail', complaint: 'Job failed' },
    { what: 'an exception', end: 'exception', complaint: 'Job failed' },
  ] as const)('ends with status 1 after $what', async ({ end, complaint }) => {
    await using server = await startOurServer();
    await using _worker = await startRawWorker(server.port, {
      end: (job) => (end === 'fail' ? job.fail() : job.exception('boom')),
    });
    const { status, stderr } = await runTool('gearman', server.port, ['-f', 'end', '-s']);
    expect([status, stderr.trim()]).toEqual([1, complaint]);
  });

  test('queues background jobs that are served by priority', async () => {
    await using server = await startOurServer();
    for (const [flag, text] of [
      ['-L', 'low'],
      ['-b', 'normal'],
      ['-I', 'high'],
    ] as const) {
      const { status } = await runTool('gearman', server.port, ['-f', 'f', '-b', flag, text]);
      expect(status).toBe(0);
    }
    const order: string[] = [];
    const { promise: all, resolve } = deferred<void>();
    await using _worker = await startRawWorker(server.port, {
      f: (job) => {
        job.complete();
        if (order.push(job.text) === 3) resolve();
      },
    });
    await all;
    expect(order).toEqual(['high', 'normal', 'low']);
  });

  test('shares a job by its unique id', async () => {
    await using server = await createServer().listen({ port: 0 });
    const port = server.addresses[0]?.port ?? 0;
    const { promise: queued, resolve } = deferred<unknown>();
    server.on('job-queued', resolve);
    await using first = startTool('gearman', port, ['-f', 'merge', '-u', 'same', 'first']);
    await queued;
    await using second = await submit(port, 'merge', Buffer.from('second'), 'same');
    await using _worker = await startRawWorker(port, { merge: (job) => job.complete(job.text) });
    expect((await first.ended).stdout.toString()).toBe('first');
    expect(Buffer.from((await second.expect('WORK_COMPLETE')).data).toString()).toBe('first');
  });
});

describe.skipIf(!areToolsHere() && !required)('the gearman tool as worker', () => {
  test('runs a command for each job and gives back its output', async () => {
    await using server = await startOurServer();
    await using _worker = startTool('gearman', server.port, ['-w', '-f', 'cat', '--', 'cat']);
    for (const bytes of [ALL_BYTES, Buffer.from('x')]) {
      await using client = await submit(server.port, 'cat', bytes);
      expect(described((await client.expect('WORK_COMPLETE')).data)).toEqual(described(bytes));
    }
  });

  test('takes a payload of 32 MiB with NULs', async () => {
    await using server = await startOurServer();
    await using _worker = startTool('gearman', server.port, ['-w', '-f', 'sum', '--', 'sha1sum']);
    const bytes = counting(LARGE_BYTES, 256);
    await using client = await submit(server.port, 'sum', bytes);
    const { data } = await client.expect('WORK_COMPLETE');
    expect(Buffer.from(data).toString()).toBe(`${described(bytes).sha1}  -\n`);
  });

  test('fails a job whose command fails', async () => {
    await using server = await startOurServer();
    await using _worker = startTool('gearman', server.port, [
      '-w',
      '-f',
      'bad',
      '--',
      'sh',
      '-c',
      'echo no; exit 3',
    ]);
    await using client = await submit(server.port, 'bad', Buffer.from('x'));
    expect(Buffer.from((await client.expect('WORK_DATA')).data).toString()).toBe('no\n');
    await client.expect('WORK_FAIL');
  });

  test('is killed while it runs a job, and another one runs it', async () => {
    await using server = await startOurServer();
    await using worker = startTool('gearman', server.port, [
      '-w',
      '-f',
      'hang',
      '--',
      'sh',
      '-c',
      'echo took >&2; sleep 60',
    ]);
    await using client = await submit(server.port, 'hang', Buffer.from('payload'));
    await worker.says('took');
    await worker.kill();
    await using _other = await startRawWorker(server.port, { hang: (job) => job.complete(job.text) });
    expect(Buffer.from((await client.expect('WORK_COMPLETE')).data).toString()).toBe('payload');
  });

  test('serves the gearman tool as client', async () => {
    await using server = await startOurServer();
    await using worker = startTool('gearman', server.port, ['-w', '-c', '1', '-f', 'wc', '--', 'wc', '-c']);
    const { stdout } = await runTool('gearman', server.port, ['-f', 'wc'], 'twelve bytes');
    expect(stdout.toString().trim()).toBe('12');
    expect((await worker.ended).status).toBe(0);
  });
});
