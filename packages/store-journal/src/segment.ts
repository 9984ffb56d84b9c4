import type { DiskFile } from './disk.ts';
import type { SegmentKey } from './record-format.ts';

/** A segment that belongs to the journal. */
export interface Segment {
  readonly number: number;
  readonly key: SegmentKey;
  readonly path: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
  /** Where the next record goes. */
  end: number;
  /** What its records of live jobs take, in bytes. */
  liveBytes: number;
  /** How many settings were last written here. */
  settings: number;
  /** Part of it cannot be read: what is left moves to another segment soon. */
  isDamaged: boolean;
}

const DIGITS = 12;

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(DIGITS, '0')}`;
}

export function isSegmentName(name: string): boolean {
  return /^segment-\d{12}$/.test(name);
}

export function isSpareName(name: string): boolean {
  return /^spare-[0-9a-f]{16}$/.test(name);
}
