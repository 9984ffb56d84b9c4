import { createAdmin } from '@gearman/admin';
import { startRawWorker, type TestServer } from '@gearman/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runGearadmin, runGearman } from '../../src/index.ts';
import { startCommand } from '../support/command.ts';
import { runHere } from '../support/run-here.ts';

/** What the commands must do with every job server. */
export function describeCommands(name: string, start: () => Promise<TestServer>): void {
  describe(`gearman, with ${name}`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.stop());

    const here = (...args: string[]) => runHere(runGearman, [...args, '--servers', server.server]);
    const json = async (...args: string[]) => JSON.parse((await here(...args, '--json')).stdout);

    test('submit runs a job and prints its result', async () => {
      await using _worker = await startRawWorker(server.port, {
        upper: (job) => job.complete(job.text.toUpperCase()),
      });
      expect(await here('submit', 'upper', 'hello')).toEqual({ code: 0, stdout: 'HELLO', stderr: '' });
    });

    test('submit shows parts, warnings and progress as they come', async () => {
      await using _worker = await startRawWorker(server.port, {
        parts: (job) => {
          job.warning('careful\n');
          job.status(1, 4);
          job.data('one ');
          job.complete('two');
        },
      });
      expect(await here('submit', 'parts', '', '--progress')).toEqual({
        code: 0,
        stdout: 'one two',
        stderr: 'careful\n25 % (1 of 4)\n',
      });
      expect(await json('submit', 'parts', '')).toEqual({
        ok: true,
        job: expect.stringContaining(`${server.server}//`),
        result: 'one two',
      });
    });

    test('submit loses no byte of a result, also in JSON', async () => {
      await using _worker = await startRawWorker(server.port, {
        binary: (job) => job.complete(Uint8Array.of(0, 255, 10)),
      });
      expect(await json('submit', 'binary', '')).toMatchObject({ ok: true, resultBase64: 'AP8K' });
    });

    test('submit ends with 1 when the job fails, and with 3 when it takes too long', async () => {
      await using _worker = await startRawWorker(server.port, { fail: (job) => job.fail(), never: () => {} });
      const failed = await here('submit', 'fail', 'x');
      expect([failed.code, failed.stdout]).toEqual([1, '']);
      expect(failed.stderr).toMatch(/^gearman: .*fail/);
      expect(await json('submit', 'fail', 'x')).toMatchObject({ ok: false, code: 'ERR_GEARMAN_JOB_FAILED' });
      expect((await here('submit', 'never', 'x', '--timeout', '20ms')).code).toBe(3);
    });

    test('submit --background prints a reference, which cancel takes', async () => {
      const { code, stdout } = await here('submit', 'later', 'x', '--background', '--unique', 'one');
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^127\.0\.0\.1:\d+\/\/H:\S+\n$/)]);
      expect((await here('cancel', stdout.trim())).code).toBe(0);
      const unknown = await here('cancel', 'H:nowhere:1');
      expect([unknown.code, unknown.stderr]).toEqual([
        1,
        `gearman: ${server.server} has no job H:nowhere:1\n`,
      ]);
    });

    test('submit --delay and --at queue jobs for later', async () => {
      for (const when of [
        ['--delay', '1h'],
        ['--at', '2099-01-31T08:00Z'],
      ]) {
        const { code, stdout } = await here('submit', 'scheduled', 'x', ...when);
        expect([code, stdout]).toEqual([0, expect.stringMatching(/^127\.0\.0\.1:\d+\/\/H:\S+\n$/)]);
      }
      await using _worker = await startRawWorker(server.port, { scheduled: () => {} });
      const { functions } = await json('status');
      expect(functions).toContainEqual(
        expect.objectContaining({ functionName: 'scheduled', queued: 2, running: 0 }),
      );
    });

    test('submit --lines makes a job of each line of standard input', async () => {
      await using _worker = await startRawWorker(server.port, {
        echo: (job) => job.complete(`<${job.text}>`),
      });
      const args = ['submit', 'echo', '--lines', '--servers', server.server];
      expect(await startCommand('gearman', args, 'one\ntwo').ended).toEqual({
        code: 0,
        stdout: '<one><two>',
        stderr: '',
      });
    });

    test('create, status, maxqueue and drop', async () => {
      expect((await here('create', 'made')).code).toBe(0);
      expect((await here('status')).stdout).toMatch(
        /^FUNCTION +QUEUED +RUNNING +WORKERS\n(.*\n)*made +0 +0 +0\n/,
      );
      expect(await json('maxqueue', 'made', '5', '6', '7')).toEqual({ ok: true, failures: [] });
      expect((await json('status')).functions).toContainEqual({
        functionName: 'made',
        total: 0,
        queued: 0,
        running: 0,
        workers: 0,
      });
      expect((await here('drop', 'made')).code).toBe(0);
      expect((await here('drop', 'made')).code).toBe(1);
    });

    test('--prefix names and shows only functions of one application', async () => {
      await here('create', 'mail', '--prefix', 'shop');
      await here('create', 'other');
      expect((await here('status', '--prefix', 'shop')).stdout).toBe(
        'FUNCTION  QUEUED  RUNNING  WORKERS\nmail           0        0        0\n',
      );
      await using _worker = await startRawWorker(server.port, {
        'shop\tmail': (job) => job.complete('sent'),
      });
      expect((await here('submit', 'mail', '', '--prefix', 'shop')).stdout).toBe('sent');
    });

    test('workers, jobs, priority, version and ping', async () => {
      await using _worker = await startRawWorker(server.port, { offered: () => {} });
      expect((await here('workers')).stdout).toMatch(
        /^SERVER +ID +ADDRESS +NAME +FUNCTIONS\n(.*\n)*.* offered\n/,
      );
      await here('submit', 'waiting', '', '--background', '--high');
      expect((await here('jobs')).stdout).toMatch(
        /^JOB +RETRIES +ABANDONED +BACKGROUND\n(.*\n)*127.*\/\/H:\S+ +0 +no +yes\n/,
      );
      const { functions } = await json('priority');
      expect(functions).toContainEqual({ functionName: 'waiting', high: 1, normal: 0, low: 0, workers: 0 });
      expect(await json('version')).toEqual({
        servers: [{ server: server.server, version: expect.stringMatching(/^\d/) }],
        failures: [],
      });
      const { servers } = await json('ping');
      expect(servers).toEqual([{ server: server.server, ms: expect.any(Number) }]);
    });

    test('shutdown says that a server does not know it', async () => {
      const { code, stderr } = await here('shutdown', '--graceful');
      expect([code, stderr]).toEqual([1, `gearman: ${server.server} does not know the command shutdown\n`]);
    });

    test('top --once shows functions, the busiest first', async () => {
      await here('submit', 'busy', '', '--background', '--unique', '1');
      await here('submit', 'busy', '', '--background', '--unique', '2');
      const { code, stdout } = await here('top', '--once', '--filter', '^(busy|idle)$');
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /1 of 1 servers .*\n1 functions {2}2 queued {2}0 running {2}by queued\n\nFUNCTION.*\nbusy +2 +0 +0\n$/,
      );
    });

    test('check tells Nagios how it is', async () => {
      await here('submit', 'checked', '', '--background');
      const check = (...args: string[]) => here('check', '--function', 'checked', ...args);
      expect(await check('-w', '10')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^GEARMAN OK: 1 functions, 1 waiting/),
      });
      expect(await check('-w', '1')).toMatchObject({ code: 1 });
      expect(await check('--workers-min', '1')).toMatchObject({
        code: 2,
        stdout: expect.stringContaining('GEARMAN CRITICAL: checked has 0 workers | '),
      });
    });

    test('bench counts jobs and times them', async () => {
      const figures = await json('bench', '--jobs', '50', '--clients', '2', '--size', '1k');
      expect(figures).toMatchObject({ jobs: 50, errors: 0 });
      expect(figures.p50Ms).toBeGreaterThan(0);
      expect(figures.p99Ms).toBeGreaterThanOrEqual(figures.p50Ms);
      expect(figures.jobsPerSecond).toBeCloseTo(50 / figures.seconds, -3);
    });

    test('work runs a command for each job, and ends when it is told to', async () => {
      const script = 'read line; echo "$GEARMAN_FUNCTION $line"; echo careful >&2; test "$line" != bad';
      const worker = startCommand('gearman', [
        ...[
          'work',
          'shell',
          '--servers',
          server.server,
          '--warn',
          '--id',
          'shell-1',
          '--',
          'sh',
          '-c',
          script,
        ],
      ]);
      await worker.says('waiting for jobs');
      expect(await here('submit', 'shell', 'hello\n')).toEqual({
        code: 0,
        stdout: 'shell hello\n',
        stderr: 'careful\n',
      });
      const failed = await here('submit', 'shell', 'bad\n');
      expect([failed.code, failed.stdout]).toEqual([1, 'shell bad\n']);
      await using admin = createAdmin({ servers: server.server });
      expect((await admin.workers()).workers.map(({ clientId }) => clientId)).toContain('shell-1');
      worker.signal('SIGTERM');
      const { code, stderr } = await worker.ended;
      expect([code, stderr]).toEqual([
        0,
        expect.stringMatching(/job H:\S+: the command ended with code 1\n$/),
      ]);
    });

    test('exporter gives Prometheus its figures', async () => {
      await here('submit', 'counted', '', '--background');
      const exporter = startCommand('gearman', [
        'exporter',
        '--listen',
        '127.0.0.1:0',
        '--servers',
        server.server,
      ]);
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(await exporter.says('listening'))?.[1];
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const text = await response.text();
      const labels = `{server="${server.server}",function="counted"}`;
      for (const line of [
        `gearman_up{server="${server.server}"} 1`,
        `gearman_jobs${labels} 1`,
        `gearman_jobs_waiting${labels} 1`,
        `gearman_jobs_running${labels} 0`,
        `gearman_workers${labels} 0`,
      ]) {
        expect(text.split('\n')).toContain(line);
      }
      expect(text).toMatch(/^gearman_version_info\{server="[^"]+",version="\d[^"]*"\} 1$/m);
      expect((await fetch(`http://127.0.0.1:${port}/nothing`)).status).toBe(404);
      exporter.signal('SIGTERM');
      expect((await exporter.ended).code).toBe(0);
    });

    test('gearadmin --json says the same as values', async () => {
      const { stdout } = await runHere(runGearadmin, [
        '--servers',
        server.server,
        '--json',
        '--getpid',
        '--server-version',
      ]);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines).toEqual([
        { server: server.server, operation: 'getpid', value: expect.any(Number) },
        { server: server.server, operation: 'server-version', value: expect.stringMatching(/^\d/) },
      ]);
    });
  });
}
