import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The built command. */
export const BIN = fileURLToPath(new URL('../../bin/gearmand.js', import.meta.url));

/** How the command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a user starts it. */
export interface Gearmand {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves with the line that says where it listens. */
  readonly ready: Promise<string>;
  /** Resolves when standard error contains `text`. */
  logs(text: string): Promise<void>;
  /** What it has written to standard error so far. */
  stderr(): string;
  signal(name: NodeJS.Signals): void;
}

/** Starts the built command; killed at the end of the test. */
export function gearmand(args: readonly string[], env: Record<string, string> = {}): Gearmand {
  return startCommand([process.execPath, BIN, ...args], env);
}

/** Starts a command that says where it listens as gearmand does; killed at the end of the test. */
export function startCommand(
  [program = '', ...args]: readonly string[],
  env: Record<string, string> = {},
): Gearmand {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  onTestFinished(() => {
    process.off('exit', kill);
    kill();
  });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (const listener of listeners) listener();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const listener of listeners) listener();
  });
  const ended = once(child, 'close').then(() => {
    process.off('exit', kill);
    return { code: child.exitCode, stdout, stderr };
  });
  const until = <T>(found: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const value = found();
        if (value !== undefined) resolve(value);
      };
      listeners.add(look);
      look();
      void ended.then(({ code }) => reject(new Error(`gearmand ended with ${code}: ${stdout}${stderr}`)));
    });
  const ready = until(() => (stdout.endsWith('\n') ? stdout.trimEnd() : undefined));
  ready.catch(() => {});
  return {
    pid: child.pid ?? 0,
    ended,
    ready,
    stderr: () => stderr,
    logs: (text) => until(() => (stderr.includes(text) ? true : undefined)).then(() => {}),
    signal: (name) => void child.kill(name),
  };
}

/** The port at the end of what it says when it is ready. */
export const portIn = (line: string): number => Number(/:(\d+)$/.exec(line)?.[1]);

/** Starts it on a free port of 127.0.0.1, with these arguments besides. */
export async function gearmandOnFreePort(...args: string[]): Promise<Gearmand & { readonly port: number }> {
  const started = gearmand(['--listen', '127.0.0.1', '--port', '0', ...args]);
  return { ...started, port: portIn(await started.ready) };
}

/** Sends a text command and resolves with the first piece of the answer; empty when the connection is closed instead. */
export async function ask(where: NetConnectOpts, line: string): Promise<string> {
  const socket = connect(where);
  socket.setEncoding('utf8');
  try {
    socket.write(`${line}\n`);
    const [answer]: unknown[] = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    return typeof answer === 'string' ? answer : '';
  } finally {
    socket.destroy();
  }
}
