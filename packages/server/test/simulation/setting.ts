import type { Priority } from '../../src/engine/job.ts';
import type { JobRules } from '../../src/engine/job-policy.ts';
import type { PeerPort } from '../../src/engine/peer.ts';

export const FUNCTIONS = ['resize', 'mail', 'import'];
export const LETTERS = 'letters';
export const ATTEMPTS = 3;
export const BACKOFF = { type: 'exponential', delayMs: 300, factor: 4, maxMs: 3000, jitter: 0.5 } as const;
/** Those of `mail` are tried again, those of `import` go on as letters, those of `resize` are as without rules. */
export const RULES: Readonly<Record<string, JobRules>> = {
  mail: { retry: { attempts: ATTEMPTS, backoff: BACKOFF, on: ['fail', 'exception', 'timeout', 'lost'] } },
  import: { deadLetterTo: LETTERS },
  [LETTERS]: { ttlMs: 8000 },
};
export const PRIORITIES: readonly Priority[] = [0, 1, 2];
export const FULL = new Error('the disk is full');
/** Past which jobs are parked and submits refused, by turns: from more than jobs ever take to so little that nearly all are parked. */
export const MEMORIES = [
  { parkAboveBytes: 1e6, maxMemoryBytes: 1e6 },
  { parkAboveBytes: 3000, maxMemoryBytes: 60_000 },
  { parkAboveBytes: 0, maxMemoryBytes: 200_000 },
  { parkAboveBytes: undefined, maxMemoryBytes: 7000 },
] as const;
export const SILENT: PeerPort = {
  noop() {},
  data() {},
  warning() {},
  status() {},
  complete() {},
  fail() {},
  exception() {},
  settled() {},
};

/** Random numbers from 0 to 1 that a seed gives again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
