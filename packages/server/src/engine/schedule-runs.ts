import type { JobSource } from './job-source.ts';
import { payloadBytes } from './payload.ts';
import type { Schedule } from './schedule.ts';
import type { Submitted } from './submission.ts';

/** Which runs of a schedule are due: those of `instants`; with them, all up to `untilMs` have had their turn. */
export interface DueRuns {
  /** The oldest first. */
  readonly instants: readonly number[];
  readonly untilMs: number;
}

/** A run that is later than this was missed: longer than the wall clock is not looked at, see `JobTimers`. */
const MISSED_AFTER_MS = 60_000;
/** Most runs that `catchUp: 'all'` makes up for, the latest ones, and how many of them are looked for at a time. */
export const MOST_CAUGHT_UP = 1000;
const GATHERED_AT_ONCE = 50;
const MAX_UNIQUE_BYTES = 64;

/** Works out which runs are due, and makes jobs of them. */
export class ScheduleRuns {
  readonly #jobs: JobSource;

  constructor(jobs: JobSource) {
    this.#jobs = jobs;
  }

  /** @returns undefined while it is not known yet: call it again */
  due(schedule: Schedule, nowMs: number): DueRuns | undefined {
    const { nextMs: first = nowMs, definition } = schedule;
    const { catchUp } = definition;
    const second = schedule.following(first);
    if (catchUp === 'all' && second !== undefined && second <= nowMs) return this.#gather(schedule, nowMs);
    const last = second === undefined || second > nowMs ? first : this.#latest(schedule, first, nowMs);
    const isMissed = nowMs - last > MISSED_AFTER_MS + definition.jitterMs;
    return { instants: catchUp === 'none' && isMissed ? [] : [last], untilMs: last };
  }

  /** Makes the job of one run. @returns undefined when that of an earlier run is still there, and may stay */
  submit(schedule: Schedule, atMs: number): Submitted | undefined {
    const { functionName, payload, priority, overlap } = schedule.definition;
    const workload = payloadBytes(payload);
    const uniqueId = overlap === 'allow' ? ownId(schedule, atMs) : schedule.jobUniqueId;
    const twin = this.#jobs.twinOf(functionName, uniqueId, workload);
    if (twin !== undefined && overlap !== 'replace') return undefined;
    if (twin !== undefined) this.#jobs.cancel(twin);
    return this.#jobs.submit({
      ...{ functionName, uniqueId, workload, priority },
      ...{ background: true, runAtMs: 0, reducer: undefined },
    });
  }

  /** The last instant up to now: the first one when no other lies within the bounds of the schedule. */
  #latest({ timetable, definition }: Schedule, first: number, nowMs: number): number {
    const [last = first] = timetable.latest(Math.min(nowMs, definition.endAtMs ?? nowMs), 1);
    return Math.max(first, last);
  }

  /** Looks for what was missed a few instants at a time: others want something, too. */
  #gather(schedule: Schedule, nowMs: number): DueRuns | undefined {
    const { timetable, definition, nextMs: first = nowMs } = schedule;
    const missed = schedule.missed ?? [];
    const oldest = missed.at(-1);
    const before = oldest === undefined ? Math.min(nowMs, definition.endAtMs ?? nowMs) : oldest - 1;
    const more = timetable.latest(before, GATHERED_AT_ONCE).filter((instant) => instant >= first);
    missed.push(...more);
    if (more.length === GATHERED_AT_ONCE && missed.length < MOST_CAUGHT_UP) {
      schedule.missed = missed;
      return undefined;
    }
    schedule.missed = undefined;
    return { instants: missed.reverse(), untilMs: missed.at(-1) ?? first };
  }
}

/** The unique id of a run that stands alone: its worker can tell from it when it sees a run again. */
function ownId({ handle }: Schedule, atMs: number): string {
  const id = `${handle}@${atMs / 1000}`;
  return id.length <= MAX_UNIQUE_BYTES ? id : '';
}
