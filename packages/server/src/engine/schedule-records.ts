import {
  definitionFromText,
  definitionToText,
  progressFromText,
  progressToText,
  type ScheduleDefinition,
  type ScheduleProgress,
} from '../schedules/definition.ts';
import type { Commit, Ledger } from './ledger.ts';
import type { Schedule } from './schedule.ts';

const DEFINITION_SETTING = 'schedule:';
const PROGRESS_SETTING = 'schedule-progress:';

/** What is to be settled with a commit: that there is a schedule of this definition, or that it has run. */
export interface Unsettled {
  readonly what: 'definition' | 'run';
  readonly schedule: Schedule;
  readonly definition: ScheduleDefinition;
  /** How far the schedule was before. */
  readonly before: ScheduleProgress;
}

/** What a setting of an earlier server says about the schedule of a number. */
export type ScheduleRecord = { readonly number: string } & (
  | { readonly handle: string; readonly definition: ScheduleDefinition }
  | { readonly progress: ScheduleProgress }
);

/** Schedules as settings of the store: what they say, and how far they are, apart from each other. */
export class ScheduleRecords {
  readonly #ledger: Ledger | undefined;
  readonly #unsettled = new Map<Commit, Unsettled[]>();

  constructor(ledger: Ledger | undefined) {
    this.#ledger = ledger;
  }

  /** Reads a setting; undefined for one that is about something else. @throws when it is not understood */
  read(key: string, value: string): ScheduleRecord | undefined {
    if (key.startsWith(DEFINITION_SETTING))
      return { number: key.slice(DEFINITION_SETTING.length), ...definitionFromText(value) };
    if (key.startsWith(PROGRESS_SETTING))
      return { number: key.slice(PROGRESS_SETTING.length), progress: progressFromText(value) };
    return undefined;
  }

  /** A schedule is to be kept, or to be something else. */
  define(schedule: Schedule, before: ScheduleProgress): void {
    this.redefine(schedule);
    const commit = this.note(schedule);
    if (commit === undefined) schedule.durable = schedule.definition;
    else this.#await(commit, 'definition', schedule, before);
  }

  redefine({ number, handle, definition }: Schedule): void {
    this.#ledger?.set(DEFINITION_SETTING + number, definitionToText(handle, definition));
  }

  /** How far it is. @returns what makes that durable */
  note({ number, progress }: Schedule): Commit | undefined {
    return this.#ledger?.setTogether(PROGRESS_SETTING + number, progressToText(progress));
  }

  /** It has submitted jobs; the note of that is durable with them, or not at all. */
  noteRun(schedule: Schedule, before: ScheduleProgress): void {
    const commit = this.note(schedule);
    if (commit !== undefined) this.#await(commit, 'run', schedule, before);
  }

  remove({ number }: Schedule): void {
    this.#ledger?.set(DEFINITION_SETTING + number, undefined);
    this.#ledger?.set(PROGRESS_SETTING + number, undefined);
  }

  /** What is settled with a commit, and of which nobody has to wait any more; what came last is the first. */
  take(commit: Commit): Unsettled[] {
    const unsettled = this.#unsettled.get(commit)?.reverse() ?? [];
    this.#unsettled.delete(commit);
    for (const { schedule } of unsettled) if (schedule.commit === commit) schedule.commit = undefined;
    return unsettled;
  }

  #await(commit: Commit, what: Unsettled['what'], schedule: Schedule, before: ScheduleProgress): void {
    schedule.commit = commit;
    const unsettled = { what, schedule, definition: schedule.definition, before };
    const others = this.#unsettled.get(commit);
    if (others === undefined) this.#unsettled.set(commit, [unsettled]);
    else others.push(unsettled);
  }
}
