import { latin1Slice } from '@gearman/protocol';
import type { StoredJob } from '@gearman/server';
import type { Asked, Talk } from './recorded-talk.ts';

interface Acknowledged {
  readonly at: number;
  readonly number: number;
  readonly asked: Asked;
}

/** What a server had promised at each moment of a recording. */
export class Promises {
  readonly #acknowledged: readonly Acknowledged[];
  /** When the server had read that a job is over. */
  readonly #endedAt = new Map<number, number>();
  /** What clients asked for, by the text that tells one from all others. */
  readonly #asked = new Map<string, Asked>();

  constructor({ asked, acknowledged, ended }: Talk) {
    this.#acknowledged = acknowledged;
    for (const { at, number } of ended) this.#endedAt.set(number, at);
    for (const each of asked) this.#asked.set(each.workload, each);
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** What is wrong with what was found after a cut. */
  brokenAt(cut: number, jobs: readonly StoredJob[]): string[] {
    const problems: string[] = [];
    const found = new Map(jobs.map((job) => [job.number, job]));
    const before = this.#acknowledged.filter(({ at }) => at < cut);
    for (const { number, asked } of before) {
      const job = found.get(number);
      if (job === undefined) {
        if ((this.#endedAt.get(number) ?? cut) >= cut) problems.push(`job ${number} is lost`);
      } else if (asked.uniqueId === '' && textOf(job) !== asked.workload) {
        problems.push(`job ${number} has the payload of another`);
      }
    }
    for (const job of jobs) if (!this.#isAskedFor(job)) problems.push(`job ${job.number} is altered`);
    // An end was recorded in the commit of a new job that was asked for after the end was read, or before that.
    let recordedUpTo = 0;
    for (const { asked } of before)
      if (asked.uniqueId === '') recordedUpTo = Math.max(recordedUpTo, asked.readAt);
    for (const [number, at] of this.#endedAt) {
      if (at < recordedUpTo && found.has(number))
        problems.push(`job ${number} was over for good, and is back`);
    }
    return problems;
  }

  #isAskedFor(job: StoredJob): boolean {
    const asked = this.#asked.get(textOf(job));
    return (
      asked !== undefined &&
      asked.functionName === job.functionName &&
      asked.uniqueId === job.uniqueId &&
      asked.priority === job.priority &&
      asked.runAtMs === job.runAtMs
    );
  }
}

function textOf({ payload }: StoredJob): string {
  return latin1Slice(payload, 0, payload.length);
}
