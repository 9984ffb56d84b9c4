import { MAX_FUNCTION_NAME_BYTES, MAX_UNIQUE_ID_BYTES } from '@gearman/protocol';
import { isSameDefinition, type ScheduleDefinition, type ScheduleProgress } from '../schedules/definition.ts';
import { Timetables } from '../schedules/timetable.ts';
import type { Effort } from './effort.ts';
import type { JobSource } from './job-source.ts';
import { type EngineClock, LONGEST_WALL_WAIT_MS } from './job-timers.ts';
import type { Commit, Ledger } from './ledger.ts';
import { Schedule, scheduleSizeBytes } from './schedule.ts';
import { ScheduleRecords, type Unsettled } from './schedule-records.ts';
import { ScheduleRuns } from './schedule-runs.ts';
import { ScheduleTable } from './schedule-table.ts';
import type { SubmitRefusal } from './submission.ts';

/** What {@link Schedules} heeds. */
export interface SchedulesOptions {
  readonly clock: EngineClock;
  readonly ledger?: Ledger | undefined;
  readonly maxSchedules: number;
  readonly maxScheduleBytes: number;
  /** The zone of schedules that name none; undefined: that of the process. */
  readonly timeZone?: string | undefined;
}

/** Why there is no new schedule. */
export type ScheduleRefusal =
  | 'unique-too-large'
  | 'function-too-large'
  | 'schedule-too-large'
  | 'too-many-schedules'
  | 'memory-full'
  | 'shutting-down'
  /** What is wrong with the definition. */
  | { readonly problem: string };

/** How a run that an administrator asked for went. */
export type RunOutcome = 'submitted' | 'overlaps' | SubmitRefusal;

/** How long a run waits whose job was refused, or was not stored. */
const RETRY_MS = 5000;
/** What it costs to read a cron line and look for its next run: half a millisecond, and five for one that never comes. */
const STEPS_TO_READ = 50_000;
const STEPS_TO_FIND_NOTHING = 500_000;
/** Runs that are submitted before others have their turn; to find when the next one is takes 0.1 ms and more. */
const RUNS_PER_SLICE = 50;
/** With `S:` and twelve digits a handle stays within its 63 bytes. */
const LONGEST_NAME = 49;
/** A clock that goes back further than this was wrong before: what it said is not counted. */
const LARGEST_STEP_BACK_MS = 86_400_000;

