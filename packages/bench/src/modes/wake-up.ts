import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Bench, Cell, Mode, Sample, ServerKind } from '../run/cell.ts';
import { latenciesOf } from '../run/latency.ts';
import { median } from '../support/figures.ts';
import { end } from '../support/processes.ts';
import { fastServers } from './at-server.ts';
import { gearmanLibraries, type Library, startWorker } from './libraries.ts';

const run = promisify(execFile);
const JOBS = 400;
/** Long enough for any worker to fall asleep. */
const PAUSE_MS = 3;

/** How long a job takes to the handler of a worker that sleeps. */
export const wakeUp: Mode = {
  name: 'wake-up',
  title: 'From submitting to the handler of a worker that sleeps',
  maxRounds: 3,
  cells: (bench) =>
    fastServers(bench)
      .filter(({ name }) => name !== 'gearmand -t 4')
      .map((kind) => cell(bench, kind)),
};

function cell(bench: Bench, kind: ServerKind): Cell {
  // Others are asked for throughput only.
  const libraries = gearmanLibraries(bench).filter(({ peer }) => peer === 'ours' || peer === 'libgearman');
  return {
    name: `through ${kind.name}`,
    unit: 'ms',
    better: 'lower',
    baseline: 'libgearman',
    contenders: libraries.map((library) => ({
      name: library.name,
      measure: () => measure(kind, library, bench.quick ? JOBS / 10 : JOBS),
    })),
  };
}

async function measure(kind: ServerKind, library: Library, jobs: number): Promise<Sample> {
  const server = await kind.start();
  const worker = await startWorker(library, server.port, 1, 'stamp');
  try {
    const script = fileURLToPath(new URL('../worker/idle-process.js', import.meta.url));
    const { stdout } = await run(process.execPath, [script, ...[server.port, jobs, PAUSE_MS].map(String)]);
    const waitsMs = JSON.parse(stdout) as number[];
    return { value: median(waitsMs), latencies: latenciesOf(waitsMs) };
  } finally {
    await end(worker);
    await server.stop();
  }
}
