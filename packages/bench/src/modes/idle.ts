import { type LoadReport, load } from '../peers/load.ts';
import type { Bench, Cell, Goal, Mode, Sample } from '../run/cell.ts';
import { histogramOf } from '../run/latency.ts';
import { atServer, fastServers } from './at-server.ts';

const COUNTS = [5000, 10_000];
const GOAL_COUNT = 10_000;
const DISPATCHES = 10;
/** Room for all of them and for clients. */
const gearmand = ['--file-descriptors=19000'];

/** Many workers that sleep: what each costs, and what one job among them costs. */
export const idle: Mode = {
  name: 'idle',
  title: 'Sleeping workers',
  maxRounds: 3,
  cells: (bench) => COUNTS.flatMap((count) => cells(bench, bench.quick ? count / 20 : count)),
};

function cells(bench: Bench, workers: number): readonly Cell[] {
  const isGoal = workers === GOAL_COUNT || bench.quick;
  const cell = (
    name: string,
    unit: string,
    jobs: number,
    sampleOf: (report: LoadReport) => Sample,
    goals: readonly Goal[],
  ): Cell => ({
    name: `${workers.toLocaleString('en')} sleeping workers: ${name}`,
    unit,
    better: 'lower',
    contenders: fastServers(bench).map((kind) =>
      atServer(bench, kind, async (server) => sampleOf(await load('idle', server, { workers, jobs })), {
        gearmand,
        warm: jobs > 0,
      }),
    ),
    ...(isGoal ? { goals } : {}),
  });
  return [
    cell('memory of each connection', 'bytes', 0, memorySample, [
      {
        title: 'memory per idle worker connection',
        figure: 'value',
        against: 'gearmand',
        atMost: 0.8,
      },
    ]),
    cell('until one job is assigned', 'µs', bench.quick ? 3 : DISPATCHES, dispatchSample, [
      {
        title: '10,000 idle workers: time until one job is assigned',
        figure: 'value',
        against: 'gearmand',
        atMost: 0.02,
      },
      {
        title: '… processor time of the server for it',
        figure: 'serverUs',
        against: 'gearmand',
        atMost: 0.02,
      },
    ]),
  ];
}

function memorySample({ connectionBytes = Number.NaN, rssAfterBytes }: LoadReport): Sample {
  return { value: connectionBytes, residentBytes: rssAfterBytes };
}

function dispatchSample({ latency, jobs, serverCpuMs, cpuMs, elapsedMs }: LoadReport): Sample {
  return {
    value: histogramOf([latency]).getValueAtPercentile(50) / 1000,
    serverUs: (serverCpuMs * 1000) / jobs,
    generatorShare: cpuMs / elapsedMs,
    latencies: latency,
  };
}
