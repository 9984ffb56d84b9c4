import { load } from '../peers/load.ts';
import type { Bench, Cell, Goal, Mode } from '../run/cell.ts';
import { atServer, fastServers, gearmanServers, rateOf } from './at-server.ts';
import { sizeName } from './submit.ts';

interface Kind {
  readonly name: string;
  readonly clients: number;
  readonly window: number;
  readonly workers: number;
  readonly pipeline: number;
  readonly goals?: readonly Goal[];
}

const KINDS: readonly Kind[] = [
  {
    name: '1 client, 1 worker, 1 in flight',
    clients: 1,
    window: 1,
    workers: 1,
    pipeline: 1,
    goals: [
      { title: 'one client, one worker, window 1', figure: 'value', against: 'gearmand', atLeast: 0.95 },
      { title: '… its p99', figure: 'p99Us', against: 'gearmand', atMost: 1.3 },
    ],
  },
  {
    name: '64 in flight, 16 workers',
    clients: 1,
    window: 64,
    workers: 16,
    pipeline: 1,
    goals: [
      {
        title: 'end-to-end 64 in flight, 16 workers',
        figure: 'value',
        against: 'gearmand',
        atLeast: 1.4,
      },
      { title: '… its p99', figure: 'p99Us', against: 'gearmand', atMost: 1 },
    ],
  },
  { name: '64 in flight, 4 workers × 16', clients: 1, window: 64, workers: 4, pipeline: 16 },
];

/** Jobs there and back. */
export const foreground: Mode = {
  name: 'foreground',
  title: 'Foreground jobs of 10 B, there and back',
  cells: (bench) =>
    KINDS.map(({ name, goals, ...options }) => ({
      name,
      unit: 'jobs/s',
      better: 'higher',
      contenders: gearmanServers(bench).map((kind) => atServer(bench, kind, rateOf(bench, 'echo', options))),
      ...(goals === undefined ? {} : { goals }),
    })),
};

/** The largest payload that fits into a packet of 64 MiB together with its arguments. */
const LARGEST_BYTES = 64 * 1024 * 1024 - 512;

/** One large job. */
export const payload: Mode = {
  name: 'payload',
  title: 'One large job, there and back',
  cells: (bench) => [1024 * 1024, LARGEST_BYTES].map((bytes) => payloadCell(bench, bytes)),
};

function payloadCell(bench: Bench, bytes: number): Cell {
  const jobs = bytes === LARGEST_BYTES ? 3 : 60;
  const isLargest = bytes === LARGEST_BYTES;
  return {
    name: sizeName(bytes),
    unit: 'ms',
    better: 'lower',
    contenders: fastServers(bench).map((kind) =>
      atServer(bench, kind, async (server) => {
        const warmJobs = Math.ceil(jobs / 3);
        const report = await load('echo', server, { bytes, jobs: jobs + warmJobs, warmJobs });
        return {
          value: report.elapsedMs / report.jobs,
          serverUs: (report.serverCpuMs * 1000) / report.jobs,
          generatorShare: report.cpuMs / report.elapsedMs,
          residentBytes: report.rssAfterBytes,
          wrong: report.wrong,
        };
      }),
    ),
    ...(isLargest ? { goals: LARGE_GOALS } : {}),
  };
}

const LARGE_GOALS: readonly Goal[] = [
  { title: 'one 64 MiB job there and back', figure: 'value', against: 'gearmand', atMost: 1.1 },
];
