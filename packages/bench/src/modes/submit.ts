import type { Bench, Cell, Goal, Mode, ServerKind } from '../run/cell.ts';
import { atServer, rateOf } from './at-server.ts';

const KIB = 1024;
/** Jobs of a run may not fill more memory than this. */
const MOST_QUEUED_BYTES = 2 ** 29;

interface Kind {
  readonly bytes: number;
  readonly clients: number;
  readonly window: number;
  readonly unique?: number;
  readonly goals?: readonly Goal[];
}

const goal = (title: string, atLeast: number): readonly Goal[] => [
  { title, figure: 'value', against: 'gearmand', atLeast },
];

const KINDS: readonly Kind[] = [
  { bytes: 10, clients: 1, window: 1 },
  { bytes: 10, clients: 8, window: 1 },
  { bytes: 10, clients: 1, window: 64, goals: goal('background submit 10 B, 1 × 64 in flight', 1.8) },
  { bytes: 10, clients: 8, window: 64, goals: goal('background submit 10 B, 8 × 64 in flight', 1.8) },
  {
    bytes: 10,
    clients: 8,
    window: 64,
    unique: -1,
    goals: goal('background submit 10 B with distinct unique ids, 8 × 64', 12),
  },
  { bytes: KIB, clients: 1, window: 1 },
  { bytes: KIB, clients: 8, window: 1 },
  { bytes: KIB, clients: 1, window: 64 },
  { bytes: KIB, clients: 8, window: 64, goals: goal('background submit 1 KiB, 8 × 64', 1.3) },
  { bytes: 64 * KIB, clients: 1, window: 1 },
  { bytes: 64 * KIB, clients: 8, window: 1 },
  { bytes: 64 * KIB, clients: 1, window: 64 },
  { bytes: 64 * KIB, clients: 8, window: 8, goals: goal('background submit 64 KiB, 8 × 8', 1) },
  { bytes: 64 * KIB, clients: 8, window: 64 },
];

/** Background jobs that nobody takes. */
export const submit: Mode = {
  name: 'submit',
  title: 'Background submits',
  cells: (bench) => KINDS.map((kind) => cell(bench, kind)),
};

function cell(bench: Bench, { goals, unique = 0, ...kind }: Kind): Cell {
  const jobs = Math.floor(MOST_QUEUED_BYTES / Math.max(kind.bytes, KIB / 4));
  const options = { ...kind, unique, jobs, warmJobs: Math.floor(jobs / 4) };
  // beanstalkd knows no unique ids.
  const able = bench.servers.filter(({ protocol }) => protocol === 'gearman' || unique === 0);
  const work = ({ protocol }: ServerKind) =>
    rateOf(
      bench,
      protocol === 'gearman' ? 'submit' : 'put',
      protocol === 'gearman' ? options : { ...options, unique: 0 },
    );
  return {
    name: `${sizeName(kind.bytes)}, ${kind.clients} × ${kind.window} in flight${unique === 0 ? '' : ', distinct unique ids'}`,
    unit: 'jobs/s',
    better: 'higher',
    contenders: able.map((server) => atServer(bench, server, work(server))),
    ...(goals === undefined ? {} : { goals }),
  };
}

export function sizeName(bytes: number): string {
  if (bytes >= KIB * KIB) return `${Math.round(bytes / KIB / KIB)} MiB`;
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`;
}
