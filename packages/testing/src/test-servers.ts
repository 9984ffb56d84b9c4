import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer as createTcpServer } from 'node:net';

/** A job server that a test started. */
export interface TestServer {
  /** What it is, for titles: `gearmand` or `@gearman/server`. */
  readonly name: string;
  /** `127.0.0.1:port`, as clients and workers want it. */
  readonly server: string;
  readonly port: number;
  /** Its process, if it has one of its own. */
  readonly pid?: number | undefined;
  /** Ends it, and every connection with it. */
  stop(): Promise<void>;
  /** Ends it as a crash would, and resolves when it is gone. */
  kill(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const CANDIDATES = ['/usr/sbin/gearmand', '/usr/local/sbin/gearmand', '/opt/homebrew/sbin/gearmand'];
const ATTEMPTS = 5;
const START_TIMEOUT_MS = 10_000;

/** The path of gearmand on this machine, if it is here. The environment variable `GEARMAND` names another one. */
export function findGearmand(): string | undefined {
  return [process.env['GEARMAND'], ...CANDIDATES].find((path) => path !== undefined && existsSync(path));
}

/**
 * True when tests against gearmand should run: it is here, or it must be (`GEARMAN_REQUIRE_INTEROP=1`), so that they
 * fail and do not skip.
 */
export function shouldTestGearmand(): boolean {
  return findGearmand() !== undefined || process.env['GEARMAN_REQUIRE_INTEROP'] === '1';
}

/**
 * Starts gearmand on a free port of 127.0.0.1 and resolves when it accepts connections.
 *
 * @param args more arguments, for example `['--job-retries=1']`
 */
export async function startGearmand(args: readonly string[] = [], port?: number): Promise<TestServer> {
  const path = findGearmand();
  if (path === undefined)
    throw new Error('gearmand is not here; on Debian: apt-get install gearman-job-server');
  for (let attempt = 1; ; attempt++) {
    const chosen = port ?? (await freePort());
    const child = spawn(path, gearmandArguments(chosen, args), { stdio: ['ignore', 'ignore', 'pipe'] });
    endWithUs(child);
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    if (await accepts(chosen, child)) return gearmand(child, chosen);
    await kill(child);
    // Somebody else may have taken the free port in between.
    if (attempt === ATTEMPTS) throw new Error(`gearmand does not start: ${complaint.trim()}`);
  }
}

/** A test process that dies must not leave servers behind. */
function endWithUs(child: ChildProcess): void {
  const end = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

function gearmandArguments(port: number, more: readonly string[]): string[] {
  const quiet = ['-l', 'stderr', '--verbose', 'ERROR', '--config-file', '/dev/null'];
  return ['-L', '127.0.0.1', '-p', String(port), ...quiet, ...more];
}

function gearmand(child: ChildProcess, port: number): TestServer {
  const stop = (): Promise<void> => kill(child);
  return {
    name: 'gearmand',
    server: `127.0.0.1:${port}`,
    port,
    pid: child.pid,
    stop,
    kill: stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** True once the port accepts a connection; false when the process ended before. */
async function accepts(port: number, child: ChildProcess): Promise<boolean> {
  const failed = new Promise<false>((resolve) => {
    child.once('exit', () => resolve(false));
    child.once('error', () => resolve(false));
  });
  const giveUpMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < giveUpMs) {
    const outcome = await Promise.race([failed, tryConnect(port)]);
    if (outcome === 'accepted') return child.exitCode === null;
    if (outcome === false) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}

function tryConnect(port: number): Promise<'accepted' | 'refused'> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve('accepted');
    });
    socket.once('error', () => resolve('refused'));
  });
}

/**
 * A port of 127.0.0.1 that nobody listens on right now, and that no outgoing connection gets by chance: a server may go
 * and come back on it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    // Below the ports that systems give to outgoing connections: 32768 and up on Linux, 49152 elsewhere.
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const probe = createTcpServer();
    const free = new Promise<boolean>((resolve) => {
      probe.once('listening', () => probe.close(() => resolve(true)));
      probe.once('error', () => resolve(false));
    });
    probe.listen(port, '127.0.0.1');
    if (await free) return port;
  }
}
