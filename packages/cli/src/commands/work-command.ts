import type { WorkerJob } from '@gearman/worker';
import { Command, Option } from 'commander';
import { readAll } from '../byte-lines.ts';
import { runCommand } from '../run-command.ts';
import { addConnectionOptions, type ConnectionOptions, connectionOf } from './connection-options.ts';
import { messageOf } from './exit-code.ts';
import { count, duration } from './values.ts';

interface WorkOptions extends ConnectionOptions {
  readonly concurrency: number;
  readonly stream?: true;
  readonly warn?: true;
  readonly timeout?: number;
  readonly jobs?: number;
  readonly grace: number;
  readonly id?: string;
}

const EXAMPLES = `
Examples:
  gearman work reverse -- rev
  gearman work resize --concurrency 4 --timeout 1m -- convert - -resize 50% -

The command gets the data on standard input; what it prints is the result. An exit code other than 0 fails the job.
It finds GEARMAN_FUNCTION, GEARMAN_HANDLE and GEARMAN_UNIQUE_ID in its environment.
SIGTERM and SIGINT: no more jobs, running ones may end. The second one ends the worker at once; others get its jobs.`;

/** `gearman work` */
export function workCommand(): Command {
  const command = addConnectionOptions(new Command('work').description('be a worker: one command per job'))
    .argument('<function>')
    .argument('<command...>', 'what to run for each job, behind --')
    .addOption(
      new Option('--concurrency <n>', 'jobs at the same time').argParser(count(1, 65_536)).default(1),
    )
    .option('--stream', 'send what the command prints at once, in parts')
    .option('--warn', 'send what the command says on standard error as warnings')
    .addOption(new Option('--timeout <duration>', 'kill a command that takes longer').argParser(duration))
    .addOption(new Option('--jobs <n>', 'end after so many jobs').argParser(count(1)))
    .addOption(
      new Option('--grace <duration>', 'how long running jobs may go on at the end')
        .argParser(duration)
        .default(30_000, '30s'),
    )
    .option('--id <name>', 'what servers list this worker as')
    .addHelpText('after', EXAMPLES);
  return command.action(work);
}

async function work(functionName: string, words: readonly string[], options: WorkOptions): Promise<void> {
  const { createWorker } = await import('@gearman/worker');
  const { concurrency, id, timeout, grace } = options;
  const worker = createWorker({
    ...connectionOf(options),
    concurrency,
    ...(id !== undefined && { clientId: id }),
  });
  worker.pool.on('connection-error', ({ error, attempt }) => {
    if (attempt === 1) process.stderr.write(`gearman: ${error.message}\n`);
  });
  let left = options.jobs ?? Number.POSITIVE_INFINITY;
  const handler = async (job: WorkerJob): Promise<Uint8Array | undefined> => {
    left--;
    // Waits for the jobs that run, and asks for no other.
    if (left === 0) void worker.stop();
    return runJob(job, words, options);
  };
  worker.register(functionName, handler, timeout === undefined ? {} : { timeoutMs: timeout });
  worker.handleSignals(['SIGTERM', 'SIGINT'], { timeoutMs: grace });
  const stopped = new Promise<void>((resolve) => worker.on('stop', () => resolve()));
  await worker.start();
  process.stderr.write(`gearman: waiting for jobs of "${functionName}"\n`);
  await stopped;
}

async function runJob(
  job: WorkerJob,
  command: readonly string[],
  { stream, warn }: WorkOptions,
): Promise<Uint8Array | undefined> {
  let result: Uint8Array | undefined;
  try {
    const { exitCode, signal } = await runCommand({
      command,
      input: job.payload,
      signal: job.signal,
      environment: {
        GEARMAN_FUNCTION: job.functionName,
        GEARMAN_HANDLE: job.handle,
        GEARMAN_UNIQUE_ID: job.uniqueId,
      },
      onErrorOutput: warn === true ? (chunk) => job.warn(chunk) : undefined,
      onOutput: async (chunks) => {
        if (stream !== true) result = await readAll(chunks);
        else for await (const chunk of chunks) await job.write(chunk);
      },
    });
    if (exitCode === 0) return result;
    if (result !== undefined && result.length > 0) await job.write(result);
    process.stderr.write(
      `gearman: job ${job.handle}: the command ended with ${signal ?? `code ${exitCode}`}\n`,
    );
  } catch (error) {
    process.stderr.write(`gearman: job ${job.handle}: ${messageOf(error)}\n`);
  }
  job.fail();
  return undefined;
}
