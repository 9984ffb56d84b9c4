import { Command, Option } from 'commander';
import { addConnectionOptions, type ConnectionOptions, connectionOf } from './connection-options.ts';
import { EXIT } from './exit-code.ts';
import { count, size } from './values.ts';

interface LoadOptions extends ConnectionOptions {
  readonly function: string;
  readonly jobs: number;
  readonly clients: number;
  readonly window: number;
  readonly size: number;
  readonly workers: number;
  readonly background?: true;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  gearman bench                                  against 127.0.0.1:4730, with a worker of its own
  gearman bench --jobs 100000 --clients 4 --window 64 --size 1k
  gearman bench --function reverse --workers 0   workers that run elsewhere

Client, worker and printing share one processor here: what is measured is the whole way of a job, not the server alone.`;

/** `gearman bench` */
export function loadCommand(): Command {
  const command = addConnectionOptions(
    new Command('bench').description('how many jobs per second, and how long one takes'),
  )
    .option('--function <name>', 'what to submit', 'gearman-bench')
    .addOption(new Option('--jobs <n>', 'jobs in all').argParser(count(1, 10_000_000)).default(10_000))
    .addOption(
      new Option('--clients <n>', 'clients, each with a connection').argParser(count(1, 1000)).default(1),
    )
    .addOption(
      new Option('--window <n>', 'jobs that a client has under way').argParser(count(1, 65_536)).default(32),
    )
    .addOption(new Option('--size <bytes>', 'how much data each job carries').argParser(size).default(64))
    .addOption(
      new Option('--workers <n>', 'workers to start here, which return what they get')
        .argParser(count(0, 1000))
        .default(1),
    )
    .option(
      '-b, --background',
      'measure until the server has taken the job; jobs that no worker here takes stay in its queue',
    )
    .option('--json', 'the figures as JSON')
    .addHelpText('after', EXAMPLES);
  return command.action(load);
}

async function load(options: LoadOptions): Promise<void> {
  const [{ createClient }, { createWorker }] = await Promise.all([
    import('@gearman/client'),
    import('@gearman/worker'),
  ]);
  const { jobs, window, size: sizeBytes, background } = options;
  const connection = connectionOf(options);
  const name = options.function;
  const workers = Array.from({ length: options.workers }, () =>
    createWorker({ ...connection, concurrency: window }),
  );
  for (const worker of workers) worker.register(name, (job) => job.payload);
  const clients = Array.from({ length: options.clients }, () => createClient(connection));
  try {
    await Promise.all([
      ...workers.map((worker) => worker.start()),
      ...clients.map((client) => client.echo('')),
    ]);
    const payload = new Uint8Array(sizeBytes);
    const tally = new Tally(jobs);
    const run = async (client: (typeof clients)[number]): Promise<void> => {
      while (tally.next()) {
        const startMs = performance.now();
        try {
          if (background === true) await client.submitBackground(name, payload);
          else await client.submit(name, payload);
          tally.add(performance.now() - startMs);
        } catch (error) {
          tally.fail(error);
        }
      }
    };
    const startMs = performance.now();
    await Promise.all(clients.flatMap((client) => Array.from({ length: window }, () => run(client))));
    const figures = tally.figures(performance.now() - startMs);
    process.stdout.write(options.json === true ? `${JSON.stringify(figures)}\n` : describe(figures));
    if (figures.errors > 0) process.exitCode = EXIT.failed;
  } finally {
    await Promise.all([
      ...clients.map((client) => client.close()),
      ...workers.map((worker) => worker.stop()),
    ]);
  }
}

interface Figures {
  readonly jobs: number;
  readonly errors: number;
  readonly firstError: string | undefined;
  readonly seconds: number;
  readonly jobsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

class Tally {
  readonly #latencies: Float64Array;
  #started = 0;
  #done = 0;
  #errors = 0;
  #firstError: string | undefined;

  constructor(jobs: number) {
    this.#latencies = new Float64Array(jobs);
  }

  /** True when there is one more job to submit. */
  next(): boolean {
    return this.#started++ < this.#latencies.length;
  }

  add(durationMs: number): void {
    this.#latencies[this.#done++] = durationMs;
  }

  fail(error: unknown): void {
    this.#errors++;
    this.#firstError ??= error instanceof Error ? error.message : String(error);
  }

  figures(durationMs: number): Figures {
    const sorted = this.#latencies.subarray(0, this.#done).sort();
    const at = (share: number): number => round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
    return {
      jobs: this.#done,
      errors: this.#errors,
      firstError: this.#firstError,
      seconds: round(durationMs / 1000),
      jobsPerSecond: Math.round((this.#done / durationMs) * 1000),
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
    };
  }
}

const round = (value: number): number => Number(value.toFixed(3));

function describe({
  jobs,
  errors,
  firstError,
  seconds,
  jobsPerSecond,
  p50Ms,
  p95Ms,
  p99Ms,
}: Figures): string {
  const failed = errors === 0 ? '' : `${errors} failed: ${firstError}\n`;
  return `${jobs} jobs in ${seconds} s: ${jobsPerSecond} per second\nlatency p50 ${p50Ms} ms, p95 ${p95Ms} ms, p99 ${p99Ms} ms\n${failed}`;
}
