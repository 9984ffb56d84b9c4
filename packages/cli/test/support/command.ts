import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { EndedHere } from './run-here.ts';

/** A command of the bundle, in a process of its own. */
export interface Command {
  readonly ended: Promise<EndedHere>;
  /** Resolves with standard output once it, or standard error, contains `text`. */
  says(text: string): Promise<string>;
  signal(name: NodeJS.Signals): void;
}

/** Starts a command as a user does; killed at the end of the test. */
export function startCommand(
  name: string,
  args: readonly string[],
  input: string | Uint8Array = '',
): Command {
  const bin = fileURLToPath(new URL(`../../bin/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [bin, ...args], { env: { PATH: process.env['PATH'] } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('latin1').on('data', (text: string) => {
      said[stream] += text;
      for (const listener of listeners) listener();
    });
  }
  // It may end without having read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = once(child, 'close').then(() => ({ code: child.exitCode ?? -1, ...said }));
  return {
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (said.stdout.includes(text) || said.stderr.includes(text)) resolve(said.stdout);
        };
        listeners.add(look);
        look();
        void ended.then(({ code }) => reject(new Error(`ended with ${code}: ${said.stdout}${said.stderr}`)));
      }),
    signal: (signal) => void child.kill(signal),
  };
}
