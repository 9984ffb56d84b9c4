import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canDo, grab, handleIn, submit, submitBackground } from '../support/requests.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { shouldTestTools, Tool } from '../support/tools.ts';

/** A worker of the real `gearman` tool, once the server knows its function. */
async function startWorker(running: RunningServer, ...args: string[]): Promise<Tool> {
  const asleep = (): boolean => running.server.stats.sleepingWorkers > 0;
  const before = running.server.stats.connections;
  const worker = Tool.gearman(running.port, '-w', ...args);
  await expect
    .poll(() => running.server.stats.connections > before && asleep(), { timeout: 10_000 })
    .toBe(true);
  return worker;
}

describe.skipIf(!shouldTestTools())('the gearman tool against our server', () => {
  test('a client gets the result of a worker', async () => {
    const running = await startServer();
    await startWorker(running, '-f', 'sort', '--', 'sort');
    const { code, stdout } = await Tool.gearman(running.port, '-f', 'sort').result('b\na\nc\n');
    expect([code, stdout]).toEqual([0, 'a\nb\nc\n']);
  });

  test('a payload of a megabyte with every byte comes through whole', async () => {
    const running = await startServer();
    await startWorker(running, '-f', 'sum', '--', 'sha256sum');
    const payload = Buffer.alloc(1_000_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    const { stdout } = await Tool.gearman(running.port, '-f', 'sum').result(payload);
    expect(stdout).toContain(createHash('sha256').update(payload).digest('hex'));
  });

  test('a result of a megabyte comes through whole', async () => {
    const running = await startServer();
    // Reads everything before it writes: the tool writes all before it reads.
    await startWorker(running, '-f', 'sort', '--', 'sort');
    const lines = Array.from({ length: 100_000 }, (_, i) => `line ${1_000_000 + i}\n`).join('');
    const { stdout } = await Tool.gearman(running.port, '-f', 'sort').result(lines);
    expect(stdout === lines).toBe(true);
  });

  test('one job per line, priorities and unique ids', async () => {
    const running = await startServer();
    await startWorker(running, '-f', 'cat', '--', 'cat');
    for (const options of [['-n'], ['-n', '-I'], ['-n', '-L'], ['-n', '-u', 'same']]) {
      const { code, stdout } = await Tool.gearman(running.port, '-f', 'cat', ...options).result('one\ntwo\n');
      expect([code, stdout.includes('one')]).toEqual([0, true]);
    }
  });

  test('a background job outlives its client and is run later', async () => {
    const running = await startServer();
    const { code } = await Tool.gearman(running.port, '-f', 'later', '-b').result('payload');
    expect(code).toBe(0);
    expect(running.server.stats.jobs).toBe(1);
    const done = running.next('job-ended');
    Tool.gearman(running.port, '-w', '-f', 'later', '-c', '1', '--', 'cat');
    expect((await done).how).toBe('complete');
  });

  test('a worker that fails fails the job', async () => {
    const running = await startServer();
    await startWorker(running, '-f', 'no', '--', 'false');
    const ended = running.next('job-ended');
    await Tool.gearman(running.port, '-f', 'no').result('x');
    expect((await ended).how).toBe('fail');
  });

  test('a worker that is killed loses its job to another', async () => {
    const running = await startServer();
    const client = await running.connect();
    const first = Tool.gearman(running.port, '-w', '-f', 'hang', '--', 'sleep', '600');
    const assigned = running.next('job-assigned');
    await client.ask(submit('hang'));
    await assigned;
    const requeued = running.next('job-requeued');
    await first.kill();
    expect((await requeued).reason).toBe('worker-lost');
    const second = await running.connect();
    expect(await second.ask(canDo('hang'), grab())).toHaveLength(1);
  });

  test('a worker whose job is cancelled goes on with the next one', async () => {
    const running = await startServer();
    const client = await running.connect();
    const [created] = await client.ask(submitBackground('f', 'one'), submitBackground('f', 'two'));
    const assigned = running.next('job-assigned');
    // Reads a line from nobody until its input ends, so the first job is still running when it is cancelled.
    Tool.gearman(running.port, '-w', '-f', 'f', '-c', '2', '--', 'cat');
    await assigned;
    await client.askText(`cancel job ${handleIn(created)}\n`);
    await expect
      .poll(() => running.server.stats.counters, { timeout: 10_000 })
      .toMatchObject({ assigned: 2 });
    await expect.poll(() => running.server.stats.jobs, { timeout: 10_000 }).toBe(0);
  });
});

describe.skipIf(!shouldTestTools())('the gearadmin tool against our server', () => {
  test('reads every listing', async () => {
    const running = await startServer({ jobHandlePrefix: 'H:x' });
    const peer = await running.connect();
    const [created] = await peer.ask(canDo('f'), submitBackground('f', 'x', 'u'));
    const handle = handleIn(created);
    const ask = async (...args: string[]): Promise<string> =>
      (await Tool.gearadmin(running.port, ...args).result()).stdout;
    expect(await ask('--status')).toBe('f\t1\t0\t1\n.\n');
    expect(await ask('--priority-status')).toBe('f\t0\t1\t0\t1\n.\n');
    expect(await ask('--show-jobs')).toBe(`${handle}\t0\t0\t1\n.\n`);
    expect(await ask('--show-unique-jobs')).toBe('u\n.\n');
    expect(await ask('--workers')).toMatch(/^1 127\.0\.0\.1 - : f\n\d+ 127\.0\.0\.1 - :\n\.\n$/);
    expect(await ask('--server-version')).toBe('0.1.0\n');
    expect(await ask('--server-verbose')).toBe('ERROR\n');
    expect(await ask('--getpid')).toBe(`${process.pid}\n`);
  });

  test('creates, drops and cancels', async () => {
    const running = await startServer();
    const peer = await running.connect();
    const [created] = await peer.ask(submit('f'));
    const ask = (...args: string[]) => Tool.gearadmin(running.port, ...args).result();
    await ask('--create-function', 'mine');
    expect(await peer.askText('status\n')).toContain('mine\t0\t0\t0\n');
    expect((await ask('--drop-function', 'f')).stderr).toContain('there are still jobs waiting');
    expect((await ask('--cancel-job', handleIn(created))).code).toBe(0);
    expect((await peer.arrived()).map((message) => message.slice(12))).toEqual([handleIn(created)]);
    await ask('--drop-function', 'f');
    expect(await peer.askText('status\n')).toBe('mine\t0\t0\t0\n.\n');
  });
});
