import { quantile } from '../support/figures.ts';
import { cpuMsOf } from '../support/processes.ts';

const WARM_UP_MS = 1000;

/** How a worker did. */
export interface Measurement {
  readonly jobs: number;
  readonly elapsedMs: number;
  /** Results that were not what their job sent, or that nobody had asked for. */
  readonly wrong: number;
  /** From handing a job over until its result is there. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time in milliseconds. `load`: whoever makes the jobs; `server`: 0 when that is the same process. */
  readonly cpuMs: { readonly worker: number; readonly server: number; readonly load: number };
}

/** Whose processor time counts for what. */
export interface Pids {
  readonly worker: number;
  readonly server: number | undefined;
}

/** Counts jobs for some time, after a second without counting. */
export class Meter {
  #latenciesMs: number[] | undefined;
  #wrong = 0;

  done(latencyMs: number): void {
    this.#latenciesMs?.push(latencyMs);
  }

  /** Counts also before the measurement. */
  wrong(): void {
    this.#wrong++;
  }

  async measure(seconds: number, { worker, server }: Pids): Promise<Measurement> {
    const cpuMs = (): readonly number[] => [[worker], [server], [process.pid]].map(cpuMsOf);
    await sleep(WARM_UP_MS);
    const latenciesMs: number[] = [];
    this.#latenciesMs = latenciesMs;
    const startedAt = performance.now();
    const before = cpuMs();
    await sleep(seconds * 1000);
    const after = cpuMs();
    const elapsedMs = performance.now() - startedAt;
    this.#latenciesMs = undefined;
    const [workerMs = 0, serverMs = 0, loadMs = 0] = after.map((ms, i) => ms - (before[i] ?? 0));
    return {
      jobs: latenciesMs.length,
      elapsedMs,
      wrong: this.#wrong,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      cpuMs: { worker: workerMs, server: serverMs, load: loadMs },
    };
  }
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
