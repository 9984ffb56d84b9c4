import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program to start, and its arguments. */
export interface Program {
  readonly file: URL;
  readonly args?: readonly string[];
}

/**
 * Starts workers as processes of their own and resolves when each has said that it is ready. They end when they are
 * disposed of, and also when this process goes away: each listens for the end of the channel to its parent.
 */
export async function startWorkers(servers: string, programs: readonly Program[]): Promise<AsyncDisposable> {
  const children = programs.map(({ file, args }) =>
    fork(fileURLToPath(file), args, {
      env: { ...process.env, GEARMAN_SERVERS: servers },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  );
  await Promise.all(children.map(isReady));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(children.map(endOf));
    },
  };
}

async function isReady(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit').then(() => 'exited');
  const first = await Promise.race([once(child, 'message'), exited]);
  if (first === 'exited') throw new Error(`${child.spawnargs.join(' ')} ended before it was ready`);
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}
