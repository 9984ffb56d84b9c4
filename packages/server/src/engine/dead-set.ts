import type { StoredChange, StoredJob } from '../store/store.ts';
import type { Priority } from './job.ts';
import { type Payload, payloadSizeBytes, releasePayload, retainPayload } from './payload.ts';

/** What became of the last attempt at a job. */
export type DeathReason = 'fail' | 'exception' | 'timeout' | 'worker-lost' | 'function-withdrawn' | 'expired';

/** A background job that failed for good, kept to be looked at. */
export interface DeadJob {
  readonly number: number;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly priority: Priority;
  readonly reducer: string | undefined;
  readonly reason: DeathReason;
  /** What the worker said, as a byte string of at most {@link MAX_DETAIL_BYTES}. */
  readonly detail: string;
  readonly attempts: number;
  readonly diedAtMs: number;
  /** Undefined where a store has it. */
  readonly payload: Payload | undefined;
  /** What the store had to say of it while it lived. */
  readonly extra: string;
}

/** How many dead jobs are kept, and for how long; the oldest go first. */
export interface DeadLimits {
  readonly maxAgeMs: number;
  readonly max: number;
  /** Of what they take in memory. */
  readonly maxBytes: number;
}

export const MAX_DETAIL_BYTES = 1024;
/** What a record costs beside its texts and its payload, about. */
const RECORD_BYTES = 300;

/** Dead jobs by number, in the order in which they died. */
export class DeadSet {
  readonly #limits: DeadLimits;
  readonly #jobs = new Map<number, DeadJob>();
  #sizeBytes = 0;

  constructor(limits: DeadLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(number: number): DeadJob | undefined {
    return this.#jobs.get(number);
  }

  values(): IterableIterator<DeadJob> {
    return this.#jobs.values();
  }

  add(job: DeadJob): void {
    this.#jobs.set(job.number, job);
    if (job.payload !== undefined) retainPayload(job.payload);
    this.#sizeBytes += sizeOf(job);
  }

  delete(number: number): DeadJob | undefined {
    const job = this.#jobs.get(number);
    if (job === undefined) return undefined;
    this.#jobs.delete(number);
    if (job.payload !== undefined) releasePayload(job.payload);
    this.#sizeBytes -= sizeOf(job);
    return job;
  }

  /** Those of an earlier server come in another order than they died in. */
  sort(): void {
    const inOrder = [...this.#jobs.values()].sort((a, b) => a.diedAtMs - b.diedAtMs);
    this.#jobs.clear();
    for (const job of inOrder) this.#jobs.set(job.number, job);
  }

  /** When the next one is too old; undefined when there is none. */
  get nextAtMs(): number | undefined {
    const oldest = this.#oldest();
    return oldest === undefined ? undefined : oldest.diedAtMs + this.#limits.maxAgeMs;
  }

  /** Takes out one that is too old or too many. */
  takeSurplus(now: number): DeadJob | undefined {
    const oldest = this.#oldest();
    if (oldest === undefined) return undefined;
    const { max, maxBytes, maxAgeMs } = this.#limits;
    const isSurplus =
      this.#jobs.size > max || this.#sizeBytes > maxBytes || oldest.diedAtMs + maxAgeMs <= now;
    return isSurplus ? this.delete(oldest.number) : undefined;
  }

  #oldest(): DeadJob | undefined {
    return this.#jobs.values().next().value;
  }
}

function sizeOf({ functionName, uniqueId, detail, payload, extra }: DeadJob): number {
  const payloadBytes = payload === undefined ? 0 : payloadSizeBytes(payload);
  return RECORD_BYTES + functionName.length + uniqueId.length + detail.length + extra.length + payloadBytes;
}

/** What a store keeps of a dead job beside the job. */
interface DeathNote {
  readonly dead: { readonly reason: DeathReason; readonly detail: string; readonly diedAtMs: number };
  readonly extra: string;
}

export function toStoredChange({ number, attempts, reason, detail, diedAtMs, extra }: DeadJob): StoredChange {
  const note: DeathNote = { dead: { reason, detail, diedAtMs }, extra };
  return { number, runAtMs: 0, attempts, state: 'dead', extra: JSON.stringify(note) };
}

/** A dead job of an earlier server, without its payload. */
export function fromStored(stored: StoredJob, now: number): DeadJob {
  const { dead, extra } = readNote(stored.extra, now);
  const { number, functionName, uniqueId, priority, reducer, attempts } = stored;
  return { number, functionName, uniqueId, priority, reducer, attempts, payload: undefined, extra, ...dead };
}

function readNote(extra: string, now: number): DeathNote {
  try {
    const note = JSON.parse(extra) as Partial<DeathNote> | null;
    if (note?.dead !== undefined) return { dead: note.dead, extra: note.extra ?? '' };
  } catch {
    // Something else stands there.
  }
  return { dead: { reason: 'fail', detail: '', diedAtMs: now }, extra: '' };
}
