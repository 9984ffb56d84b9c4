import { startRedis } from '../peers/servers.ts';
import type { Bench, Cell, Contender, Goal, Mode, RunningServer, Sample } from '../run/cell.ts';
import { programVersion } from '../run/machine.ts';
import { end } from '../support/processes.ts';
import { fastServers } from './at-server.ts';
import { BULLMQ, clientSample, gearmanLibraries, type Library, runClient, startWorker } from './libraries.ts';

const CONCURRENCY = 16;
const GOALS: Readonly<Record<number, readonly Goal[]>> = {
  64: [
    {
      title: 'client and worker library through gearmand, window 64, to libgearman',
      figure: 'value',
      against: 'libgearman',
      atLeast: 2.8,
    },
    { title: '… to abraxas', figure: 'value', against: 'abraxas', atLeast: 6 },
  ],
  1: [{ title: '… window 1, to libgearman', figure: 'value', against: 'libgearman', atLeast: 0.8 }],
};

/** Client and worker of one library, a process each. */
export const library: Mode = {
  name: 'library',
  title: `Client and worker of one library: jobs of 10 B, concurrency ${CONCURRENCY}`,
  cells: (bench) => [64, 1].flatMap((window) => cell(bench, window)),
};

function cell(bench: Bench, window: number): readonly Cell[] {
  const gearmand = fastServers(bench).find(({ name }) => name === 'gearmand -t 0');
  if (gearmand === undefined) return [];
  const contenders = gearmanLibraries(bench).map((each) => pair(bench, each, window, () => gearmand.start()));
  return [
    {
      name: `through gearmand, ${window} in flight`,
      unit: 'jobs/s',
      better: 'higher',
      baseline: 'libgearman',
      contenders: [...contenders, ...bullmq(bench, window)],
      goals: GOALS[window] ?? [],
    },
  ];
}

/** BullMQ has no job server; Redis is in its place. */
function bullmq(bench: Bench, window: number): readonly Contender[] {
  if (!bench.wants(BULLMQ.peer)) return [];
  if (programVersion('redis-server', '--version') !== undefined)
    return [pair(bench, { ...BULLMQ, name: 'BullMQ and Redis' }, window, startRedis)];
  bench.skip('BullMQ', 'it needs Redis: apt-get install redis-server');
  return [];
}

function pair(
  { warmMs, ms }: Bench,
  each: Library,
  window: number,
  start: () => Promise<RunningServer>,
): Contender {
  return {
    name: each.name,
    async measure(): Promise<Sample> {
      const server = await start();
      try {
        const worker = await startWorker(each, server.port, CONCURRENCY);
        try {
          return clientSample(await runClient(each, server.port, { window, warmMs, ms }));
        } finally {
          await end(worker);
        }
      } finally {
        await server.stop();
      }
    },
  };
}
