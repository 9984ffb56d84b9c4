import type { ProcessFigures } from './messages.ts';

/** When a process is replaced by a new one: see the option `recycle`. */
export interface RecycleSettings {
  readonly maxAgeMs: number | undefined;
  readonly maxJobs: number | undefined;
  readonly maxMemoryBytes: number | undefined;
  readonly splay: number;
}

/** Why a process is replaced. */
export type RecycleReason = 'age' | 'jobs' | 'memory';

/** The limits of one process: drawn for each, so that processes that started together are not replaced together. */
export class RecycleLimits {
  readonly maxAgeMs: number | undefined;
  readonly #maxJobs: number;
  readonly #maxMemoryBytes: number;

  /** @param random from 0 up to 1 */
  constructor({ maxAgeMs, maxJobs, maxMemoryBytes, splay }: RecycleSettings, random: number) {
    const share = 1 - splay * random;
    this.maxAgeMs = maxAgeMs === undefined ? undefined : maxAgeMs * share;
    this.#maxJobs =
      maxJobs === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.round(maxJobs * share));
    // Memory is not drawn: what grows does so at its own pace.
    this.#maxMemoryBytes = maxMemoryBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Why a process with these figures is due; undefined while it is not. */
  reason({ jobs, memoryBytes }: ProcessFigures): RecycleReason | undefined {
    if (jobs >= this.#maxJobs) return 'jobs';
    return memoryBytes >= this.#maxMemoryBytes ? 'memory' : undefined;
  }
}
