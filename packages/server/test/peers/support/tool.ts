import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { versionOf } from './peers.ts';

/** What a tool did. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A tool that runs; kill it where it would not end by itself. */
export interface RunningTool extends AsyncDisposable {
  readonly ended: Promise<Outcome>;
  /** Resolves when its output contains `text`. */
  says(text: string): Promise<void>;
  kill(): Promise<void>;
}

/** `gearman` and `gearadmin` know no `--version` that exits with 0. */
export const areToolsHere = (): boolean =>
  versionOf(['sh', '-c', 'command -v gearman && command -v gearadmin']) !== undefined;

/** Starts `gearman` or `gearadmin` against the server on `port`. */
export function startTool(
  name: 'gearman' | 'gearadmin',
  port: number,
  args: readonly string[],
  input = '',
): RunningTool {
  const child = spawn(name, ['-h', '127.0.0.1', '-p', String(port), ...args], {
    stdio: 'pipe',
    detached: true,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const listeners = new Set<() => void>();
  const hear = (into: Buffer[]) => (chunk: Buffer) => {
    into.push(chunk);
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', hear(out));
  child.stderr.on('data', hear(err));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const closed = once(child, 'close');
  const kill = async (): Promise<void> => {
    killGroup(child);
    await closed;
  };
  const onExit = (): void => killGroup(child);
  process.once('exit', onExit);
  void closed.then(() => process.off('exit', onExit));
  return {
    ended: closed.then(() => ({
      status: child.exitCode,
      stdout: Buffer.concat(out),
      stderr: Buffer.concat(err).toString(),
    })),
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (Buffer.concat([...out, ...err]).includes(text)) resolve();
        };
        listeners.add(look);
        look();
        void closed.then(() => reject(new Error(`${name} ended and never said "${text}"`)));
      }),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** Ends it and the command that it runs. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}

/** Runs `gearman` or `gearadmin` to its end. */
export const runTool = (...args: Parameters<typeof startTool>): Promise<Outcome> => startTool(...args).ended;
