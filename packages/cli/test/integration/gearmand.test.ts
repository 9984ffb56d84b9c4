import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/gearmand.js', import.meta.url));

interface Gearmand {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** The first line on standard output. */
  readonly firstLine: Promise<string>;
}

function gearmand(...args: string[]): Gearmand {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const firstLine = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      const [line, more] = stdout.split('\n');
      if (line !== undefined && more !== undefined) resolve(line);
    });
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended, firstLine };
}

async function ask(port: number, line: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(line);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'prints one line when it accepts connections, and ends with code 0 on %s',
  async (signal) => {
    const { child, ended, firstLine } = gearmand(
      '--port',
      '0',
      '--listen',
      '127.0.0.1',
      '--verbose',
      'NOTICE',
    );
    const line = await firstLine;
    expect(line).toMatch(/^gearmand \d+\.\d+\.\d+ listening on 127\.0\.0\.1:\d+$/);
    const port = Number(line.split(':').at(-1));
    expect(await ask(port, 'verbose\n')).toBe('OK NOTICE\n');
    expect(await ask(port, 'getpid\n')).toBe(`OK ${child.pid}\n`);
    child.kill(signal);
    expect(await ended).toEqual({ code: 0, stdout: `${line}\n`, stderr: '' });
  },
);

test('says so and ends with code 3 when the port is in use', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => {
    taken.close();
  });
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { ended } = gearmand('--port', String(port), '--listen', '127.0.0.1');
  expect(await ended).toEqual({
    code: 3,
    stdout: '',
    stderr: `gearmand: cannot listen on 127.0.0.1:${port}: the address is in use; does another job server run there?\n`,
  });
});

test('--version and --help end with code 0, a wrong option with code 2', async () => {
  expect(await gearmand('--version').ended).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  expect((await gearmand('--help').ended).code).toBe(0);
  expect(await gearmand('--nonsense').ended).toEqual({
    code: 2,
    stdout: '',
    stderr: "error: unknown option '--nonsense'\n",
  });
});
