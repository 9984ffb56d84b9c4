import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findGearmand, freePort } from '@gearman/testing';
import type { RunningServer, ServerKind } from '../run/cell.ts';
import { packageVersion, programVersion } from '../run/machine.ts';
import { end } from '../support/processes.ts';

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 5;
/** Threads of gearmand; which of them is better depends on the mode. */
const GEARMAND_THREADS = [0, 4];
/** Above what any mode sends. */
const BEANSTALK_MAX_BYTES = '100000';

/** Our server: the command that users start, with more room than by default for what the modes pile up. */
export function ourServer(): ServerKind {
  const require = createRequire(import.meta.url);
  const command = join(dirname(require.resolve('@gearman/cli/package.json')), 'bin/gearmand.js');
  const quiet = ['-L', '127.0.0.1', '--verbose', 'FATAL', '-l', 'none', '--config-file', '/dev/null'];
  const room = ['--max-functions-per-connection', '100000', '--max-queue-bytes', String(2 ** 33)];
  return {
    name: '@gearman/server',
    version: packageVersion('@gearman/server'),
    protocol: 'gearman',
    isSlow: false,
    warmsUp: true,
    start: ({ ours = [] } = {}) =>
      startListening((port) => [process.execPath, command, '-p', String(port), ...quiet, ...room, ...ours]),
  };
}

/** gearmand with each setting of its threads; empty where it is not installed. */
export function gearmandServers(): readonly ServerKind[] {
  const path = findGearmand();
  if (path === undefined) return [];
  const quiet = ['-L', '127.0.0.1', '-l', 'none', '--verbose', 'FATAL', '--config-file', '/dev/null'];
  return GEARMAND_THREADS.map((threads) => ({
    name: `gearmand -t ${threads}`,
    version: programVersion(path, '--version') ?? 'unknown',
    protocol: 'gearman',
    isSlow: false,
    warmsUp: false,
    start: ({ gearmand = [] } = {}) =>
      startListening((port) => [path, '-p', String(port), `--threads=${threads}`, ...quiet, ...gearmand]),
  }));
}

/** The job server that comes with abraxas. */
export function abraxasServer(): ServerKind {
  const script = fileURLToPath(new URL('abraxas-server-process.js', import.meta.url));
  return {
    name: 'abraxas',
    version: packageVersion('abraxas'),
    protocol: 'gearman',
    isSlow: true,
    // It ends when a client leaves with jobs in flight, as the one for warming up does.
    warmsUp: false,
    start: () => startListening((port) => [process.execPath, '--no-deprecation', script, String(port)]),
  };
}

/** Undefined where it is not installed. */
export function beanstalkdServer(): ServerKind | undefined {
  const version = programVersion('beanstalkd', '-v');
  if (version === undefined) return undefined;
  return {
    name: 'beanstalkd',
    version,
    protocol: 'beanstalk',
    isSlow: false,
    warmsUp: false,
    start: () => startListening(beanstalkdCommand),
  };
}

/** With its log in a folder, synced after every job. */
export function startDurableBeanstalkd(folder: string): Promise<RunningServer> {
  return startListening((port) => [...beanstalkdCommand(port), '-b', folder, '-f', '0']);
}

function beanstalkdCommand(port: number): readonly string[] {
  return ['beanstalkd', '-l', '127.0.0.1', '-p', String(port), '-z', BEANSTALK_MAX_BYTES];
}

/** Redis without persistence, for BullMQ. */
export function startRedis(): Promise<RunningServer> {
  const options = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  return startListening((port) => ['redis-server', '--port', String(port), ...options]);
}

/** Starts a program and waits until its port accepts connections. */
async function startListening(commandFor: (port: number) => readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const [file = '', ...args] = commandFor(port);
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-1000);
  });
  child.on('error', (error) => {
    complaint += error.message;
  });
  endWithUs(child);
  const giveUpMs = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > giveUpMs) {
      await end(child);
      throw new Error(`${file} does not start: ${complaint}`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return { port, pid: child.pid ?? 0, stop: () => end(child, 'SIGKILL') };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A run that is broken off must not leave servers behind. */
function endWithUs(child: ChildProcess): void {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}
