import { latin1Slice } from '@gearman/protocol';
import type { StoredJob } from '../store/store.ts';
import {
  type DeadJob,
  type DeadLimits,
  DeadSet,
  type DeathReason,
  fromStored,
  MAX_DETAIL_BYTES,
  toStoredChange,
} from './dead-set.ts';
import type { GearmanFunction } from './gearman-function.ts';
import { Job } from './job.ts';
import { JobPolicy, type Origin } from './job-policy.ts';
import { findParkedTwin, findTwin, type JobTable } from './job-table.ts';
import { isOver, type Ledger } from './ledger.ts';
import { type Payload, payloadSizeBytes } from './payload.ts';
import { PayloadFile } from './payload-file.ts';

/** What {@link Afterlife} needs. */
export interface AfterlifeParts {
  /** Undefined: dead jobs are not kept. */
  readonly limits: DeadLimits | undefined;
  readonly jobs: JobTable;
  readonly ledger: Ledger | undefined;
  readonly now: () => number;
  /** Whether there is room for one more job with such a payload. */
  readonly hasRoom: (payloadBytes: number) => boolean;
  /** The function of a dead letter, however many there are. */
  readonly useFunction: (name: string) => GearmanFunction;
  /** A dead letter enters as a new job. */
  readonly admit: (job: Job) => void;
  /** A dead job enters as itself. */
  readonly revive: (job: Job) => void;
}

/** Where a background job went that failed for good. */
export type Fate = 'dead' | 'moved';

/** What becomes of background jobs that have failed for good: they go on as jobs of another function, or stay to be looked at. */
export class Afterlife {
  readonly #parts: AfterlifeParts;
  readonly #dead: DeadSet | undefined;
  /** Dead jobs since the start that had to go for newer ones or were too old. */
  dropped = 0;
  /** Told when some had to go. Must not call back into the engine. */
  onDropped: (() => void) | undefined;

  constructor(parts: AfterlifeParts) {
    this.#parts = parts;
    this.#dead = parts.limits === undefined ? undefined : new DeadSet(parts.limits);
  }

  /** Undefined when dead jobs are not kept. */
  get dead(): DeadSet | undefined {
    return this.#dead;
  }

  /** Where a job would go if it failed for good. */
  fateOf({ background, policy, fn }: Job): Fate | undefined {
    if (!background) return undefined;
    // A dead letter does not die twice: two functions might send it to and fro.
    const target = policy?.origin === undefined ? policy?.rules.deadLetterTo : undefined;
    if (target !== undefined && target !== fn.name) return 'moved';
    return this.#dead === undefined ? undefined : 'dead';
  }

  /** Takes over a job that has left everything else behind, and what the ledger is to know of its end. */
  receive(job: Job, fate: Fate, reason: DeathReason, said: Uint8Array | undefined): void {
    const detail = said === undefined ? '' : beginningOf(said);
    this.#parts.ledger?.forgetChanges(job);
    if (fate === 'moved') this.#move(job, reason, detail);
    else this.#bury(toDead(job, reason, detail, this.#parts.now()));
  }

  /** The store has a dead letter: what it takes the place of may go. */
  moved({ policy, payload }: Job): void {
    // A file may be that of the job it replaces, which the store removes with that.
    if (policy?.replaces !== undefined && !(payload instanceof PayloadFile)) this.settleMove(policy);
  }

  /** A dead letter, or the job that it replaces, is not needed any more. */
  settleMove(policy: JobPolicy): void {
    if (policy.replaces === undefined) return;
    this.#parts.ledger?.doneNumber(policy.replaces.number);
    policy.replaces = undefined;
  }

