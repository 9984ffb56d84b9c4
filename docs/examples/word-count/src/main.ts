import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createClient } from '@gearman/client';
import { SingleBar } from 'cli-progress';
import { countFiles } from './count-files.ts';
import { findFiles } from './find-files.ts';
import { type ServerProcess, startServer, WorkerTeam } from './processes.ts';
import { report } from './report.ts';
import { wordsByWc } from './wc.ts';

const HELP = `Counts words with Gearman: one job per file, spread over worker processes.

  npm run demo -- [options] [files or folders …]

  --servers HOST:PORT  use a job server that runs already (gearmand or ours) instead of starting one
  --workers N          worker processes to start (default: one per core)
  --chaos              kill a worker with SIGKILL again and again, all the way through
  --help               show this text

Without files it counts every Markdown and TypeScript file below the current folder.
`;

const EXTENSIONS = ['.md', '.ts'];
const CHAOS_KILLS = 8;

interface Options {
  readonly paths: readonly string[];
  readonly servers: string | undefined;
  readonly workers: number;
  readonly chaos: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options === undefined) process.stdout.write(HELP);
    else await run(options);
    return 0;
  } catch (error) {
    process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      servers: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      chaos: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const workers = Number(values.workers);
  if (!Number.isInteger(workers) || workers < 1) throw new Error('--workers must be a whole number above 0');
  return {
    paths: positionals.length === 0 ? ['.'] : positionals,
    servers: values.servers,
    workers,
    chaos: values.chaos,
  };
}

async function run(options: Options): Promise<void> {
  const files = await findFiles(options.paths, EXTENSIONS);
  if (files.length === 0)
    throw new Error(`no ${EXTENSIONS.join(' or ')} file in ${options.paths.join(', ')}`);

  const started: { stop(): Promise<unknown> }[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const onSignal = (signal: NodeJS.Signals): void => reject(new Error(`stopped by ${signal}`));
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      count(files, options, started, reject).then(resolve, reject);
    });
  } finally {
    for (const part of started.reverse()) await part.stop();
  }
}

async function count(
  files: readonly string[],
  options: Options,
  started: { stop(): Promise<unknown> }[],
  fail: (error: Error) => void,
): Promise<void> {
  const servers = options.servers ?? (await startedServer(started)).servers;
  const team = new WorkerTeam(servers, options.workers, fail);
  started.push(team);
  const client = createClient({ servers });
  started.push({ stop: () => client.close() });
  await Promise.all([client.pool.ready({ timeoutMs: 3000 }), team.ready]);
  process.stdout.write(`${files.length} files, ${options.workers} worker processes, job server ${servers}\n`);

  const bar = new SingleBar({
    format: '{bar} {percentage} % | {value}/{total} files | {words} words | {rate} jobs/s',
    noTTYOutput: true,
    notTTYSchedule: 1000,
  });
  const startedAt = performance.now();
  const doneAtMs: number[] = [];
  const filesPerKill = options.chaos ? Math.ceil(files.length / (CHAOS_KILLS + 1)) : Number.POSITIVE_INFINITY;
  let words = 0;
  bar.start(files.length, 0, { words, rate: 0 });
  const total = await countFiles(client, files, {
    onFile: (tally) => {
      const now = performance.now() - startedAt;
      doneAtMs.push(now);
      words += tally.words;
      bar.update(doneAtMs.length, { words, rate: Math.round(doneAtMs.length / (now / 1000)) });
      if (doneAtMs.length % filesPerKill === 0) team.killNext();
    },
  }).finally(() => bar.stop());
  const elapsedMs = performance.now() - startedAt;
  process.stdout.write(`${report(total, { elapsedMs, doneAtMs, restarts: team.restarts })}\n`);
  await check(total.files, total.words, files);
}

async function startedServer(started: { stop(): Promise<unknown> }[]): Promise<ServerProcess> {
  const server = await startServer();
  started.push(server);
  return server;
}

/** The demo does not believe itself: it counts once more with the system's own tool. */
async function check(counted: number, words: number, files: readonly string[]): Promise<void> {
  if (counted !== files.length) throw new Error(`${files.length} files were given, ${counted} were counted`);
  const expected = await wordsByWc(files);
  if (expected === undefined) process.stdout.write('wc is not here: the total was not checked\n');
  else if (expected === words) process.stdout.write(`cat FILES | wc -w says ${expected}, too\n`);
  else throw new Error(`counted ${words} words, but cat FILES | wc -w says ${expected}`);
}
