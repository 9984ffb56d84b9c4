import { quantile } from '../support/figures.ts';
import { ServerLoop } from './server-loop.ts';
import { yardstick } from './yardstick.ts';

/** The kinds of jobs that are watched. */
export const KINDS = ['background', 'with unique ids'] as const;
export type Kind = (typeof KINDS)[number];

/** What a job costs. */
export interface Cost {
  /** Processor time of a batch of jobs, in terms of the yardstick. */
  readonly cpu: number;
  /** What is allocated for one job, in bytes. */
  readonly allocatedBytes: number;
}

export type Costs = Readonly<Record<Kind, Cost>>;

/** Until everything is compiled. */
const WARM_UP_RUNS = 300;
/**
 * Slices are about a millisecond long, and the fastest of them count: those that nothing came between, neither another
 * program in the caches nor a garbage collection.
 */
const FAST_SHARE = 0.05;
const ALLOCATION_RUNS = 10;
const ALLOCATION_TRIES = 9;

/** Compares the server with the yardstick, in slices that take turns. */
export class Measure {
  readonly #loops = KINDS.map((kind) => ({
    kind,
    loop: new ServerLoop({ uniqueIds: kind === 'with unique ids' }),
  }));
  #sum = 0;

  async warmUp(): Promise<void> {
    for (let i = 0; i < WARM_UP_RUNS; i++) {
      this.#sum += yardstick();
      for (const { loop } of this.#loops) await loop.run();
    }
  }

  async costs(rounds: number): Promise<Costs> {
    const yardsticks: number[] = [];
    const slices: Record<Kind, number[]> = { background: [], 'with unique ids': [] };
    for (let i = 0; i < rounds; i++) {
      const before = cpuUs();
      this.#sum += yardstick();
      yardsticks.push(cpuUs() - before);
      for (const { kind, loop } of this.#loops) {
        const started = cpuUs();
        await loop.run();
        slices[kind].push(cpuUs() - started);
      }
    }
    const yard = quantile(yardsticks, FAST_SHARE);
    const costs: Partial<Record<Kind, Cost>> = {};
    for (const { kind, loop } of this.#loops) {
      costs[kind] = { cpu: quantile(slices[kind], FAST_SHARE) / yard, allocatedBytes: await allocated(loop) };
    }
    // Every kind has a loop.
    return costs as Costs;
  }

  /** @returns something that depends on the yardstick, so that it cannot be left out */
  async close(): Promise<number> {
    for (const { loop } of this.#loops) await loop.close();
    return this.#sum;
  }
}

/** Bytes per job, while nothing is collected. */
async function allocated(loop: ServerLoop): Promise<number> {
  const tries: number[] = [];
  for (let i = 0; i < ALLOCATION_TRIES; i++) {
    globalThis.gc?.();
    const before = heapBytes();
    for (let run = 0; run < ALLOCATION_RUNS; run++) await loop.run();
    tries.push((heapBytes() - before) / (ALLOCATION_RUNS * ServerLoop.BATCH));
  }
  return quantile(tries, 0.5);
}

function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Of all threads; the sum of both is exact to the microsecond, each alone is not. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
