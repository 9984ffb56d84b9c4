import type { ScheduleDefinition, ScheduleProgress } from '../schedules/definition.ts';
import type { Timetable } from '../schedules/timetable.ts';
import type { Alarm } from './alarm-heap.ts';
import type { Commit } from './ledger.ts';
import { type Payload, payloadSizeBytes } from './payload.ts';

/** What a schedule costs beside its payload, about. */
const SCHEDULE_OVERHEAD_BYTES = 1500;

/** A job that is submitted again and again. */
export class Schedule {
  readonly number: number;
  readonly handle: string;
  definition: ScheduleDefinition;
  timetable: Timetable;
  progress: ScheduleProgress;
  /** What a restart would find; undefined while it would find nothing. */
  durable: ScheduleDefinition | undefined = undefined;
  /** What has to become durable before it goes on. */
  commit: Commit | undefined = undefined;
  /** The instant of its next run; undefined while it has none ahead. */
  nextMs: number | undefined = undefined;
  alarm: Alarm<Schedule> | undefined = undefined;
  /** Instants that it has to make up for, the newest first, while they are being gathered. */
  missed: number[] | undefined = undefined;
  removed = false;
  /** The answer to the last question for what follows: it is asked more than once. */
  #asked:
    | { readonly timetable: Timetable; readonly afterMs: number; readonly next: number | undefined }
    | undefined;

  constructor(
    number: number,
    handle: string,
    definition: ScheduleDefinition,
    timetable: Timetable,
    progress: ScheduleProgress,
  ) {
    this.number = number;
    this.handle = handle;
    this.definition = definition;
    this.timetable = timetable;
    this.progress = progress;
  }

  get sizeBytes(): number {
    return scheduleSizeBytes(this.definition.payload);
  }

  /** The unique id of its jobs, under which one meets the next; without one of its own that is its handle. */
  get jobUniqueId(): string {
    return this.definition.uniqueId || this.handle;
  }

  /** The first instant after all that had their turn. */
  following(afterMs: number): number | undefined {
    const { startAtMs = 0, endAtMs = Number.POSITIVE_INFINITY } = this.definition;
    // An instant may be the very start.
    const next = this.#next(Math.max(afterMs, startAtMs - 1));
    return next === undefined || next > endAtMs ? undefined : next;
  }

  #next(afterMs: number): number | undefined {
    const { timetable } = this;
    if (this.#asked?.afterMs !== afterMs || this.#asked.timetable !== timetable) {
      this.#asked = { timetable, afterMs, next: timetable.next(afterMs) };
    }
    return this.#asked.next;
  }

  /** How much later than its instant a run is: the same whenever one asks, and never as late as the instant after. */
  delayOf(instantMs: number): number {
    const { jitterMs } = this.definition;
    if (jitterMs === 0) return 0;
    const gapMs = (this.following(instantMs) ?? Number.POSITIVE_INFINITY) - instantMs;
    return Math.floor(spread(this.number, instantMs) * Math.min(jitterMs, gapMs));
  }
}

/** What a schedule with this payload takes, about. */
export function scheduleSizeBytes(payload: Payload): number {
  return SCHEDULE_OVERHEAD_BYTES + payloadSizeBytes(payload);
}

/** A number from 0 to 1 that looks random, and is the same for the same run. */
function spread(number: number, instantMs: number): number {
  let mixed = Math.imul((number ^ (instantMs / 1000)) | 0, 0x9e37_79b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000;
}
