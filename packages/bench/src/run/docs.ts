import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Mode } from './cell.ts';
import { limitText, number, ratioText, verdictText } from './print.ts';
import { type Record, writeCharts } from './record.ts';
import type { ModeResult } from './results.ts';

const DOCS = new URL('../../../../docs/', import.meta.url);
const PAGE = new URL('performance.md', DOCS);
const CHARTS = 'charts';
const BEGIN = '<!-- figures: written by npm run bench -- --write-docs -->';
const END = '<!-- end of figures -->';

/** Puts the figures and charts of runs into docs/performance.md. */
export function writeDocs(records: readonly [Record, ...Record[]], order: readonly Mode[]): string {
  const quick = records.find((record) => record.quick);
  if (quick !== undefined) throw new Error(`the run of ${quick.startedAt} was a --quick one: not for docs`);
  const byName = new Map(records.flatMap(({ modes }) => modes.map((mode) => [mode.name, mode])));
  const modes = order.flatMap(({ name }) => byName.get(name) ?? []);
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = splitAt(page, BEGIN);
  const [, after] = splitAt(rest, END);
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${figures(records, modes)}\n\n${END}${after}`);
  writeCharts(fileURLToPath(new URL(`${CHARTS}/`, DOCS)), modes);
  return fileURLToPath(PAGE);
}

function splitAt(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker);
  if (at < 0) throw new Error(`docs/performance.md lacks the line ${marker}`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

function figures(records: readonly [Record, ...Record[]], modes: readonly ModeResult[]): string {
  return [
    conditions(records),
    '### Goals',
    goalTable(modes),
    ...modes.flatMap((mode) => [
      `### ${mode.title}`,
      table(mode),
      `![${mode.title}](${CHARTS}/${mode.name}.svg)`,
    ]),
  ].join('\n\n');
}

function conditions([first, ...more]: readonly [Record, ...Record[]]): string {
  const { machine, versions, rounds } = more.at(-1) ?? first;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `${machine.cores} cores (${machine.processor}), ${machine.system}, Node ${machine.node}; up to ${rounds} rounds; ` +
    `${names.join(', ')}. Measured on ${first.startedAt.slice(0, 10)}, load of the machine ${number(machine.load)} at the start.`
  );
}

function goalTable(modes: readonly ModeResult[]): string {
  const rows = modes.flatMap(({ cells }) =>
    cells.flatMap(({ goals }) =>
      goals.map((goal) => [goal.title, limitText(goal), ratioText(goal.ratio), verdictText(goal)]),
    ),
  );
  return markdownTable(['Mode', 'Goal', 'Measured, median (lowest to highest)', ''], rows);
}

function table({ cells }: ModeResult): string {
  const rows = cells.flatMap((cell) =>
    cell.contenders.map((one, i) => {
      const failed = Number.isNaN(one.value.median);
      const { p50Us, p99Us, p999Us } = one.percentiles ?? {};
      const value = failed ? 'did not finish' : number(one.value.median);
      return [
        i === 0 ? `${cell.name}, ${cell.unit}` : '',
        one.name,
        value,
        failed ? '' : `${number(one.value.min)} – ${number(one.value.max)}`,
        one.name === cell.baseline ? '1' : one.ratio === undefined ? '' : number(one.ratio.median),
        one.serverUs === undefined ? optional(one.libraryUs?.median) : number(one.serverUs.median),
        p50Us === undefined ? '' : [p50Us, p99Us, p999Us].map((us) => number(us ?? 0)).join(' / '),
        optional(one.residentBytes && one.residentBytes.median / 2 ** 20),
      ];
    }),
  );
  const titles = [
    '',
    '',
    'Median',
    'Lowest – highest',
    '× baseline',
    'CPU, µs/job',
    'p50 / p99 / p99.9, µs',
    'MiB',
  ];
  return markdownTable(...withoutEmptyColumns(titles, rows));
}

function optional(value: number | undefined): string {
  return value === undefined ? '' : number(value);
}

/** Not every mode measures everything. */
function withoutEmptyColumns(titles: readonly string[], rows: readonly string[][]): [string[], string[][]] {
  const used = titles.map((_, i) => rows.some((row) => row[i] !== ''));
  const kept = (row: readonly string[]): string[] => row.filter((_, i) => used[i]);
  return [kept(titles), rows.map(kept)];
}

function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map(line)].join('\n');
}
