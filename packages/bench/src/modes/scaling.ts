import { load } from '../peers/load.ts';
import type { Bench, Cell, Mode, RunningServer, ServerKind } from '../run/cell.ts';
import { atServer, fastServers, preload } from './at-server.ts';

const JOBS = [1000, 10_000, 100_000, 1_000_000];
const CONNECTIONS = [10, 100, 1000, 10_000];
const FUNCTIONS = [10, 100, 1000, 10_000];
/** gearmand needs minutes to drain more. */
const MOST_GEARMAND_JOBS = 100_000;
const gearmand = ['--file-descriptors=19000'];

interface Point {
  readonly line: string;
  readonly at: number;
  readonly unit: string;
  readonly servers: readonly ServerKind[];
  /** What one job, or one connection, costs the server. */
  readonly cost: (server: RunningServer, kind: ServerKind) => Promise<number>;
}

function cell(bench: Bench, { line, at, unit, servers, cost }: Point): Cell {
  return {
    name: `${line}: ${at.toLocaleString('en')}`,
    unit,
    better: 'lower',
    line,
    at,
    contenders: servers.map((kind) =>
      atServer(bench, kind, async (server) => ({ value: await cost(server, kind) }), { gearmand }),
    ),
  };
}

const CPU_UNIT = 'µs of processor time per job';

function threadless(bench: Bench): readonly ServerKind[] {
  return fastServers(bench).filter(({ name }) => name !== 'gearmand -t 4');
}

export const scaleJobs: Mode = {
  name: 'scale-jobs',
  title: 'Cost of a job, by how many are queued: into the queue, and out of it',
  axis: 'jobs in the queue',
  maxRounds: 1,
  cells: (bench) => sizes(bench, JOBS).flatMap((at) => jobCells(bench, at)),
};

function jobCells(bench: Bench, at: number): readonly Cell[] {
  const servers = threadless(bench).filter(
    ({ name }) => !name.startsWith('gearmand') || at <= MOST_GEARMAND_JOBS,
  );
  const submitted = async (server: RunningServer, kind: ServerKind): Promise<number> => {
    const report = await preload(server, kind, { jobs: at });
    return (report.serverCpuMs * 1000) / at;
  };
  const drained = async (server: RunningServer, kind: ServerKind): Promise<number> => {
    await submitted(server, kind);
    const report = await load('drain', server, { jobs: at, workers: 4, pipeline: 16 });
    return (report.serverCpuMs * 1000) / at;
  };
  return [
    cell(bench, { line: 'submit', at, unit: CPU_UNIT, servers, cost: submitted }),
    cell(bench, { line: 'drain', at, unit: CPU_UNIT, servers, cost: drained }),
  ];
}

export const scaleConnections: Mode = {
  name: 'scale-connections',
  title: 'Cost of a background submit, by how many connections submit',
  axis: 'connections, each with one job in flight',
  maxRounds: 3,
  cells: (bench) =>
    sizes(bench, CONNECTIONS).map((at) =>
      cell(bench, {
        line: 'submit',
        at,
        unit: CPU_UNIT,
        servers: threadless(bench),
        cost: async (server) => {
          const { warmMs, ms } = bench;
          const report = await load('submit', server, { clients: at, window: 1, warmMs, ms });
          return (report.serverCpuMs * 1000) / report.jobs;
        },
      }),
    ),
};

export const scaleFunctions: Mode = {
  name: 'scale-functions',
  title: 'Cost of a foreground job, by how many functions 10 workers know',
  axis: 'functions',
  maxRounds: 3,
  cells: (bench) =>
    sizes(bench, FUNCTIONS).map((at) =>
      cell(bench, {
        line: 'foreground',
        at,
        unit: CPU_UNIT,
        servers: threadless(bench),
        cost: async (server) => {
          const { warmMs, ms } = bench;
          const report = await load('echo', server, { functions: at, workers: 10, window: 64, warmMs, ms });
          return (report.serverCpuMs * 1000) / report.jobs;
        },
      }),
    ),
};

function sizes({ quick }: Bench, all: readonly number[]): readonly number[] {
  return quick ? all.slice(0, 2) : all;
}
