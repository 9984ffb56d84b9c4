import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Machine } from './machine.ts';
import type { ModeResult } from './results.ts';

/** All of a run, as its JSON file holds it. */
export interface Record {
  readonly format: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly quick: boolean;
  readonly machine: Machine;
  /** By peer; what was not there is missing. */
  readonly versions: { readonly [peer: string]: string };
  readonly skipped: readonly string[];
  readonly modes: readonly ModeResult[];
}

/** Writes a run as JSON, and a chart for each mode beside it. */
export function writeRecord(folder: string, record: Record): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${record.startedAt.replaceAll(':', '-').slice(0, 19)}.json`);
  writeFileSync(path, `${JSON.stringify(record, undefined, 1)}\n`);
  writeCharts(folder, record.modes);
  return path;
}

export function writeCharts(folder: string, modes: readonly ModeResult[]): void {
  mkdirSync(folder, { recursive: true });
  for (const mode of modes) writeFileSync(join(folder, `${mode.name}.svg`), chartOf(mode));
}

/** Runs as one: of a mode that several hold, the last one's. */
export function readRecords(paths: readonly string[]): readonly [Record, ...Record[]] {
  const records = paths.map((path) => {
    const record = JSON.parse(readFileSync(path, 'utf8'), revive) as Record;
    if (record.format !== 1) throw new Error(`${path} is not a record of npm run bench`);
    return record;
  });
  const [first, ...more] = records;
  if (first === undefined) throw new Error('--from needs a file');
  return [first, ...more];
}

/** JSON has no NaN: a figure that failed comes back as null. */
function revive(key: string, value: unknown): unknown {
  return value === null && ['median', 'min', 'max'].includes(key) ? Number.NaN : value;
}
