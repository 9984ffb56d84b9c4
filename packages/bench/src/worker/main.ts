// One worker process of each library in turn: through gearmand, at a server that has a job whenever it is asked, and
// woken from sleep.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { findGearmand } from '@gearman/testing';
import { median, quantile, summary } from '../support/figures.ts';
import { compile } from '../support/native.ts';
import { type Contender, contendersOf } from './contenders.ts';
import type { Measurement } from './measurement.ts';
import { atInstantServer, idleToStart, throughGearmand } from './stages.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    // Four times what the worker holds: with as many as that it would wait for the next half of the time.
    window: { type: 'string', default: '256' },
    concurrency: { type: 'string', default: '64' },
    'idle-jobs': { type: 'string', default: '400' },
    only: { type: 'string', default: '' },
    part: { type: 'string', default: '' },
  },
});
const BEST_NPM_FACTOR = 5;
const LONGEST_START_MS = 10;
// Others are asked for throughput only.
const SLEEPERS = ['@gearman/worker', 'libgearman'];
const rounds = Number(values.rounds);
const load = { window: Number(values.window), seconds: Number(values.seconds) };
let failed = false;

const contenders = contendersOf(values.concurrency, compile('echo-worker')).filter(({ name }) =>
  name.includes(values.only),
);

/** Everybody once per round, so that what else the machine does meets all alike. */
async function alternate<T>(
  who: readonly Contender[],
  measure: (contender: Contender) => Promise<T>,
): Promise<Map<Contender, T[]>> {
  const results = new Map<Contender, T[]>(who.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of who) results.get(contender)?.push(await measure(contender));
  }
  return results;
}

async function throughput(title: string, measure: typeof throughGearmand): Promise<void> {
  print(`\n${title}`);
  const results = await alternate(contenders, (contender) => measure(contender, load));
  for (const [{ name }, measured] of results) {
    const rates = measured.map(rateOf);
    const cost = (who: keyof Measurement['cpuMs']): string =>
      summary(
        measured.map(({ cpuMs, jobs }) => (cpuMs[who] * 1000) / Math.max(jobs, 1)),
        1,
      );
    const busy = measured.map(({ cpuMs, elapsedMs }) => (cpuMs.load * 100) / elapsedMs);
    const wrong = measured.reduce((sum, one) => sum + one.wrong, 0);
    print(
      `${name}: ${summary(rates, 0)} jobs/s; µs of CPU per job: worker ${cost('worker')}, server ${cost('server')}, ` +
        `load ${cost('load')}, which is ${summary(busy, 0)} % busy; job p50 ${summary(times(measured, 'p50Ms'), 2)} ms, ` +
        `p99 ${summary(times(measured, 'p99Ms'), 2)} ms`,
    );
    if (wrong > 0) fail(`${name}: ${wrong} WRONG RESULTS`);
  }
  const rate = (contender: Contender): number => median((results.get(contender) ?? []).map(rateOf));
  const [ours, ...others] = contenders;
  if (ours?.name !== '@gearman/worker') return;
  const bestNpm = Math.max(...others.filter(({ npm }) => npm).map(rate));
  const native = others.find(({ name }) => name === 'libgearman');
  if (native !== undefined) goal('jobs/s, times libgearman', rate(ours) / rate(native), 1);
  if (bestNpm > 0) goal('jobs/s, times the best of npm', rate(ours) / bestNpm, BEST_NPM_FACTOR);
}

async function idle(through: 'gearmand' | '@gearman/server'): Promise<void> {
  print(`\nfrom submitting to the handler of a worker that sleeps, through ${through}`);
  const who = contenders.filter(({ name }) => SLEEPERS.includes(name));
  const results = await alternate(who, (each) => idleToStart(each, through, Number(values['idle-jobs'])));
  for (const [{ name }, lists] of results) {
    const all = lists.flat();
    const [p50, p99, longest] = [0.5, 0.99, 1].map((share) => quantile(all, share).toFixed(2));
    const p99s = lists.map((list) => quantile(list, 0.99));
    print(
      `${name}: ${all.length} jobs, p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms; p99 of the rounds ${summary(p99s, 2)}`,
    );
    if (name === '@gearman/worker' && quantile(all, 0.99) >= LONGEST_START_MS) {
      fail(`MISSED: p99 must be under ${LONGEST_START_MS} ms`);
    }
  }
}

function rateOf({ jobs, elapsedMs }: Measurement): number {
  return jobs / (elapsedMs / 1000);
}

function times(measured: readonly Measurement[], which: 'p50Ms' | 'p99Ms'): readonly number[] {
  return measured.map((one) => one[which]);
}

function goal(what: string, reached: number, wanted: number): void {
  const line = `${what}: ${reached.toFixed(2)} (goal: ${wanted})`;
  if (reached >= wanted) print(line);
  else fail(`MISSED: ${line}`);
}

function fail(line: string): void {
  failed = true;
  print(line);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const PARTS: { readonly [part: string]: () => Promise<void> } = {
  'through-gearmand': () =>
    throughput(`echo of 10 bytes through gearmand, ${load.window} in flight`, throughGearmand),
  instant: () => throughput('echo of 10 bytes at a server that always has a job', atInstantServer),
  'idle-gearmand': () => idle('gearmand'),
  'idle-ours': () => idle('@gearman/server'),
};

print(
  `one worker process, concurrency ${values.concurrency}, ${rounds} rounds of ${load.seconds} s, median (lowest to ` +
    `highest); load of the machine ${loadavg()
      .map((one) => one.toFixed(1))
      .join(' ')}`,
);
for (const [part, run] of Object.entries(PARTS)) {
  if (!part.includes(values.part)) continue;
  if (part.includes('gearmand') && findGearmand() === undefined)
    print(`\nSKIPPED: ${part}, gearmand is not here`);
  else await run();
}
process.exitCode = failed ? 1 : 0;
