// npm run bench:guard: fails when a job costs the server more than its budget; see docs/performance.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../support/figures.ts';
import { type Cost, type Costs, KINDS, type Kind, Measure } from './measure.ts';

const BUDGET = fileURLToPath(new URL('../../guard-budget.json', import.meta.url));
const ROUNDS = 200;
/** Whoever is within the budget is done at once; the others get this many chances. */
const CHANCES = 6;
/** A budget is the middle of so many processes: each compiles the code a little differently. */
const RECORDED = 7;

/** What is in the budget file. */
interface Budget {
  /** How much more than the budget is still put down to chance: 1.15 is 15 %. */
  readonly tolerance: Cost;
  readonly budget: Costs;
}

const { values } = parseArgs({
  options: { write: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
if (globalThis.gc === undefined) throw new Error('run it with npm run bench:guard, which passes --expose-gc');
const { tolerance, budget } = JSON.parse(readFileSync(BUDGET, 'utf8')) as Budget;
if (values.write) record();
else {
  const measure = new Measure();
  await measure.warmUp();
  if (values.json) print(JSON.stringify(await measure.costs(ROUNDS)));
  else await compare(measure);
  await measure.close();
}

async function compare(measure: Measure): Promise<void> {
  for (let chance = 1; ; chance++) {
    const costs = await measure.costs(ROUNDS);
    const found = excesses(costs);
    if (found.length > 0 && chance < CHANCES) continue;
    for (const kind of KINDS) print(`${kind}: ${text(costs[kind])} (budget: ${text(budget[kind])})`);
    for (const excess of found) print(`TOO MUCH: ${excess}`);
    process.exitCode = found.length > 0 ? 1 : 0;
    return;
  }
}

function record(): void {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), '--json'];
  const all = Array.from(
    { length: RECORDED },
    () => JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Costs,
  );
  const middle = (kind: Kind, what: keyof Cost): number => median(all.map((costs) => costs[kind][what]));
  const costs = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      {
        cpu: Number(middle(kind, 'cpu').toFixed(3)),
        allocatedBytes: Math.round(middle(kind, 'allocatedBytes')),
      },
    ]),
  );
  writeFileSync(BUDGET, `${JSON.stringify({ tolerance, budget: costs }, undefined, 2)}\n`);
  print(`wrote ${BUDGET}`);
}

function excesses(now: Costs): readonly string[] {
  return KINDS.flatMap((kind) =>
    (['cpu', 'allocatedBytes'] as const).flatMap((what) => {
      const ratio = now[kind][what] / budget[kind][what];
      const [measured, most] = [(ratio - 1) * 100, (tolerance[what] - 1) * 100];
      if (ratio <= tolerance[what]) return [];
      const name = what === 'cpu' ? 'processor time' : 'memory allocated';
      return [`${kind}: ${name} ${measured.toFixed(0)} % above the budget, ${most.toFixed(0)} % are allowed`];
    }),
  );
}

function text({ cpu, allocatedBytes }: Cost): string {
  return `${cpu.toFixed(3)} × the yardstick, ${allocatedBytes.toFixed(0)} B allocated per job`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
