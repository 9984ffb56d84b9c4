import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadProgram } from '../peers/load.ts';
import type { Bench, Cell, Contender, Mode, Sample, ServerKind } from '../run/cell.ts';
import { cpuMsOf, end, startProgram } from '../support/processes.ts';
import { fastServers } from './at-server.ts';
import { clientSample, gearmanLibraries, type Library, runClient } from './libraries.ts';

/** What takes the jobs of a client. */
interface Stage {
  readonly port: number;
  /** Whose processor time shows that the client did not wait for it. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Clients of several libraries, with nobody else who is slow. */
export const client: Mode = {
  name: 'client',
  title: 'Clients of several libraries: foreground jobs of 10 B',
  cells: (bench) => {
    const libraries = gearmanLibraries(bench);
    const gearmand = fastServers(bench).find(({ name }) => name === 'gearmand -t 0');
    const instant = [64, 1].map((window) =>
      cell(bench, libraries, 'a server that answers at once', window, startInstant),
    );
    if (gearmand === undefined) return instant;
    const through = [64, 1].map((window) =>
      cell(bench, libraries, 'gearmand and a worker without delay', window, () => startGearmand(gearmand)),
    );
    return [...through, ...instant];
  },
};

function cell(
  bench: Bench,
  libraries: readonly Library[],
  through: string,
  window: number,
  start: () => Promise<Stage>,
): Cell {
  return {
    name: `through ${through}, ${window} in flight`,
    unit: 'jobs/s',
    better: 'higher',
    baseline: 'libgearman',
    contenders: libraries.map((library) => contender(bench, library, window, start)),
  };
}

function contender(bench: Bench, library: Library, window: number, start: () => Promise<Stage>): Contender {
  const { warmMs, ms } = bench;
  return {
    name: library.name,
    async measure(): Promise<Sample> {
      const stage = await start();
      try {
        const before = cpuMsOf([stage.pid]);
        const startedAt = performance.now();
        const sample = clientSample(await runClient(library, stage.port, { window, warmMs, ms }));
        const elapsedMs = performance.now() - startedAt;
        return { ...sample, generatorShare: (cpuMsOf([stage.pid]) - before) / elapsedMs };
      } finally {
        await stage.stop();
      }
    },
  };
}

async function startGearmand(kind: ServerKind): Promise<Stage> {
  const server = await kind.start();
  const options = ['clients=0', 'workers=4', 'pipeline=16', `port=${server.port}`, 'bytes=10'];
  const worker = await startProgram([loadProgram(), 'echo', ...options]);
  return {
    port: server.port,
    pid: worker.pid,
    async stop() {
      await end(worker);
      await server.stop();
    },
  };
}

async function startInstant(): Promise<Stage> {
  const child = fork(fileURLToPath(new URL('../client/instant-server-process.js', import.meta.url)));
  const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
  return { port, pid: child.pid, stop: () => end(child) };
}
