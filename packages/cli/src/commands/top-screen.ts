import type { FunctionStatus, Snapshot } from '@gearman/admin';
import { STATUS_COLUMNS } from './show-commands.ts';
import { formatTable, printable } from './table.ts';

/** By what rows can be sorted: the largest first, names in their order. */
export const SORT_KEYS = ['queued', 'running', 'workers', 'name'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** How to show a snapshot. */
export interface TopView {
  readonly sort: SortKey;
  readonly filter: RegExp | undefined;
  /** How many lines there are; what does not fit is counted. */
  readonly lines: number;
}

/** A snapshot as lines of text. */
export function renderTop(snapshot: Snapshot, { sort, filter, lines }: TopView): string {
  const functions = snapshot.functions
    .filter(({ functionName }) => filter === undefined || filter.test(functionName))
    .toSorted((a, b) => compare(a, b, sort));
  const total = (of: (row: FunctionStatus) => number): number =>
    functions.reduce((sum, row) => sum + of(row), 0);
  const head = [
    `${new Date(snapshot.takenAtMs).toISOString()}  ${snapshot.answers.length} of ${snapshot.answers.length + snapshot.failures.length} servers  ${snapshot.workers.length} connections`,
    `${functions.length} functions  ${total(({ queued }) => queued)} queued  ${total(({ running }) => running)} running  by ${sort}`,
    ...snapshot.failures.map(({ error }) => `! ${printable(error.message)}`),
    '',
  ];
  // One line for the titles, one for what is left out.
  const room = Math.max(1, lines - head.length - 2);
  const left = functions.length - room;
  const table = formatTable(STATUS_COLUMNS, functions.slice(0, room));
  return `${head.join('\n')}\n${table}${left > 0 ? `… and ${left} more\n` : ''}`;
}

function compare(a: FunctionStatus, b: FunctionStatus, sort: SortKey): number {
  const difference = sort === 'name' ? 0 : b[sort] - a[sort];
  if (difference !== 0) return difference;
  return a.functionName < b.functionName ? -1 : 1;
}
