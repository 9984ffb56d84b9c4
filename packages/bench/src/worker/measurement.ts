import type { Latencies } from '../run/cell.ts';
import { latenciesOf } from '../run/latency.ts';

/** How a worker did. */
export interface Measurement {
  readonly jobs: number;
  /** With those before the measurement. */
  readonly jobsInAll: number;
  readonly elapsedMs: number;
  /** Results that were not what their job sent, or that nobody had asked for. */
  readonly wrong: number;
  /** From handing a job over until its result is there. */
  readonly latencies: Latencies;
  /** Processor time of this process, which makes the jobs. */
  readonly cpuMs: number;
}

/** Counts jobs for some time, after some time without counting. */
export class Meter {
  #latenciesMs: number[] | undefined;
  #jobs = 0;
  #wrong = 0;

  done(latencyMs: number): void {
    this.#jobs++;
    this.#latenciesMs?.push(latencyMs);
  }

  /** Counts also before the measurement. */
  wrong(): void {
    this.#wrong++;
  }

  async measure(warmMs: number, ms: number): Promise<Measurement> {
    const before = this.#jobs;
    await pass(warmMs);
    const latenciesMs: number[] = [];
    this.#latenciesMs = latenciesMs;
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    await pass(ms);
    const { user, system } = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - startedAt;
    this.#latenciesMs = undefined;
    return {
      jobs: latenciesMs.length,
      jobsInAll: this.#jobs - before,
      elapsedMs,
      wrong: this.#wrong,
      latencies: latenciesOf(latenciesMs),
      cpuMs: (user + system) / 1000,
    };
  }
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
