import { type ChildProcess, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Measurement } from '../client/contender.ts';
import type { Bench, Sample } from '../run/cell.ts';
import { compile } from '../support/native.ts';
import { startProgram } from '../support/processes.ts';

/** A library, with programs that use it. */
export interface Library {
  readonly name: string;
  /** What the peer is called with `--peers`. */
  readonly peer: string;
  /** Its client: takes PORT WINDOW WARM_UP_MS MS, prints a {@link Measurement}. */
  readonly client: readonly string[];
  /** Its worker: takes PORT CONCURRENCY FUNCTION. */
  readonly worker: readonly string[];
  /** Goes in front of what the client is told, or behind. */
  readonly clientSuffix?: string;
  readonly workerSuffix?: string;
}

const run = promisify(execFile);
/** Some libraries never come to an end. */
const PATIENCE_MS = 8000;

function program(folder: 'client' | 'worker', name: string): readonly string[] {
  const path = fileURLToPath(new URL(`../${folder}/${name}.js`, import.meta.url));
  // Old libraries use what Node warns of at each start.
  return [process.execPath, '--no-deprecation', path];
}

function library(name: string, file: string, peer: string): Library {
  return { name, peer, client: program('client', file), worker: program('worker', file) };
}

export const OURS = library('@gearman', 'ours', 'ours');
export const BULLMQ = library('BullMQ', 'bullmq', 'bullmq');

/** Ours first, then whoever is wanted and there. */
export function gearmanLibraries(bench: Bench): readonly Library[] {
  const others = [
    library('abraxas', 'abraxas', 'abraxas'),
    library('gearmanode', 'gearmanode', 'gearmanode'),
  ];
  return [OURS, ...libgearman(bench), ...others].filter(({ peer }) => peer === 'ours' || bench.wants(peer));
}

function libgearman(bench: Bench): readonly Library[] {
  if (!bench.wants('libgearman')) return [];
  const client = compile('client');
  const worker = compile('echo-worker');
  if (client === undefined || worker === undefined) {
    bench.skip('libgearman', 'apt-get install libgearman-dev gcc');
    return [];
  }
  return [
    { name: 'libgearman', peer: 'libgearman', client: [client], clientSuffix: 'rolling', worker: [worker] },
  ];
}

/** Lets a library's client submit for a while. */
export async function runClient(
  { client, clientSuffix }: Library,
  port: number,
  { window, warmMs, ms }: { readonly window: number; readonly warmMs: number; readonly ms: number },
): Promise<Measurement> {
  const [file = '', ...first] = client;
  const numbers = [port, window, warmMs, ms].map(String);
  const args = [...first, ...numbers, ...(clientSuffix === undefined ? [] : [clientSuffix])];
  const { stdout } = await run(file, args, { timeout: warmMs + ms + PATIENCE_MS, maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measurement;
}

export function startWorker(
  { worker, workerSuffix }: Library,
  port: number,
  concurrency: number,
  functionName: 'echo' | 'stamp' = 'echo',
): Promise<ChildProcess> {
  const isNative = worker.length === 1;
  const args = isNative ? [functionName] : [String(concurrency), functionName];
  return startProgram([
    ...worker,
    String(port),
    ...args,
    ...(workerSuffix === undefined ? [] : [workerSuffix]),
  ]);
}

export function clientSample({ jobs, elapsedMs, cpuMs, wrong, latencies }: Measurement): Sample {
  return { value: jobs / (elapsedMs / 1000), libraryUs: (cpuMs * 1000) / jobs, latencies, wrong };
}
