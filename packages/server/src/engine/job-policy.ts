import type { Alarm } from './alarm-heap.ts';
import type { DeathReason } from './dead-set.ts';
import type { DedupRules } from './dedup.ts';
import type { Job } from './job.ts';
import type { KeepRules } from './results.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** What is said of the jobs of a function, or of one job, beyond the protocol. */
export interface JobRules {
  readonly retry?: RetryPolicy | undefined;
  /** How long a job may wait for its first run, from the moment from which it may run. */
  readonly ttlMs?: number | undefined;
  /** A background job that fails for good goes on as a job of this function. A byte string. */
  readonly deadLetterTo?: string | undefined;
  /** Its result is kept when it is over. */
  readonly keepResult?: KeepRules | undefined;
  /** Which submits of it are the same. */
  readonly dedup?: DedupRules | undefined;
}

/** What is said of the jobs of a function, by its name. */
export type RulesOf = (functionName: string) => JobRules | undefined;

/** What one submit says; it counts before what the function says. */
export interface OwnRules extends JobRules {
  /** When the job must have begun, in milliseconds since 1970. */
  readonly deadlineMs?: number | undefined;
}

/** Which job a dead letter was, and why it died. */
export interface Origin {
  readonly functionName: string;
  readonly handle: string;
  readonly reason: DeathReason;
  /** What the worker said of the failure. A byte string. */
  readonly detail: string;
  readonly attempts: number;
}

/** What holds for one job, and when it expires. */
export class JobPolicy {
  readonly rules: OwnRules;
  /** What its submit said, which has to outlive a restart; that of its function is there anyway. */
  readonly #own: OwnRules | undefined;
  /** Set for a dead letter. */
  readonly origin: Origin | undefined;
  /** After this moment it must not begin, in milliseconds since 1970. */
  expiresAtMs: number | undefined;
  /** Goes off when it expires; only while it waits. */
  expiry: Alarm<Job> | undefined = undefined;
  /** The job that this one takes the place of in the store, once it is stored itself. */
  replaces: Job | undefined = undefined;

  private constructor(
    rules: OwnRules,
    own: OwnRules | undefined,
    origin: Origin | undefined,
    expiresAtMs: number | undefined,
  ) {
    this.rules = rules;
    this.#own = own;
    this.origin = origin;
    this.expiresAtMs = expiresAtMs;
  }

  /**
   * The policy of a new job; undefined when nothing is said of it.
   *
   * @param startMs from when on it may run
   */
  static of(
    ofFunction: JobRules | undefined,
    own: OwnRules | undefined,
    startMs: number,
    origin?: Origin,
  ): JobPolicy | undefined {
    if (ofFunction === undefined && own === undefined && origin === undefined) return undefined;
    const rules = { ...ofFunction, ...own };
    const ttlAt = rules.ttlMs === undefined ? Number.POSITIVE_INFINITY : startMs + rules.ttlMs;
    const expiresAtMs = Math.min(ttlAt, rules.deadlineMs ?? Number.POSITIVE_INFINITY);
    return new JobPolicy(rules, own, origin, Number.isFinite(expiresAtMs) ? expiresAtMs : undefined);
  }

  /** The policy of a job of an earlier server. @param extra what {@link toExtra} gave */
  static restore(ofFunction: JobRules | undefined, extra: string): JobPolicy | undefined {
    const { own, origin, expiresAtMs } = readExtra(extra);
    if (ofFunction === undefined && own === undefined && origin === undefined && expiresAtMs === undefined)
      return undefined;
    return new JobPolicy({ ...ofFunction, ...own }, own, origin, expiresAtMs);
  }

  /** The policy of a dead job that lives again: it has all the time that it had at first, and no deadline. */
  static revive(ofFunction: JobRules | undefined, extra: string, now: number): JobPolicy | undefined {
    const { own, origin } = readExtra(extra);
    const { deadlineMs: _, ...rest } = own ?? {};
    return JobPolicy.of(ofFunction, own === undefined ? undefined : rest, now, origin);
  }

  /** It has begun: only a deadline still counts. */
  begun(): void {
    this.expiresAtMs = this.rules.deadlineMs;
  }

  /** What a store keeps of it. @param isDead when it expires does not matter any more */
  toExtra(isDead = false): string {
    const { origin } = this;
    const expiresAtMs = isDead ? undefined : this.expiresAtMs;
    if (this.#own === undefined && origin === undefined && expiresAtMs === undefined) return '';
    return JSON.stringify({ own: this.#own, origin, expiresAtMs } satisfies Extra);
  }
}

/** What this module writes into {@link StoredJob.extra}, and nobody else. */
interface Extra {
  readonly own?: OwnRules | undefined;
  readonly origin?: Origin | undefined;
  readonly expiresAtMs?: number | undefined;
}

function readExtra(extra: string): Extra {
  if (extra === '') return {};
  try {
    return JSON.parse(extra) as Extra;
  } catch {
    // Of a server that kept something else there: the job counts, not what was said about it.
    return {};
  }
}