  /** The store did not take a job, so that it cannot be among its dead either. */
  notStored(job: Job): void {
    if (isOver(job)) this.#dead?.delete(job.number);
    else if (job.policy?.replaces !== undefined && this.#dead !== undefined) this.#notMoved(job);
  }

  /** A dead job of an earlier server. */
  restore(stored: StoredJob): void {
    this.#dead?.add(fromStored(stored, this.#parts.now()));
  }

  /** All of an earlier server have come. */
  restored(): void {
    this.#dead?.sort();
    this.purge();
  }

  /**
   * A dead job lives again, as if it had just been submitted.
   *
   * @param payload where a store has it
   * @returns false when there is none of this number, a job with its unique id, or no room for more jobs
   */
  requeue(number: number, payload: Payload | undefined): boolean {
    const dead = this.#dead?.get(number);
    const bytes = dead?.payload ?? payload;
    const { ledger, hasRoom, useFunction, revive, now } = this.#parts;
    if (dead === undefined || bytes === undefined || !hasRoom(payloadSizeBytes(bytes))) return false;
    const fn = useFunction(dead.functionName);
    if (findTwin(fn, dead.uniqueId, bytes) !== undefined) return false;
    if (findParkedTwin(this.#parts.jobs, fn, dead.uniqueId, bytes) > 0) return false;
    const job = new Job(number, fn, dead.uniqueId, bytes, dead.priority, true, dead.reducer);
    job.policy = JobPolicy.revive(fn.rules, dead.extra, now());
    if (ledger !== undefined) job.commit = 'stored';
    revive(job);
    // Not before: its payload may lie in a file that is removed with the last who needs it.
    this.#dead?.delete(number);
    return true;
  }

  /** @returns false when there is none */
  delete(number: number): boolean {
    if (this.#dead?.delete(number) === undefined) return false;
    this.#parts.ledger?.doneNumber(number);
    return true;
  }

  get nextAtMs(): number | undefined {
    return this.#dead?.nextAtMs;
  }

  /** Those that are too old or too many go. */
  purge(): void {
    const before = this.dropped;
    const now = this.#parts.now();
    for (let old = this.#dead?.takeSurplus(now); old !== undefined; old = this.#dead?.takeSurplus(now)) {
      this.#parts.ledger?.doneNumber(old.number);
      this.dropped++;
    }
    if (this.dropped > before) this.onDropped?.();
  }

  #bury(dead: DeadJob): void {
    if (dead.payload === undefined) this.#parts.ledger?.bury(toStoredChange(dead));
    this.#dead?.add(dead);
    this.purge();
  }

  /** The store did not take a dead letter: what it should replace is there, and is kept as dead if such are kept. */
  #notMoved({ policy, uniqueId, priority, reducer }: Job): void {
    const { origin, replaces } = policy ?? {};
    if (origin === undefined || replaces === undefined || !isStored(replaces)) return;
    const { number, fn, retries: attempts } = replaces;
    this.#bury({
      ...{ number, functionName: fn.name, uniqueId, priority, reducer, attempts },
      ...{
        reason: origin.reason,
        detail: origin.detail,
        diedAtMs: this.#parts.now(),
        payload: undefined,
        extra: '',
      },
    });
  }

  #move(job: Job, reason: DeathReason, detail: string): void {
    const { jobs, useFunction, admit, now } = this.#parts;
    const { fn, policy, priority, reducer, uniqueId, payload, retries } = job;
    const origin: Origin = {
      functionName: fn.name,
      handle: jobs.handleOf(job),
      reason,
      detail,
      attempts: retries,
    };
    const target = useFunction(policy?.rules.deadLetterTo ?? '');
    const letter = new Job(jobs.takeNumber(), target, uniqueId, payload, priority, true, reducer);
    letter.policy = JobPolicy.of(target.rules, undefined, now(), origin);
    if (job.commit !== undefined && letter.policy !== undefined) letter.policy.replaces = job;
    admit(letter);
  }
}

/** What was to become durable when the job ended may have been refused since. */
function isStored({ commit }: Job): boolean {
  return commit === 'stored' || (typeof commit === 'object' && commit.outcome === 'stored');
}

/** As much as is kept; not cut within a character of UTF-8. */
function beginningOf(said: Uint8Array): string {
  let end = Math.min(said.length, MAX_DETAIL_BYTES);
  while (end > 0 && end < said.length && ((said[end] ?? 0) & 0xc0) === 0x80) end--;
  return latin1Slice(said, 0, end);
}

function toDead(job: Job, reason: DeathReason, detail: string, now: number): DeadJob {
  const { number, fn, uniqueId, priority, reducer, retries, payload, policy, commit } = job;
  return {
    ...{ number, functionName: fn.name, uniqueId, priority, reducer, reason, detail },
    ...{ attempts: retries, diedAtMs: now, extra: policy?.toExtra(true) ?? '' },
    payload: commit === undefined ? payload : undefined,
  };
}
