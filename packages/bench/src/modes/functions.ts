import { type LoadOptions, load, rateSample } from '../peers/load.ts';
import type { Bench, Cell, Goal, Mode } from '../run/cell.ts';
import { atServer, fastServers, rateOf } from './at-server.ts';

const FUNCTIONS = 10_000;
const WORKERS = 10;
const GOALS: readonly Goal[] = [
  { title: '10,000 functions × 10 workers', figure: 'value', against: 'gearmand', atLeast: 3 },
];

/** Workers that can do many things. */
export const functions: Mode = {
  name: 'functions',
  title: 'Foreground jobs of 10,000 functions, all known to each of 10 workers',
  cells: (bench) => {
    const count = bench.quick ? FUNCTIONS / 10 : FUNCTIONS;
    const options: LoadOptions = { functions: count, workers: WORKERS, window: 64 };
    return [
      {
        name: `${count.toLocaleString('en')} functions × ${WORKERS} workers, 64 in flight`,
        unit: 'jobs/s',
        better: 'higher',
        contenders: fastServers(bench).map((kind) => atServer(bench, kind, rateOf(bench, 'echo', options))),
        goals: GOALS,
      },
    ];
  },
};

/** Jobs that merge: none of these submits makes a job of its own. */
export const coalesce: Mode = {
  name: 'coalesce',
  title: 'Submits that merge into a job that is there',
  cells: (bench) => [
    {
      name: 'background, 8 × 64 in flight, 1,000 unique ids',
      unit: 'jobs/s',
      better: 'higher',
      contenders: fastServers(bench).map((kind) =>
        atServer(bench, kind, rateOf(bench, 'submit', { clients: 8, window: 64, unique: 1000 })),
      ),
    },
    fanOut(bench),
  ],
};

function fanOut(bench: Bench): Cell {
  const clients = bench.quick ? 50 : 1000;
  return {
    name: `foreground, one job for which ${clients.toLocaleString('en')} clients wait`,
    unit: 'results/s',
    better: 'higher',
    contenders: fastServers(bench).map((kind) =>
      atServer(bench, kind, async (server) => {
        // Merging needs one payload and one unique id: `fan` sends just that.
        const report = await load('fan', server, { clients, warmMs: bench.warmMs, ms: bench.ms });
        return { ...rateSample(report), latencies: undefined };
      }),
    ),
  };
}
