import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { load } from '../peers/load.ts';
import type { Bench, Cell, Contender, Mode, Sample } from '../run/cell.ts';
import { cpuMsOf, end } from '../support/processes.ts';
import type { Measurement } from '../worker/measurement.ts';
import { fastServers } from './at-server.ts';
import { gearmanLibraries, type Library, OURS, startWorker } from './libraries.ts';

const CONCURRENCY = 64;
/** Four times what the worker holds: with as many as that it would wait for the next half of the time. */
const WINDOW = 256;
const ASYNC: Library = { ...OURS, name: '@gearman, async handler', workerSuffix: 'async' };

/** Workers of several libraries, with nobody else who is slow. */
export const worker: Mode = {
  name: 'worker',
  title: `Workers of several libraries: jobs of 10 B, concurrency ${CONCURRENCY}`,
  cells: (bench) => {
    const [ours, ...others] = gearmanLibraries(bench);
    const libraries = ours === undefined ? others : [ours, ASYNC, ...others];
    return [
      ...throughGearmand(bench, libraries),
      cell('at a server that always has a job', libraries, (library) => atInstant(bench, library)),
    ];
  },
};

function cell(
  name: string,
  libraries: readonly Library[],
  measure: (library: Library) => Promise<Sample>,
): Cell {
  const contenders = libraries.map(
    (library): Contender => ({ name: library.name, measure: () => measure(library) }),
  );
  return { name, unit: 'jobs/s', better: 'higher', baseline: 'libgearman', contenders };
}

function throughGearmand(bench: Bench, libraries: readonly Library[]): readonly Cell[] {
  const gearmand = fastServers(bench).find(({ name }) => name === 'gearmand -t 0');
  if (gearmand === undefined) return [];
  const measure = async (library: Library): Promise<Sample> => {
    const server = await gearmand.start();
    const child = await startWorker(library, server.port, CONCURRENCY);
    try {
      const { warmMs, ms } = bench;
      const pid = child.pid ?? 0;
      const options = { workers: 0, window: WINDOW, warmMs, ms };
      // The worker is what is measured here, in the place of a server.
      const report = await load('echo', { port: server.port, pid }, options);
      return {
        value: report.jobs / (report.elapsedMs / 1000),
        libraryUs: (report.serverCpuMs * 1000) / report.jobs,
        generatorShare: report.cpuMs / report.elapsedMs,
        latencies: report.latency,
        wrong: report.wrong,
      };
    } finally {
      await end(child);
      await server.stop();
    }
  };
  return [cell(`through gearmand, ${WINDOW} in flight`, libraries, measure)];
}

async function atInstant({ warmMs, ms }: Bench, library: Library): Promise<Sample> {
  const server = fork(fileURLToPath(new URL('../worker/instant-server-process.js', import.meta.url)));
  try {
    const [{ port }] = (await once(server, 'message')) as [{ readonly port: number }];
    const child = await startWorker(library, port, CONCURRENCY);
    try {
      server.send({ warmMs, ms });
      const before = cpuMsOf([child.pid]);
      const [measurement] = (await once(server, 'message')) as [Measurement];
      const { jobs, jobsInAll, elapsedMs, cpuMs, wrong, latencies } = measurement;
      return {
        value: jobs / (elapsedMs / 1000),
        libraryUs: ((cpuMsOf([child.pid]) - before) * 1000) / jobsInAll,
        generatorShare: cpuMs / elapsedMs,
        latencies,
        wrong,
      };
    } finally {
      await end(child);
    }
  } finally {
    await end(server);
  }
}
