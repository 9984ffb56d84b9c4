import type { Bench, Cell, Goal, Mode, ServerKind } from '../run/cell.ts';
import { atServer, fastServers, preload } from './at-server.ts';

const JOBS = 1_000_000;
const QUICK_JOBS = 20_000;

interface Kind {
  readonly name: string;
  readonly bytes: number;
  readonly unique: number;
  readonly atMost: number;
}

const KINDS: readonly Kind[] = [
  { name: '10 B', bytes: 10, unique: 0, atMost: 0.4 },
  { name: '10 B with unique id', bytes: 10, unique: -1, atMost: 0.6 },
  { name: '1 KiB', bytes: 1024, unique: 0, atMost: 0.75 },
];

/** What a million jobs take that wait. */
export const queued: Mode = {
  name: 'queued',
  title: 'Memory of each of a million queued jobs',
  maxRounds: 1,
  cells: (bench) => KINDS.map((kind) => cell(bench, kind)),
};

function cell(bench: Bench, { name, bytes, unique, atMost }: Kind): Cell {
  const jobs = bench.quick ? QUICK_JOBS : JOBS;
  const goals: readonly Goal[] = [
    { title: `bytes per queued job, ${name}`, figure: 'value', against: 'gearmand', atMost },
  ];
  return {
    name: `${jobs.toLocaleString('en')} jobs of ${name}`,
    unit: 'bytes per job',
    better: 'lower',
    contenders: memoryServers(bench).map((kind) =>
      atServer(
        bench,
        kind,
        async (server) => {
          const report = await preload(server, kind, { jobs, bytes, unique });
          return {
            value: (report.rssAfterBytes - report.rssBeforeBytes) / jobs,
            serverUs: (report.serverCpuMs * 1000) / jobs,
            residentBytes: report.rssAfterBytes,
            generatorShare: report.cpuMs / report.elapsedMs,
          };
        },
        { warm: false },
      ),
    ),
    goals,
  };
}

/** Threads do not change what a job takes, and a million unique ids take gearmand half a minute. */
function memoryServers(bench: Bench): readonly ServerKind[] {
  return fastServers(bench).filter(({ name }) => name !== 'gearmand -t 4');
}
