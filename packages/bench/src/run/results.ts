import { median } from '../support/figures.ts';
import type { Cell, Contender, Goal, Sample } from './cell.ts';
import { encode, histogramOf, type Percentiles, percentilesOf } from './latency.ts';

/** The middle of several runs, and how far they were apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** How one contender did in one cell. */
export interface ContenderResult {
  readonly name: string;
  readonly value: Spread;
  /** To the baseline, run by run. Undefined for the baseline itself, and without one. */
  readonly ratio: Spread | undefined;
  readonly serverUs: Spread | undefined;
  readonly libraryUs: Spread | undefined;
  readonly generatorShare: Spread | undefined;
  readonly residentBytes: Spread | undefined;
  readonly percentiles: Percentiles | undefined;
  /** All latencies: an HdrHistogram in nanoseconds, as its tools read it. */
  readonly histogram: string | undefined;
  readonly wrong: number;
  /** Why there is no figure. */
  readonly failure: string | undefined;
  readonly samples: readonly Sample[];
}

/** Whether ours reached what it should. */
export interface GoalResult extends Goal {
  readonly ratio: Spread;
  readonly met: boolean;
}

export interface CellResult extends Pick<Cell, 'name' | 'unit' | 'better' | 'line' | 'at'> {
  /** The contender that ratios are taken to: of several the best. */
  readonly baseline: string | undefined;
  readonly contenders: readonly ContenderResult[];
  readonly goals: readonly GoalResult[];
}

export interface ModeResult {
  readonly name: string;
  readonly title: string;
  readonly axis: string | undefined;
  readonly cells: readonly CellResult[];
}

/** What a contender gave in each round, and why it stopped. */
export interface Runs {
  readonly contender: Contender;
  readonly samples: Sample[];
  failure?: string;
}

export function spreadOf(numbers: readonly number[]): Spread {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

export function resultOf(cell: Cell, runs: readonly Runs[]): CellResult {
  const baseline = bestOf(cell, runs, cell.baseline ?? 'gearmand', theValue);
  const ours = runs[0];
  const goals = (cell.goals ?? []).flatMap((goal) => {
    const figure = FIGURES[goal.figure];
    const better = goal.atLeast === undefined ? 'lower' : 'higher';
    const other = bestOf({ ...cell, better }, runs, goal.against, figure);
    if (ours === undefined || other === undefined || ours.samples.length === 0) return [];
    const ratio = ratioOf(ours, other, figure);
    const met = ratio.median >= (goal.atLeast ?? 0) && ratio.median <= (goal.atMost ?? Infinity);
    return [{ ...goal, ratio, met }];
  });
  return {
    name: cell.name,
    unit: cell.unit,
    better: cell.better,
    ...(cell.line === undefined ? {} : { line: cell.line }),
    ...(cell.at === undefined ? {} : { at: cell.at }),
    baseline: baseline?.contender.name,
    contenders: runs.map((each) => contenderResult(each, baseline)),
    goals,
  };
}

type Figure = (sample: Sample) => number;
const theValue: Figure = ({ value }) => value;
const FIGURES: Readonly<Record<Goal['figure'], Figure>> = {
  value: theValue,
  serverUs: ({ serverUs }) => serverUs ?? Number.NaN,
  p99Us: ({ latencies }) => percentilesOf(histogramOf([latencies ?? []])).p99Us,
};

function bestOf(
  { better }: Pick<Cell, 'better'>,
  runs: readonly Runs[],
  prefix: string,
  figure: Figure,
): Runs | undefined {
  const middle = ({ samples }: Runs): number => median(samples.map(figure));
  const sign = better === 'higher' ? -1 : 1;
  // The first one is ours, which is not compared with itself.
  const others = runs.filter(
    ({ contender, samples }, i) => i > 0 && contender.name.startsWith(prefix) && samples.length > 0,
  );
  return others.sort((a, b) => sign * (middle(a) - middle(b)))[0];
}

/** Of runs of the same round, so that what else the machine did is in both. */
function ratioOf(ours: Runs, other: Runs, figure: Figure): Spread {
  const rounds = Math.min(ours.samples.length, other.samples.length);
  const of = ({ samples }: Runs): readonly number[] => samples.slice(0, rounds).map(figure);
  const theirs = of(other);
  return spreadOf(of(ours).map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

function contenderResult(each: Runs, baseline: Runs | undefined): ContenderResult {
  const { contender, samples, failure } = each;
  const spread = (figure: (sample: Sample) => number | undefined): Spread | undefined => {
    const numbers = samples.map(figure).filter((number) => number !== undefined);
    return numbers.length === 0 ? undefined : spreadOf(numbers);
  };
  const runs = samples.flatMap(({ latencies }) => (latencies === undefined ? [] : [latencies]));
  const histogram = runs.length === 0 ? undefined : histogramOf(runs);
  const hasRatio = baseline !== undefined && baseline !== each && samples.length > 0;
  return {
    name: contender.name,
    value: spread(theValue) ?? spreadOf([Number.NaN]),
    ratio: hasRatio ? ratioOf(each, baseline, theValue) : undefined,
    serverUs: spread(({ serverUs }) => serverUs),
    libraryUs: spread(({ libraryUs }) => libraryUs),
    generatorShare: spread(({ generatorShare }) => generatorShare),
    residentBytes: spread(({ residentBytes }) => residentBytes),
    percentiles: histogram && percentilesOf(histogram),
    histogram: histogram && encode(histogram),
    wrong: samples.reduce((sum, { wrong = 0 }) => sum + wrong, 0),
    failure,
    // They are in the histogram already.
    samples: samples.map((sample) => ({ ...sample, latencies: undefined })),
  };
}
