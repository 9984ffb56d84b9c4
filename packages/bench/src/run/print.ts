import type { CellResult, ContenderResult, GoalResult, ModeResult, Spread } from './results.ts';

/** Above this share of a core the generator may be what was measured. */
const MOST_GENERATOR_SHARE = 0.9;

/** A cell as lines of text. */
export function cellText(cell: CellResult): string {
  const head = `\n${cell.name}, ${cell.unit}${cell.baseline === undefined ? '' : `; × is to ${cell.baseline}`}`;
  const width = Math.max(...cell.contenders.map(({ name }) => name.length));
  const lines = cell.contenders.map((one) => `  ${one.name.padEnd(width)}  ${contenderText(one)}`);
  return [head, ...lines, ...cell.goals.map((goal) => `  ${goalText(goal)}`)].join('\n');
}

/** How much the load generators had left in a mode. */
export function headRoomText(mode: ModeResult): string {
  const all = mode.cells.flatMap((cell) =>
    cell.contenders.flatMap(({ name, generatorShare }) =>
      generatorShare === undefined ? [] : [{ where: `${cell.name}, ${name}`, share: generatorShare.median }],
    ),
  );
  if (all.length === 0) return 'head-room: nobody but the contenders worked';
  const busiest = all.reduce((a, b) => (b.share > a.share ? b : a));
  const bound = all.filter(({ share }) => share > MOST_GENERATOR_SHARE);
  const warning = bound.map(({ where, share }) => `\n  GENERATOR AT ITS LIMIT: ${where}: ${percent(share)}`);
  return `head-room: the load generator used at most ${percent(busiest.share)} of a core (${busiest.where})${warning.join('')}`;
}

/** A goal, and what came of it. */
export function goalText(goal: GoalResult): string {
  return `goal ${limitText(goal)} ${goal.against}'s ${FIGURE_NAMES[goal.figure]}: ${ratioText(goal.ratio)}, ${verdictText(goal)}`;
}

export function limitText({ atLeast, atMost }: Pick<GoalResult, 'atLeast' | 'atMost'>): string {
  return atLeast === undefined ? `≤ ${atMost} ×` : `≥ ${atLeast} ×`;
}

export function verdictText({ atLeast, atMost, ratio, met }: GoalResult): string {
  if (met) return 'met';
  const limit = atLeast ?? atMost ?? Number.NaN;
  return `missed by ${percent(Math.abs(ratio.median - limit) / limit)}`;
}

export function ratioText({ median, min, max }: Spread): string {
  return `${number(median)} × (${number(min)} to ${number(max)})`;
}

const FIGURE_NAMES = { value: 'figure', serverUs: 'processor time', p99Us: 'p99' } as const;

function contenderText(one: ContenderResult): string {
  if (one.failure !== undefined && one.samples.length === 0) return `FAILED: ${one.failure}`;
  const { p50Us, p99Us, p999Us } = one.percentiles ?? {};
  const parts = [
    `${number(one.value.median)} (${number(one.value.min)} to ${number(one.value.max)})`,
    one.ratio && `${number(one.ratio.median)} ×`,
    one.serverUs && `server ${number(one.serverUs.median)} µs/job`,
    one.libraryUs && `library ${number(one.libraryUs.median)} µs/job`,
    p50Us && `p50 ${microseconds(p50Us)}, p99 ${microseconds(p99Us)}, p99.9 ${microseconds(p999Us)}`,
    one.residentBytes && `${number(one.residentBytes.median / 2 ** 20)} MiB`,
    one.generatorShare && `generator ${percent(one.generatorShare.median)}`,
    one.wrong > 0 && `WRONG RESULTS: ${one.wrong}`,
    one.failure !== undefined && `FAILED in a later round: ${one.failure}`,
  ];
  return parts.filter((part) => typeof part === 'string').join('; ');
}

/** Three digits, or all in front of the point. */
export function number(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en', {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.min(digits, 4),
  });
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function microseconds(us: number | undefined): string {
  if (us === undefined) return '?';
  return us < 1000 ? `${number(us)} µs` : `${number(us / 1000)} ms`;
}
