import Table from 'cli-table3';
import sparkly from 'sparkly';
import type { Tally } from './tally.ts';

/** What is shown at the end besides the tally. */
export interface Run {
  readonly elapsedMs: number;
  /** When each file was done, in milliseconds from the start. */
  readonly doneAtMs: readonly number[];
  readonly restarts: number;
}

const TOP = 10;
const SPARKS = 40;

/** The result as a table. */
export function report(total: Tally, run: Run): string {
  const table = new Table({ style: { head: [], border: [] } });
  const perSecond = Math.round(total.files / (run.elapsedMs / 1000));
  table.push(
    ['files', total.files.toLocaleString('en')],
    ['words', total.words.toLocaleString('en')],
    ['most frequent', mostFrequent(total.frequencies)],
    ['time', `${(run.elapsedMs / 1000).toFixed(2)} s`],
    ['jobs per second', perSecond.toLocaleString('en')],
    ['throughput', sparkly(throughput(run), { minimum: 0 })],
    ['files per worker', sharesOf(total)],
    ['workers restarted', String(run.restarts)],
  );
  return table.toString();
}

function mostFrequent(frequencies: Tally['frequencies']): string {
  return Object.entries(frequencies)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, TOP)
    .map(([word, count]) => `${word} ${count.toLocaleString('en')}`)
    .join('\n');
}

function sharesOf({ shares, files }: Tally): string {
  return Object.entries(shares)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([worker, count]) => `${worker}: ${count} (${Math.round((100 * count) / files)} %)`)
    .join('\n');
}

function throughput({ doneAtMs, elapsedMs }: Run): number[] {
  const buckets = new Array<number>(SPARKS).fill(0);
  for (const at of doneAtMs) {
    const index = Math.min(SPARKS - 1, Math.floor((at / elapsedMs) * SPARKS));
    buckets[index] = (buckets[index] ?? 0) + 1;
  }
  return buckets;
}
