import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startGearmand } from '@gearman/testing';
import { startServer } from '../support/peer.ts';
import { end } from '../support/processes.ts';
import type { Contender } from './contenders.ts';
import type { Measurement } from './measurement.ts';

/** How jobs are measured. */
export interface Load {
  /** Jobs in flight, where the one who makes them decides. */
  readonly window: number;
  readonly seconds: number;
}

const run = promisify(execFile);

/** One worker behind gearmand, with jobs from a client that does nothing else. */
export async function throughGearmand({ start }: Contender, load: Load): Promise<Measurement> {
  await using server = await startGearmand(['--threads=0']);
  const worker = await start(server.port, 'echo');
  try {
    const args = [server.port, load.window, load.seconds, worker.pid ?? 0, server.pid ?? 0];
    return JSON.parse(await output('load-process.js', args)) as Measurement;
  } finally {
    await end(worker);
  }
}

/** One worker at a server that has a job whenever it is asked. */
export async function atInstantServer({ start }: Contender, { seconds }: Load): Promise<Measurement> {
  const server = fork(pathOf('instant-server-process.js'));
  try {
    const [{ port }] = (await once(server, 'message')) as [{ readonly port: number }];
    const worker = await start(port, 'echo');
    try {
      server.send({ worker: worker.pid, seconds });
      const [measurement] = (await once(server, 'message')) as [Measurement];
      return measurement;
    } finally {
      await end(worker);
    }
  } finally {
    await end(server);
  }
}

/** Servers for {@link idleToStart}. */
export type IdleServer = 'gearmand' | '@gearman/server';

/** How long jobs take to reach the handler of a worker that sleeps, in milliseconds, one by one. */
export async function idleToStart(
  { start }: Contender,
  through: IdleServer,
  jobs: number,
): Promise<number[]> {
  const { port, stop } = await (through === 'gearmand' ? gearmand() : ours());
  try {
    const worker = await start(port, 'stamp');
    try {
      return JSON.parse(await output('idle-process.js', [port, jobs, PAUSE_MS])) as number[];
    } finally {
      await end(worker);
    }
  } finally {
    await stop();
  }
}

/** Long enough for any worker to fall asleep. */
const PAUSE_MS = 3;

interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

function gearmand(): Promise<Server> {
  return startGearmand(['--threads=0']);
}

async function ours(): Promise<Server> {
  const { peer, port } = await startServer();
  return { port, stop: () => peer.stop() };
}

async function output(script: string, args: readonly number[]): Promise<string> {
  const { stdout } = await run(process.execPath, [pathOf(script), ...args.map(String)]);
  return stdout;
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
