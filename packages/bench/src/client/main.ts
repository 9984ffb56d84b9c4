// One client process of each library in turn, through gearmand and workers of libgearman; with `--instant` at a server
// that has every result at once, so that nobody but the client takes time.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { findGearmand, startGearmand } from '@gearman/testing';
import { summary } from '../support/figures.ts';
import { compile } from '../support/native.ts';
import { cpuMsOf, end, startProgram } from '../support/processes.ts';
import type { Measurement } from './contender.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '50000' },
    'slow-jobs': { type: 'string', default: '10000' },
    window: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    workers: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    instant: { type: 'boolean', default: false },
  },
});
const WARM_UP_JOBS = 5000;

interface Contender {
  readonly name: string;
  readonly jobs: number;
  readonly command: readonly string[];
  readonly more: readonly string[];
}

const run = promisify(execFile);

async function measure({ command, jobs, more }: Contender, port: number): Promise<Measurement> {
  const [file = '', ...first] = command;
  const args = [...first, String(port), String(jobs), values.window, String(WARM_UP_JOBS), ...more];
  const { stdout } = await run(file, args);
  return JSON.parse(stdout) as Measurement;
}

/** What the jobs go through. */
interface Stage {
  readonly port: number;
  /** Processor time that it has used so far, in milliseconds. Linux only. */
  cpuMs(): number;
  stop(): Promise<void>;
}

async function gearmandStage(workerPath: string): Promise<Stage> {
  const server = await startGearmand(['--threads=0']);
  const workers = await Promise.all(
    Array.from({ length: Number(values.workers) }, () => startProgram([workerPath, String(server.port)])),
  );
  return {
    port: server.port,
    cpuMs: () => cpuMsOf([server.pid, ...workers.map(({ pid }) => pid)]),
    async stop() {
      await Promise.all(workers.map(end));
      await server.stop();
    },
  };
}

async function instantStage(): Promise<Stage> {
  const child = fork(fileURLToPath(new URL('instant-server-process.js', import.meta.url)));
  const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
  return { port, cpuMs: () => cpuMsOf([child.pid]), stop: () => end(child) };
}

function node(name: string, script: string, jobs: number): Contender {
  const path = fileURLToPath(new URL(`${script}.js`, import.meta.url));
  return { name, jobs, command: [process.execPath, path], more: [] };
}

const worker = values.instant ? undefined : compile('echo-worker');
const native = compile('client');
if (!values.instant && (findGearmand() === undefined || worker === undefined)) {
  process.stdout.write('SKIPPED: this needs gearmand and libgearman-dev\n');
  process.exit(0);
}
const startStage = (): Promise<Stage> => (worker === undefined ? instantStage() : gearmandStage(worker));

const jobs = Number(values.jobs);
const slow = Number(values['slow-jobs']);
const contenders = [
  node('@gearman/client', 'ours', jobs),
  ...(native === undefined ? [] : ['rolling', 'batches']).map((how) => ({
    name: `libgearman, ${how}`,
    jobs,
    command: [native ?? ''],
    more: [how],
  })),
  node('abraxas', 'abraxas', slow),
  node('gearmanode', 'gearmanode', slow),
].filter(({ name }) => name.includes(values.only));

const through = values.instant ? 'an instant server' : `gearmand and ${values.workers} workers of libgearman`;
process.stdout.write(
  `echo of 10 bytes through ${through}, ${values.window} in flight, ${values.rounds} rounds\n`,
);
const results = new Map<string, (Measurement & { readonly stageCpuMs: number })[]>();
let wrong = 0;
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const contender of contenders) {
    // A server and workers of its own for each: nobody inherits what another has left.
    const stage = await startStage();
    try {
      const before = stage.cpuMs();
      const measured = await measure(contender, stage.port);
      wrong += measured.wrong;
      const stageCpuMs = ((stage.cpuMs() - before) * contender.jobs) / (contender.jobs + WARM_UP_JOBS);
      results.set(contender.name, [...(results.get(contender.name) ?? []), { ...measured, stageCpuMs }]);
    } finally {
      await stage.stop();
    }
  }
}
for (const [name, measured] of results) {
  const rates = measured.map((one) => one.jobs / (one.elapsedMs / 1000));
  const costs = measured.map((one) => (one.cpuMs * 1000) / one.jobs);
  const others = measured.map((one) => (one.stageCpuMs * 1000) / one.jobs);
  process.stdout.write(
    `${name}: ${summary(rates, 0)} jobs/s; µs of CPU per job: ${summary(costs, 1)} client, ` +
      `${summary(others, 1)} everybody else\n`,
  );
}
if (wrong > 0) process.stdout.write(`WRONG RESULTS: ${wrong}\n`);
process.exitCode = wrong > 0 ? 1 : 0;
