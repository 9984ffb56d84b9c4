import { type LoadKind, type LoadOptions, load, rateSample } from '../peers/load.ts';
import type { Bench, Contender, RunningServer, Sample, ServerArguments, ServerKind } from '../run/cell.ts';

/** What a server is started for, and how. */
export interface ServerWork extends ServerArguments {
  /** False where memory is measured: work leaves traces in it. */
  readonly warm?: boolean;
}

/** A server of its own for each run: nobody inherits what another run has left. */
export function atServer(
  bench: Bench,
  kind: ServerKind,
  work: (server: RunningServer, kind: ServerKind) => Promise<Sample>,
  { warm = true, ...more }: ServerWork = {},
): Contender {
  return {
    name: kind.name,
    ...(kind.isSlow ? { maxRounds: SLOW_ROUNDS } : {}),
    measure: async () => {
      const server = await kind.start(more);
      try {
        if (warm && kind.warmsUp) await warmUp(bench, server);
        return await work(server, kind);
      } finally {
        await server.stop();
      }
    },
  };
}

const SLOW_ROUNDS = 2;

/** Some of everything that the load generator does, until the server's code is compiled. */
async function warmUp({ serverWarmMs }: Bench, server: RunningServer): Promise<void> {
  const options = { window: 64, pipeline: 16, warmMs: serverWarmMs / 2, ms: 1 };
  await load('echo', server, { ...options, clients: 2, workers: 4 });
  await load('echo', server, { ...options, workers: 16, pipeline: 1 });
}

/** Those that speak the protocol, and are fast enough for large counts. */
export function fastServers({ servers }: Bench): readonly ServerKind[] {
  return servers.filter(({ protocol, isSlow }) => protocol === 'gearman' && !isSlow);
}

export function gearmanServers({ servers }: Bench): readonly ServerKind[] {
  return servers.filter(({ protocol }) => protocol === 'gearman');
}

/** Jobs per second of a load that runs for the usual time. */
export function rateOf(bench: Bench, kind: LoadKind, options: LoadOptions) {
  return async (server: RunningServer): Promise<Sample> =>
    rateSample(await load(kind, server, { warmMs: bench.warmMs, ms: bench.ms, ...options }));
}

/** Puts jobs into a queue, as fast as it goes. */
export async function preload(
  server: RunningServer,
  { protocol }: Pick<ServerKind, 'protocol'>,
  options: LoadOptions & { readonly jobs: number },
) {
  const kind = protocol === 'gearman' ? 'submit' : 'put';
  return load(kind, server, { clients: 4, window: 64, ...options });
}
