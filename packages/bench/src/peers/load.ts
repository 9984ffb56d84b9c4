import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Latencies, RunningServer, Sample } from '../run/cell.ts';
import { compile } from '../support/native.ts';

/** What the load generator does; native/load/main.c says how. */
export type LoadKind = 'submit' | 'drain' | 'echo' | 'idle' | 'fan' | 'put' | 'reserve';

/** See `options_t` in native/load/load.h. */
export interface LoadOptions {
  readonly clients?: number;
  readonly window?: number;
  readonly workers?: number;
  readonly pipeline?: number;
  readonly functions?: number;
  readonly bytes?: number;
  readonly unique?: number;
  readonly warmMs?: number;
  readonly ms?: number;
  readonly warmJobs?: number;
  readonly jobs?: number;
}

/** What the load generator prints. */
export interface LoadReport {
  readonly jobs: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly serverCpuMs: number;
  readonly wrong: number;
  readonly rssBeforeBytes: number;
  readonly rssAfterBytes: number;
  readonly latency: Latencies;
  /** Of `idle`. */
  readonly connectionBytes?: number;
}

const run = promisify(execFile);
const MOST_OUTPUT_BYTES = 1 << 24;

/** Lets the load generator work at a server. */
export async function load(
  kind: LoadKind,
  { port, pid }: Pick<RunningServer, 'port' | 'pid'>,
  options: LoadOptions,
): Promise<LoadReport> {
  const args = Object.entries({ ...options, port, pid }).map(([name, value]) => `${name}=${value}`);
  const { stdout } = await run(loadProgram(), [kind, ...args], { maxBuffer: MOST_OUTPUT_BYTES });
  return JSON.parse(stdout) as LoadReport;
}

/** The compiled generator. @throws where there is no C compiler */
export function loadProgram(): string {
  const path = compile('load');
  if (path === undefined) throw new Error('the load generator needs a C compiler: apt-get install gcc');
  return path;
}

/** A report as jobs per second. */
export function rateSample(report: LoadReport): Sample {
  if (report.jobs === 0) throw new Error(`no job was done in ${Math.round(report.elapsedMs)} ms`);
  return {
    value: report.jobs / (report.elapsedMs / 1000),
    serverUs: (report.serverCpuMs * 1000) / report.jobs,
    generatorShare: report.cpuMs / report.elapsedMs,
    residentBytes: report.rssAfterBytes,
    latencies: report.latency.length === 0 ? undefined : report.latency,
    wrong: report.wrong,
  };
}
