import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startGearmand, type TestServer } from '@gearman/testing';

/** A job server in a process of its own that can be killed and started again, on the same port. */
export interface Restartable {
  /** Resolves when it accepts connections. */
  start(): Promise<void>;
  /** Kills it, with no time for a word, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Kills whatever is left. */
  end(): Promise<void>;
}

export function restartableGearmand(port: number): Restartable {
  let running: TestServer | undefined;
  const kill = async (): Promise<void> => running?.kill();
  return {
    async start() {
      running = await startGearmand([], port);
    },
    kill,
    end: kill,
  };
}

/** Ours, as it was built: a process cannot run the sources. The next one is always being loaded. */
export function restartableServer(port: number): Restartable {
  const launch = (): ChildProcess => fork(fileURLToPath(new URL('server-process.mjs', import.meta.url)));
  let running: ChildProcess | undefined;
  let next = launch();
  const kill = async (): Promise<void> => {
    if (running !== undefined) await killProcess(running);
    running = undefined;
  };
  return {
    async start() {
      running = next;
      next = launch();
      running.send({ port });
      const failed = once(running, 'exit').then(() => Promise.reject(new Error('the server has ended')));
      const listening = once(running, 'message');
      // Only the first of the two matters: it is killed later.
      failed.catch(() => {});
      await Promise.race([listening, failed]);
    },
    kill,
    async end() {
      await Promise.all([kill(), killProcess(next)]);
    },
  };
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
