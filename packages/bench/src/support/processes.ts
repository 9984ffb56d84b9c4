import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

const MOST_COMPLAINT_CHARS = 4000;

/** Processor time that processes have used so far, in milliseconds. Linux only; elsewhere 0. */
export function cpuMsOf(pids: readonly (number | undefined)[]): number {
  if (process.platform !== 'linux') return 0;
  return pids
    .filter((pid) => pid !== undefined)
    .map((pid) => {
      // Behind the name, which may hold anything: the 12th and 13th are user and system time in ticks of 10 ms.
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    })
    .reduce((sum, ms) => sum + ms, 0);
}

/** Starts a program that prints something as soon as it is ready, and runs until it is ended. */
export async function startProgram(command: readonly string[]): Promise<ChildProcess> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    // Some libraries log every job there.
    if (complaint.length < MOST_COMPLAINT_CHARS) complaint += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${command.join(' ')} ended: ${complaint}`)));
  });
  return child;
}

/** Ends a process and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
