import { createWorker, type Worker, type WorkerJob } from '@gearman/worker';
import { readAll, readLines, withoutLineFeed } from '../byte-lines.ts';
import { runCommand } from '../run-command.ts';
import type { ClassicArguments } from './arguments.ts';
import { complain } from './complain.ts';
import { classicServers } from './servers.ts';

/** Works as the command line says, one job at a time, until a signal ends the process or `-c` jobs were done. */
export async function runWorker(given: ClassicArguments): Promise<void> {
  const worker = createWorker({ servers: classicServers(given, process.env), tls: given.tls });
  const allowance = new Allowance(given, worker);
  worker.pool.on('connection-error', ({ error, attempt }) => {
    // The same, every few seconds: said once.
    if (attempt === 1) complain(error);
  });
  for (const name of given.functions) {
    worker.register(name, async (job) => {
      allowance.onJob();
      try {
        return await work(job, given);
      } finally {
        allowance.onJobEnd();
      }
    });
  }
  const stopped = new Promise<void>((resolve) => worker.on('stop', () => resolve()));
  allowance.start();
  void worker.start().catch(complain);
  await stopped;
}

/** `-c`: how much is left to do. `-t`: each time nothing came for that long counts as much as a job. */
class Allowance {
  readonly #worker: Worker;
  readonly #timeoutMs: number | undefined;
  #left: number;
  #timer: NodeJS.Timeout | undefined;

  constructor({ count, timeoutMs }: ClassicArguments, worker: Worker) {
    this.#worker = worker;
    this.#timeoutMs = timeoutMs;
    this.#left = count === 0 ? Number.POSITIVE_INFINITY : count;
  }

  start(): void {
    if (this.#timeoutMs === undefined || this.#left <= 0) return;
    this.#timer = setTimeout(() => {
      complain(new Error(`no job came for ${this.#timeoutMs} ms`));
      this.#take();
      this.start();
    }, this.#timeoutMs);
  }

  onJob(): void {
    clearTimeout(this.#timer);
    this.#take();
  }

  onJobEnd(): void {
    this.start();
  }

  #take(): void {
    this.#left--;
    // Waits for the job that runs, and asks for no other.
    if (this.#left === 0) void this.#worker.stop();
  }
}

async function work(job: WorkerJob, given: ClassicArguments): Promise<Uint8Array | undefined> {
  if (given.words.length === 0) {
    process.stdout.write(job.payload);
    return undefined;
  }
  let result: Uint8Array | undefined;
  const end = await runCommand({
    command: given.words,
    input: job.payload,
    onOutput: async (chunks) => {
      if (!given.perLine) result = await readAll(chunks);
      else
        for await (const line of readLines(chunks))
          await job.write(given.stripNewline ? withoutLineFeed(line) : line);
    },
  }).catch((error: unknown) => {
    complain(error);
    return undefined;
  });
  if (end?.exitCode === 0) return result;
  if (result !== undefined && result.length > 0) await job.write(result);
  job.fail();
  return undefined;
}
