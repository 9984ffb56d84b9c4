import type { StoreBatch, StoredChange, StoredJob } from '@gearman/server';
import { byteaArray, float8Array, int2Array, int8Array, textArray } from './arrays.ts';
import type { Value } from './connection.ts';

/** What one statement records. */
export interface Slice {
  readonly puts: readonly StoredJob[];
  readonly changes: readonly StoredChange[];
  readonly dones: readonly number[];
  readonly settings: ReadonlyMap<string, string | undefined>;
  /** The largest number that was put; 0 for none. */
  readonly lastNumber: number;
}

/** A parameter of a statement must stay far below 1 GB, and a statement below its time limit. */
const SLICE_BYTES = 8 * 1024 * 1024;
const SLICE_ROWS = 10_000;
const NOTHING: Slice = { puts: [], changes: [], dones: [], settings: new Map(), lastNumber: 0 };

/**
 * What statements have to record of a batch, and of ends that are still owed: nearly always one. In one statement no row may
 * be touched twice, so what happens to a job at once is added up here.
 */
export function slicesOf({ puts, changes, dones, settings }: StoreBatch, owed: readonly number[]): Slice[] {
  const over = new Set(owed);
  // What was refused once, and is put again, is there to stay.
  if (over.size > 0) for (const { number } of puts) over.delete(number);
  for (const number of dones) over.add(number);
  const changeOf = new Map(changes.map((change) => [change.number, change]));
  const kept: StoredJob[] = [];
  let lastNumber = 0;
  for (const put of puts) {
    const { number } = put;
    if (number > lastNumber) lastNumber = number;
    if (over.has(number)) continue;
    const change = changeOf.get(number);
    if (change !== undefined) changeOf.delete(number);
    kept.push(change === undefined ? put : changed(put, change));
  }
  const left = [...changeOf.values()].filter(({ number }) => !over.has(number));
  const parts = { puts: cutJobs(kept), changes: cut(left), dones: cut([...over]) };
  const count = Math.max(parts.puts.length, parts.changes.length, parts.dones.length, 1);
  const slices = Array.from({ length: count }, (_, i) => ({
    ...NOTHING,
    puts: parts.puts[i] ?? [],
    changes: parts.changes[i] ?? [],
    dones: parts.dones[i] ?? [],
  }));
  const last = slices.pop() ?? NOTHING;
  return [...slices, { ...last, settings, lastNumber }];
}

function changed(put: StoredJob, { runAtMs, attempts, state, extra }: StoredChange): StoredJob {
  return { ...put, runAtMs, attempts, state, extra };
}

function cut<T>(rows: readonly T[]): (readonly T[])[] {
  if (rows.length <= SLICE_ROWS) return [rows];
  return Array.from({ length: Math.ceil(rows.length / SLICE_ROWS) }, (_, i) =>
    rows.slice(i * SLICE_ROWS, (i + 1) * SLICE_ROWS),
  );
}

function cutJobs(puts: readonly StoredJob[]): (readonly StoredJob[])[] {
  const parts: (readonly StoredJob[])[] = [];
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < puts.length; at++) {
    const size = puts[at]?.payload.length ?? 0;
    if (at > from && (bytes + size > SLICE_BYTES || at - from >= SLICE_ROWS)) {
      parts.push(puts.slice(from, at));
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  return [...parts, from === 0 ? puts : puts.slice(from)];
}

/** The parameters of the statement `record`, but for the node and its fence before them. */
export function valuesOf(
  { puts, changes, dones, settings }: Slice,
  lastNumber: number,
  lastNumberSequence: string,
): Value[] {
  const set = [...settings].filter(([, value]) => value !== undefined);
  const unset = [...settings].filter(([, value]) => value === undefined);
  return [
    int8Array(puts.map(({ number }) => number)),
    textArray(
      puts.map(({ functionName }) => functionName),
      'latin1',
    ),
    textArray(
      puts.map(({ uniqueId }) => uniqueId),
      'latin1',
    ),
    int2Array(puts.map(({ priority }) => priority)),
    float8Array(puts.map(({ runAtMs }) => runAtMs)),
    int8Array(puts.map(({ attempts }) => attempts)),
    textArray(
      puts.map(({ state }) => state),
      'utf8',
    ),
    textArray(
      puts.map(({ reducer }) => reducer),
      'latin1',
    ),
    textArray(
      puts.map(({ extra }) => extra),
      'utf8',
    ),
    byteaArray(puts.map(({ payload }) => payload)),
    int8Array(changes.map(({ number }) => number)),
    float8Array(changes.map(({ runAtMs }) => runAtMs)),
    int8Array(changes.map(({ attempts }) => attempts)),
    textArray(
      changes.map(({ state }) => state),
      'utf8',
    ),
    textArray(
      changes.map(({ extra }) => extra),
      'utf8',
    ),
    int8Array(dones),
    textArray(
      set.map(([key]) => key),
      'utf8',
    ),
    textArray(
      set.map(([, value]) => value),
      'utf8',
    ),
    textArray(
      unset.map(([key]) => key),
      'utf8',
    ),
    lastNumber,
    lastNumberSequence,
  ];
}
