import type { Bench, Cell, Mode } from './cell.ts';
import { type CellResult, type ModeResult, type Runs, resultOf } from './results.ts';

/** Longer than any run takes: what hangs must not hold up the rest. */
const RUN_TIMEOUT_MS = 120_000;

/** Every cell of a mode; in each the contenders in turn, round by round. */
export async function runMode(
  mode: Mode,
  bench: Bench,
  rounds: number,
  onCell: (cell: CellResult) => void,
): Promise<ModeResult> {
  const results: CellResult[] = [];
  for (const cell of chosen(await mode.cells(bench), bench)) {
    const result = await runCell(cell, Math.min(rounds, mode.maxRounds ?? rounds, maxRounds(cell)));
    results.push(result);
    onCell(result);
  }
  return { name: mode.name, title: mode.title, axis: mode.axis, cells: results };
}

/** To see that a mode works, those with goals are enough, or two of those without. */
function chosen(cells: readonly Cell[], { quick }: Bench): readonly Cell[] {
  if (!quick) return cells;
  const withGoals = cells.filter(({ goals }) => goals !== undefined);
  return withGoals.length > 0 ? withGoals : cells.slice(0, 2);
}

/** Where no goal hangs on a figure, three runs say enough. */
function maxRounds({ goals }: Cell): number {
  return goals === undefined ? 3 : Number.POSITIVE_INFINITY;
}

async function runCell(cell: Cell, rounds: number): Promise<CellResult> {
  const runs: Runs[] = cell.contenders.map((contender) => ({ contender, samples: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const one of runs) {
      const { maxRounds: most = rounds } = one.contender;
      if (one.failure === undefined && round < most) await runOnce(one);
    }
  }
  return resultOf(cell, runs);
}

async function runOnce(one: Runs): Promise<void> {
  try {
    one.samples.push(await within(RUN_TIMEOUT_MS, one.contender.measure()));
  } catch (error) {
    one.failure = (error instanceof Error ? error.message : String(error)).trim().slice(0, 500);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
