/** How a client did. */
export interface Measurement {
  readonly jobs: number;
  readonly elapsedMs: number;
  /** Processor time of the client's process, in milliseconds. */
  readonly cpuMs: number;
  /** Results that were not what their job sent. */
  readonly wrong: number;
}

/** Submits one job of `echo` and gives its result. */
export type Submit = (payload: Buffer) => PromiseLike<Uint8Array | string>;

/** What a contender is told on its command line. */
export const [port = 0, jobs = 0, window = 0, warmUpJobs = 0] = process.argv.slice(2).map(Number);

/** Runs the jobs, `window` at a time, and prints a {@link Measurement} as one line of JSON. */
export async function contend(submit: Submit): Promise<void> {
  await run(submit, warmUpJobs);
  const cpuBefore = cpuMs();
  const startedAt = performance.now();
  const wrong = await run(submit, jobs);
  const measurement: Measurement = {
    jobs,
    elapsedMs: performance.now() - startedAt,
    cpuMs: cpuMs() - cpuBefore,
    wrong,
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

async function run(submit: Submit, count: number): Promise<number> {
  let next = 0;
  let wrong = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const text = String(next++).padStart(10, '0');
      const result = await submit(Buffer.from(text, 'latin1'));
      if (textOf(result) !== text) wrong++;
    }
  };
  await Promise.all(Array.from({ length: window }, lane));
  return wrong;
}

function textOf(result: Uint8Array | string): string {
  if (typeof result === 'string') return result;
  return Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('latin1');
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