/** Recurring jobs: each has its alarm, and each run submits an ordinary background job. */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #jobs: JobSource;
  readonly #effort: Effort;
  readonly #timetables: Timetables;
  readonly #records: ScheduleRecords;
  readonly #runs: ScheduleRuns;
  readonly #table = new ScheduleTable();
  /** Of an earlier server, by number: schedules, and progress that came before its schedule. */
  readonly #restored = new Map<string, Schedule | ScheduleProgress>();
  /** The latest that the clock has said. */
  #latestMs = 0;
  #isHeld = false;

  constructor(options: SchedulesOptions, jobs: JobSource, effort: Effort) {
    this.#options = options;
    this.#jobs = jobs;
    this.#effort = effort;
    this.#timetables = new Timetables(options.timeZone);
    this.#records = new ScheduleRecords(options.ledger);
    this.#runs = new ScheduleRuns(jobs);
  }

  get size(): number {
    return this.#table.size;
  }

  values(): IterableIterator<Schedule> {
    return this.#table.values();
  }

  /** The zone of schedules that name none. */
  get timeZone(): string {
    return this.#timetables.timeZone;
  }

  // Commands

  /** Makes a schedule, or gives the one with the same function and unique id this definition. */
  submit(definition: ScheduleDefinition): Schedule | ScheduleRefusal {
    this.#effort.steps += STEPS_TO_READ;
    const twin = this.#table.twinOf(definition);
    const refusal = this.#check(definition, twin);
    if (refusal !== undefined) return refusal;
    if (twin !== undefined && isSameDefinition(twin.definition, definition)) return twin;
    const timetable = this.#timetables.of(definition);
    const doneUntilMs = this.#now();
    const progress = { doneUntilMs, runs: 0, lastRunMs: 0, paused: twin?.progress.paused ?? false };
    const number = twin?.number ?? this.#jobs.takeNumber();
    const handle = twin?.handle ?? toScheduleHandle(this.#jobs.handlePrefix, number);
    const wanted = new Schedule(number, handle, definition, timetable, progress);
    if (wanted.following(doneUntilMs) === undefined) {
      this.#effort.steps += STEPS_TO_FIND_NOTHING;
      return { problem: 'it never comes' };
    }
    if (twin === undefined) this.#add(wanted);
    else this.#redefine(twin, definition);
    const schedule = twin ?? wanted;
    const before = schedule.progress;
    schedule.progress = progress;
    this.#records.define(schedule, before);
    this.#arm(schedule);
    return schedule;
  }

  get(handle: string): Schedule | undefined {
    return this.#table.get(handle);
  }

  /** Ends a schedule; jobs that it has submitted stay. @returns false when there is none */
  cancel(handle: string): boolean {
    const schedule = this.#table.get(handle);
    if (schedule === undefined) return false;
    this.#remove(schedule);
    return true;
  }

  /** What has to be durable before anybody is told of a schedule; undefined if it is. */
  commitOf(schedule: Schedule): Commit | undefined {
    return schedule.durable === schedule.definition ? undefined : schedule.commit;
  }

  /** Lets a schedule rest. @returns false when there is none */
  pause(handle: string): boolean {
    const schedule = this.#table.get(handle);
    if (schedule === undefined) return false;
    if (!schedule.progress.paused) this.#progressed(schedule, { ...schedule.progress, paused: true });
    this.#arm(schedule);
    return true;
  }

  /** Lets it go on; what was missed meanwhile is not made up for. @returns false when there is none */
  resume(handle: string): boolean {
    const schedule = this.#table.get(handle);
    if (schedule === undefined) return false;
    const { progress } = schedule;
    if (progress.paused) {
      const doneUntilMs = Math.max(progress.doneUntilMs, this.#now());
      this.#progressed(schedule, { ...progress, paused: false, doneUntilMs });
    }
    this.#arm(schedule);
    return true;
  }

  /** Runs it once more, now, whether it is paused or not. */
  run(handle: string): RunOutcome | 'unknown' {
    const schedule = this.#table.get(handle);
    if (schedule === undefined) return 'unknown';
    const nowMs = this.#now();
    const job = this.#runs.submit(schedule, nowMs);
    if (job === undefined) return 'overlaps';
    if (typeof job === 'string') return job;
    this.#progressed(schedule, { ...schedule.progress, lastRunMs: nowMs });
    return 'submitted';
  }

  /** From now on nothing runs: the server ends. */
  hold(): void {
    this.#isHeld = true;
  }

  // Durability

  /** A setting of an earlier server. @returns why it is not understood, or undefined */
  restore(key: string, value: string): string | undefined {
    try {
      const record = this.#records.read(key, value);
      if (record === undefined) return undefined;
      if ('progress' in record) this.#restoreProgress(record.number, record.progress);
      else this.#restore(record.number, record.handle, record.definition);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** A commit is durable now, or refused: then what was in it has not happened. */
  settle(commit: Commit): void {
    for (const each of this.#records.take(commit)) {
      const { schedule, definition } = each;
      if (schedule.removed) continue;
      if (commit.outcome instanceof Error) this.#undo(each);
      else schedule.durable = definition;
      if (!schedule.removed) this.#arm(schedule, commit.outcome instanceof Error ? RETRY_MS : 0);
    }
  }

  // Time

  /** In how many milliseconds {@link advance} has something to do; undefined for nothing. */
  nextDelayMs(): number | undefined {
    const { nextAtMs } = this.#table;
    if (nextAtMs === undefined || this.#isHeld) return undefined;
    return Math.max(0, Math.min(nextAtMs - this.#now(), LONGEST_WALL_WAIT_MS));
  }

  /** Runs what is due by now, or a slice of it. */
  advance(): void {
    if (this.#table.nextAtMs === undefined || this.#isHeld) return;
    const nowMs = this.#now();
    if (nowMs < this.#latestMs - LARGEST_STEP_BACK_MS) this.#beginAnew(nowMs);
    this.#latestMs = Math.max(this.#latestMs, nowMs);
    for (let left = RUNS_PER_SLICE; left > 0; ) {
      const schedule = this.#table.takeDue(nowMs);
      if (schedule === undefined) return;
      left -= this.#runDue(schedule, nowMs);
    }
  }

  #check(definition: ScheduleDefinition, twin: Schedule | undefined): ScheduleRefusal | undefined {
    const { ledger, maxSchedules, maxScheduleBytes } = this.#options;
    const { functionName, uniqueId, payload } = definition;
    if (uniqueId.length > MAX_UNIQUE_ID_BYTES) return 'unique-too-large';
    if (ledger !== undefined && functionName.length > MAX_FUNCTION_NAME_BYTES) return 'function-too-large';
    if (payload.length > maxScheduleBytes) return 'schedule-too-large';
    const problem = this.#timetables.problemWith(definition);
    if (problem !== undefined) return { problem };
    if (twin === undefined && this.#table.size >= maxSchedules) return 'too-many-schedules';
    return this.#jobs.refusal(scheduleSizeBytes(payload));
  }

  #restore(number: string, handle: string, definition: ScheduleDefinition): void {
    const problem = this.#timetables.problemWith(definition);
    if (problem !== undefined) throw new Error(problem);
    const progress = { doneUntilMs: this.#now(), runs: 0, lastRunMs: 0, paused: false };
    const timetable = this.#timetables.of(definition);
    const schedule = new Schedule(Number(number), handle, definition, timetable, progress);
    schedule.durable = definition;
    this.#add(schedule);
    const restored = this.#restored.get(number);
    this.#restored.set(number, schedule);
    if (restored !== undefined && !(restored instanceof Schedule)) this.#resumeAt(schedule, restored);
  }

  #restoreProgress(number: string, progress: ScheduleProgress): void {
    const schedule = this.#restored.get(number);
    if (schedule instanceof Schedule) this.#resumeAt(schedule, progress);
    else this.#restored.set(number, progress);
  }

  /** A schedule is as far as it was when an earlier server ended. */
  #resumeAt(schedule: Schedule, progress: ScheduleProgress): void {
    const nowMs = this.#now();
    const wasWrong = progress.doneUntilMs > nowMs + LARGEST_STEP_BACK_MS;
    schedule.progress = wasWrong ? { ...progress, doneUntilMs: nowMs } : progress;
    this.#arm(schedule);
  }

  #add(schedule: Schedule): void {
    this.#table.add(schedule);
    this.#jobs.reserve(this.#table.sizeBytes);
  }

  #redefine(schedule: Schedule, definition: ScheduleDefinition): void {
    this.#table.redefine(schedule, definition);
    this.#jobs.reserve(this.#table.sizeBytes);
    schedule.timetable = this.#timetables.of(definition);
    schedule.missed = undefined;
  }

  #remove(schedule: Schedule): void {
    this.#table.remove(schedule);
    this.#jobs.reserve(this.#table.sizeBytes);
    this.#records.remove(schedule);
  }

  /** Sets the alarm for the next run, if there is to be one; a schedule without any is over. */
  #arm(schedule: Schedule, notBeforeMs = 0): void {
    this.#table.disarm(schedule);
    const { progress, definition, commit } = schedule;
    const isOver = progress.runs >= (definition.limit ?? Number.POSITIVE_INFINITY);
    schedule.nextMs = isOver ? undefined : schedule.following(progress.doneUntilMs);
    // What it has done so far is not certain yet.
    if (commit !== undefined) return;
    if (schedule.nextMs === undefined) {
      this.#remove(schedule);
    } else if (!progress.paused) {
      const earliestMs = notBeforeMs === 0 ? 0 : this.#now() + notBeforeMs;
      this.#table.arm(schedule, Math.max(schedule.nextMs + schedule.delayOf(schedule.nextMs), earliestMs));
    }
  }

  /** @returns what it cost, in runs */
  #runDue(schedule: Schedule, nowMs: number): number {
    const due = this.#runs.due(schedule, nowMs);
    if (due === undefined) {
      this.#table.arm(schedule, nowMs);
      return RUNS_PER_SLICE;
    }
    const { progress, definition } = schedule;
    const left = (definition.limit ?? Number.POSITIVE_INFINITY) - progress.runs;
    let made = 0;
    let { doneUntilMs } = progress;
    for (const instant of due.instants) {
      if (made >= left) break;
      const job = this.#runs.submit(schedule, instant);
      if (typeof job === 'string') {
        this.#ran(schedule, made, doneUntilMs, nowMs);
        this.#arm(schedule, RETRY_MS);
        return made + 1;
      }
      if (job !== undefined) made++;
      doneUntilMs = instant;
    }
    this.#ran(schedule, made, due.untilMs, nowMs);
    this.#arm(schedule);
    return made + 1;
  }

  /** Notes runs that have become jobs; the note is durable with them, or not at all. */
  #ran(schedule: Schedule, made: number, doneUntilMs: number, nowMs: number): void {
    const before = schedule.progress;
    if (doneUntilMs === before.doneUntilMs) return;
    const lastRunMs = made > 0 ? nowMs : before.lastRunMs;
    schedule.progress = { ...before, doneUntilMs, runs: before.runs + made, lastRunMs };
    if (made > 0) this.#records.noteRun(schedule, before);
    else this.#records.note(schedule);
  }

  #progressed(schedule: Schedule, progress: ScheduleProgress): void {
    schedule.progress = progress;
    this.#records.note(schedule);
  }

  /** Takes back what was refused, unless somebody has redefined the schedule since: that goes with the next commit. */
  #undo({ what, schedule, definition, before }: Unsettled): void {
    if (schedule.definition !== definition) return;
    if (what === 'definition') {
      const { durable } = schedule;
      if (durable === undefined) {
        this.#remove(schedule);
        return;
      }
      this.#redefine(schedule, durable);
      this.#records.redefine(schedule);
    }
    const { doneUntilMs, runs, lastRunMs } = before;
    this.#progressed(schedule, { ...schedule.progress, doneUntilMs, runs, lastRunMs });
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** The clock was far ahead and is right now: the runs of the time between are still to come. */
  #beginAnew(nowMs: number): void {
    this.#latestMs = nowMs;
    for (const schedule of [...this.#table.values()]) {
      if (schedule.progress.doneUntilMs <= nowMs) continue;
      this.#progressed(schedule, { ...schedule.progress, doneUntilMs: nowMs });
      this.#arm(schedule);
    }
  }
}

/** `H:web1:mi8z1kq27f-17` is the handle of a job, `S:web1:mi8z1kq27f-17` that of a schedule. */
function toScheduleHandle(handlePrefix: string, number: number): string {
  const name = handlePrefix.replace(/^H:/, '');
  return `S:${name.slice(-LONGEST_NAME)}${number}`;
}
