import { load, rateSample } from '../peers/load.ts';
import type { Bench, Cell, Goal, Mode } from '../run/cell.ts';
import { atServer, preload } from './at-server.ts';

const JOBS = 50_000;
const SLOW_JOBS = 2000;

interface Kind {
  readonly workers: number;
  readonly pipeline: number;
  readonly goals?: readonly Goal[];
}

const goal = (title: string, atLeast: number): readonly Goal[] => [
  { title, figure: 'value', against: 'gearmand', atLeast },
];

const KINDS: readonly Kind[] = [
  { workers: 1, pipeline: 1 },
  { workers: 16, pipeline: 1, goals: goal('drain, 16 workers', 2.2) },
  { workers: 4, pipeline: 16, goals: goal('drain, 4 workers pipelined by 16', 4) },
];

/** Workers at a queue that is there already. */
export const drain: Mode = {
  name: 'drain',
  title: 'Draining a queue of 50,000 jobs',
  cells: (bench) => KINDS.map((kind) => cell(bench, kind)),
};

function cell(bench: Bench, { workers, pipeline, goals }: Kind): Cell {
  return {
    name: `${workers === 1 ? '1 worker' : `${workers} workers`}, ${pipeline} asked for at a time`,
    unit: 'jobs/s',
    better: 'higher',
    contenders: bench.servers.map((kind) =>
      atServer(bench, kind, async (server) => {
        const jobs = kind.isSlow || bench.quick ? SLOW_JOBS : JOBS;
        await preload(server, kind, { jobs });
        const how = kind.protocol === 'gearman' ? 'drain' : 'reserve';
        return rateSample(await load(how, server, { workers, pipeline, jobs, warmJobs: jobs / 5 }));
      }),
    ),
    ...(goals === undefined ? {} : { goals }),
  };
}
