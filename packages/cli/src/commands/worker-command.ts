import type {
  ModuleOptions,
  Supervisor,
  SupervisorEvent,
  SupervisorOptions,
} from '@gearman/worker/supervisor';
import { Command, Option } from 'commander';
import { addConnectionOptions, type ConnectionOptions, connectionOf } from './connection-options.ts';
import { codeOf, EXIT, UsageError } from './exit-code.ts';
import { count, duration, size } from './values.ts';

interface WorkerCommandOptions extends ConnectionOptions {
  readonly module: readonly string[];
  readonly dir: readonly string[];
  readonly processes: number | 'cpus';
  readonly concurrency: number;
  readonly functions?: readonly string[];
  readonly recycleJobs?: number;
  readonly recycleAge?: number;
  readonly recycleMemory?: number;
  readonly watch?: true;
  readonly restart: boolean;
  readonly grace: number;
  readonly id?: string;
}

const EXAMPLES = `
Examples:
  gearman worker --module ./mail.js --processes 4
  gearman worker --dir ./functions --processes cpus --recycle-jobs 10000 --recycle-memory 512m
  gearman worker --module ./mail.js --watch

A module exports functions by their names as its default, or what defineWorker() made, or a function that gets the worker.
In a folder each file may export one handler, which is then the function with the name of the file.
SIGTERM and SIGINT: no more jobs, running ones may end; the second one kills what is left. SIGHUP: new processes, one after
the other, and no job waits. Exit codes: 0 ended as asked, 1 a module cannot be loaded, or processes had to be killed.`;

const append = (value: string, before: readonly string[]): string[] => [...before, value];

/** `gearman worker` */
export function workerCommand(): Command {
  const command = addConnectionOptions(
    new Command('worker').description(
      'run functions written in JavaScript, in processes that are kept running',
    ),
  )
    .addOption(
      new Option('--module <file>', 'what to run; several have processes of their own')
        .argParser(append)
        .default([], 'none'),
    )
    .addOption(
      new Option('--dir <folder>', 'a folder of modules; also several times')
        .argParser(append)
        .default([], 'none'),
    )
    .addOption(
      new Option('--processes <n>', 'processes for each module; cpus: one per processor')
        .argParser((text) => (text === 'cpus' ? text : count(1, 4096)(text)))
        .default(1),
    )
    .addOption(
      new Option('--concurrency <n>', 'jobs at the same time, in each process')
        .argParser(count(1, 65_536))
        .default(1),
    )
    .addOption(
      new Option('--functions <list>', 'only these functions, with commas').argParser((text) =>
        text.split(','),
      ),
    )
    .addOption(
      new Option('--recycle-jobs <n>', 'replace a process after about so many jobs').argParser(count(1)),
    )
    .addOption(
      new Option('--recycle-age <duration>', 'replace a process after about so long').argParser(duration),
    )
    .addOption(
      new Option('--recycle-memory <bytes>', 'replace a process that takes so much memory').argParser(size),
    )
    .option('--watch', 'replace processes when a file changes beside their module, or below')
    .option('--no-restart', 'do not start processes again that end; end with the last one')
    .addOption(
      new Option('--grace <duration>', 'how long running jobs may go on at the end')
        .argParser(duration)
        .default(30_000, '30s'),
    )
    .option('--id <name>', 'what servers list the workers as')
    .addHelpText('after', EXAMPLES);
  return command.action(work);
}

async function work(options: WorkerCommandOptions): Promise<void> {
  const { createSupervisor } = await import('@gearman/worker/supervisor');
  const supervisor = createSupervisor(supervisorOptions(options));
  supervisor.on('event', say);
  obeySignals(supervisor);
  try {
    await supervisor.start();
  } catch (error) {
    // It has been stopped: by a signal, which is no failure, or because a module cannot be loaded.
    if (!isClosed(error)) throw error;
  }
  const { killed, processes } = await supervisor.done;
  const failed = !options.restart && processes.some(({ exitCode }) => exitCode !== 0);
  if (killed > 0 || failed) process.exitCode = EXIT.failed;
}

function supervisorOptions(options: WorkerCommandOptions): SupervisorOptions {
  const { module, dir, concurrency, prefix, id, recycleJobs, recycleAge, recycleMemory, functions } = options;
  if (module.length + dir.length === 0) throw new UsageError('give --module or --dir');
  const { servers, tls } = connectionOf(options);
  const some = functions === undefined ? {} : { functions };
  const modules: ModuleOptions[] = [
    ...module.map((each) => ({ module: each, ...some })),
    ...dir.map((folder) => ({ folder, ...some })),
  ];
  return {
    modules,
    processes: options.processes,
    ...(servers !== undefined && { servers }),
    worker: {
      concurrency,
      ...(tls !== undefined && { tls }),
      ...(prefix !== undefined && { prefix }),
      ...(id !== undefined && { clientId: id }),
    },
    recycle: {
      ...(recycleJobs !== undefined && { maxJobs: recycleJobs }),
      ...(recycleAge !== undefined && { maxAgeMs: recycleAge }),
      ...(recycleMemory !== undefined && { maxMemoryBytes: recycleMemory }),
    },
    keepAlive: options.restart,
    watch: options.watch === true,
    stopTimeoutMs: options.grace,
  };
}

/** A terminal that is closed sends SIGHUP as well, and then nobody is left who could end the command. */
function obeySignals(supervisor: Supervisor): void {
  supervisor.handleSignals();
  if (process.stdin.isTTY) process.on('SIGHUP', () => void supervisor.stop());
}

function say(event: SupervisorEvent): void {
  const text = describe(event);
  if (text !== undefined) process.stderr.write(`gearman: ${text}\n`);
}

function describe(event: SupervisorEvent): string | undefined {
  switch (event.type) {
    case 'process-ready':
      return `${event.process} takes jobs (process ${event.pid})`;
    case 'process-exit':
      return event.expected
        ? undefined
        : `${event.process} ended ${event.signal === null ? `with code ${event.exitCode}` : `by ${event.signal}`}`;
    case 'process-restart':
      return `${event.process} starts again in ${Math.round(event.delayMs)} ms`;
    case 'process-recycle':
      return `${event.process} is replaced because of its ${event.reason}`;
    case 'process-killed':
      return `${event.process} did not end in time and was killed (process ${event.pid})`;
    case 'module-error':
      return event.error.message;
    case 'reload':
      return 'all processes are being replaced';
    default:
      return undefined;
  }
}

const isClosed = (error: unknown): boolean => codeOf(error) === 'ERR_GEARMAN_CLOSED';
