import type { Latencies } from '../run/cell.ts';
import { latenciesOf } from '../run/latency.ts';

/** How a client did. */
export interface Measurement {
  readonly jobs: number;
  readonly elapsedMs: number;
  /** Processor time of the client's process, in milliseconds. */
  readonly cpuMs: number;
  /** Results that were not what their job sent. */
  readonly wrong: number;
  /** Not of programs in C. */
  readonly latencies?: Latencies;
}

/** Submits one job of `echo` and gives its result. */
export type Submit = (payload: Buffer) => PromiseLike<Uint8Array | string>;

/** What a contender is told on its command line. */
export const [port = 0, window = 0, warmMs = 0, ms = 0] = process.argv.slice(2).map(Number);

/** Runs jobs for some time, `window` at a time, and prints a {@link Measurement} as one line of JSON. */
export async function contend(submit: Submit): Promise<void> {
  await run(submit, warmMs);
  const cpuBefore = cpuMs();
  const startedAt = performance.now();
  const { wrong, latenciesMs } = await run(submit, ms);
  const measurement: Measurement = {
    jobs: latenciesMs.length,
    elapsedMs: performance.now() - startedAt,
    cpuMs: cpuMs() - cpuBefore,
    wrong,
    latencies: latenciesOf(latenciesMs),
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

async function run(submit: Submit, durationMs: number): Promise<{ wrong: number; latenciesMs: number[] }> {
  const latenciesMs: number[] = [];
  const untilMs = performance.now() + durationMs;
  let next = 0;
  let wrong = 0;
  const lane = async (): Promise<void> => {
    for (let sentAt = performance.now(); sentAt < untilMs; ) {
      const text = String(next++).padStart(10, '0');
      const result = await submit(Buffer.from(text, 'latin1'));
      if (textOf(result) !== text) wrong++;
      const now = performance.now();
      latenciesMs.push(now - sentAt);
      sentAt = now;
    }
  };
  await Promise.all(Array.from({ length: window }, lane));
  return { wrong, latenciesMs };
}

function textOf(result: Uint8Array | string): string {
  if (typeof result === 'string') return result;
  return Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('latin1');
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
