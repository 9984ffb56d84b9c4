import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';
import type { Latencies } from './cell.ts';

const HOUR_NS = 3_600_000_000_000;
const DIGITS = 3;

/** Latencies of several runs together. */
export function histogramOf(runs: readonly Latencies[]): Histogram {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HOUR_NS,
    numberOfSignificantValueDigits: DIGITS,
    bitBucketSize: 'packed',
  });
  for (const [ns, jobs] of runs.flat()) histogram.recordValueWithCount(Math.max(1, Math.round(ns)), jobs);
  return histogram;
}

/** What tables show of latencies, in microseconds. */
export interface Percentiles {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export function percentilesOf(histogram: Histogram): Percentiles {
  const at = (percent: number): number => histogram.getValueAtPercentile(percent) / 1000;
  return { p50Us: at(50), p90Us: at(90), p99Us: at(99), p999Us: at(99.9), maxUs: histogram.maxValue / 1000 };
}

/** As HdrHistogram's own tools read it. */
export const encode = encodeIntoCompressedBase64;
export const decode = decodeFromCompressedBase64;

/** Latencies in milliseconds, as pairs. */
export function latenciesOf(milliseconds: Iterable<number>): Latencies {
  const counts = new Map<number, number>();
  for (const ms of milliseconds) {
    // A microsecond is as exact as a process that waits for its turn can be.
    const ns = Math.round(ms * 1000) * 1000;
    counts.set(ns, (counts.get(ns) ?? 0) + 1);
  }
  return [...counts];
}
