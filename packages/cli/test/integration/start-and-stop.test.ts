import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, gearmand, gearmandOnFreePort, portIn } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test.each(['SIGTERM', 'SIGINT'] as const)(
  'prints one line when it accepts connections, and ends with code 0 on %s',
  async (signal) => {
    const server = await gearmandOnFreePort('--verbose', 'NOTICE');
    const where = { port: server.port };
    expect(await server.ready).toBe(`gearmand 0.1.0 listening on 127.0.0.1:${server.port}`);
    expect(await ask(where, 'verbose')).toBe('OK NOTICE\n');
    expect(await ask(where, 'getpid')).toBe(`OK ${server.pid}\n`);
    server.signal(signal);
    const { code, stdout, stderr } = await server.ended;
    expect([code, stdout]).toEqual([0, `${await server.ready}\n`]);
    expect(stderr).toMatch(
      /^\S+ NOTICE listening on 127\.0\.0\.1:\d+: only this machine can connect [^\n]*\n$/,
    );
  },
);

describe('where it listens', () => {
  test('everywhere, IPv6 and IPv4, and says what that means', async () => {
    const server = gearmand(['--port', '0']);
    const line = await server.ready;
    expect(line).toMatch(/listening on (\[::\]|0\.0\.0\.0):\d+$/);
    expect(await ask({ port: portIn(line), host: '127.0.0.1' }, 'version')).toBe('OK 0.1.0\n');
    await server.logs('everybody who reaches this address may submit jobs');
  });

  test('on several addresses and Unix sockets', async () => {
    const path = join(temporaryFolder(), 'g.sock');
    const server = gearmand(['-p0', '-L', '127.0.0.1', '-L', '127.0.0.2', '-L', path]);
    const line = await server.ready;
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
    expect(line).toBe(`gearmand 0.1.0 listening on 127.0.0.1:${port}, 127.0.0.2:${port}, ${path}`);
    for (const where of [{ port, host: '127.0.0.1' }, { port, host: '127.0.0.2' }, { path }])
      expect(await ask(where, 'version')).toBe('OK 0.1.0\n');
    server.signal('SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test('where a killed server left its Unix socket', async () => {
    const path = join(temporaryFolder(), 'g.sock');
    const killed = gearmand(['-L', path]);
    await killed.ready;
    killed.signal('SIGKILL');
    await killed.ended;
    expect(existsSync(path)).toBe(true);
    await gearmand(['-L', path]).ready;
    expect(await ask({ path }, 'version')).toBe('OK 0.1.0\n');
  });

  test('not where another server listens: code 3', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await gearmand(['--port', String(port), '--listen', '127.0.0.1']).ended).toEqual({
      code: 3,
      stdout: '',
      stderr: `gearmand: cannot listen on 127.0.0.1:${port}: the address is in use; does another job server run there?\n`,
    });
  });

  test('on the port of GEARMAND_PORT', async () => {
    expect(portIn(await gearmand(['-L', '127.0.0.1'], { GEARMAND_PORT: '0' }).ready)).not.toBe(4730);
  });
});

describe('how it ends', () => {
  test.each([
    { args: ['--version'], code: 0, stdout: '0.1.0\n', stderr: '' },
    {
      args: ['--check-args', '-t4'],
      code: 0,
      stdout: '',
      stderr: /^gearmand: warning: --threads has no effect/,
    },
    { args: ['--nonsense'], code: 2, stdout: '', stderr: "gearmand: unknown option '--nonsense'\n" },
    { args: ['--ssl', '--ssl-key=/nowhere.key'], code: 2, stdout: '', stderr: /^gearmand: .*tls\.\w+File/ },
    { args: ['-r', 'gear'], code: 2, stdout: '', stderr: /^gearmand: option .* It must be http/ },
    { args: ['--job-handle-prefix', 'x'.repeat(39)], code: 2, stdout: '', stderr: /jobHandlePrefix/ },
    {
      args: ['--queue-type', 'MySQL'],
      code: 4,
      stdout: '',
      stderr: /^gearmand: --queue-type: there is no such queue/,
    },
    {
      args: ['--port=0', '--pid-file=/nowhere/g.pid'],
      code: 1,
      stdout: '',
      stderr: /pid file cannot be written/,
    },
    {
      args: ['--port=0', '--user=no-such-user'],
      code: 1,
      stdout: '',
      stderr: /cannot become "no-such-user"/,
    },
  ])('$args: code $code', async ({ args, code, stdout, stderr }) => {
    const ended = await gearmand(args).ended;
    expect([ended.code, ended.stdout]).toEqual([code, stdout]);
    if (typeof stderr === 'string') expect(ended.stderr).toBe(stderr);
    else expect(ended.stderr).toMatch(stderr);
  });
});

describe('--pid-file', () => {
  test('holds the process id while the server runs', async () => {
    const file = join(temporaryFolder(), 'g.pid');
    const server = await gearmandOnFreePort('--pid-file', file);
    expect(readFileSync(file, 'utf8')).toBe(`${server.pid}\n`);
    server.signal('SIGTERM');
    await server.ended;
    expect(existsSync(file)).toBe(false);
  });
});

describe('--daemon', () => {
  test('ends when the port is open, and the server goes on', async () => {
    const folder = temporaryFolder();
    const [pidFile, logFile] = [join(folder, 'g.pid'), join(folder, 'g.log')];
    const parent = gearmand(['-d', '-L', '127.0.0.1', '-p0', '-P', pidFile, '-l', logFile]);
    const { code, stdout, stderr } = await parent.ended;
    expect([code, stderr]).toEqual([0, '']);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    onTestFinished(() => endQuietly(pid));
    expect(pid).not.toBe(parent.pid);
    expect(await ask({ port: portIn(stdout.trim()) }, 'getpid')).toBe(`OK ${pid}\n`);
    expect(readFileSync(logFile, 'utf8')).toContain('NOTICE listening on 127.0.0.1:');
  });

  test('tells what went wrong in the background', async () => {
    const { code, stdout, stderr } = await gearmand(['-d', '-l', 'none', '-p0', '-L', '192.0.2.1']).ended;
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toBe('gearmand: cannot listen on 192.0.2.1:0: this machine has no such address\n');
  });
});

test.runIf(process.getuid?.() === 0)('--user gives up the rights of root', async () => {
  const server = await gearmandOnFreePort('--user', 'nobody');
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  for (const line of [/^Uid:(.*)$/m, /^Gid:(.*)$/m])
    expect(line.exec(status)?.[1]?.trim().split('\t').map(Number)).not.toContain(0);
});

function endQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
