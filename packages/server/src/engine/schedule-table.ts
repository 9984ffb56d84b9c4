import type { ScheduleDefinition } from '../schedules/definition.ts';
import { AlarmHeap } from './alarm-heap.ts';
import { coalescingKey } from './job-table.ts';
import type { Schedule } from './schedule.ts';

/** All schedules by handle and by what they are replaced by, and which is due next. */
export class ScheduleTable {
  readonly #byHandle = new Map<string, Schedule>();
  /** By function and unique id. */
  readonly #byKey = new Map<string, Schedule>();
  readonly #alarms = new AlarmHeap<Schedule>();
  #sizeBytes = 0;

  get size(): number {
    return this.#byHandle.size;
  }

  /** Memory of all schedules, about. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** When the next one is due, on the wall clock. */
  get nextAtMs(): number | undefined {
    return this.#alarms.first?.at;
  }

  get(handle: string): Schedule | undefined {
    return this.#byHandle.get(handle);
  }

  /** The schedule that one with this function and unique id takes the place of. */
  twinOf(definition: ScheduleDefinition): Schedule | undefined {
    const key = keyOf(definition);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  values(): IterableIterator<Schedule> {
    return this.#byHandle.values();
  }

  add(schedule: Schedule): void {
    this.#byHandle.set(schedule.handle, schedule);
    this.#link(schedule);
  }

  /** Gives a schedule another definition with the same function and unique id. */
  redefine(schedule: Schedule, definition: ScheduleDefinition): void {
    this.#unlink(schedule);
    schedule.definition = definition;
    this.#link(schedule);
  }

  remove(schedule: Schedule): void {
    if (schedule.removed) return;
    schedule.removed = true;
    this.disarm(schedule);
    this.#byHandle.delete(schedule.handle);
    this.#unlink(schedule);
  }

  arm(schedule: Schedule, atMs: number): void {
    this.disarm(schedule);
    schedule.alarm = this.#alarms.add(atMs, schedule);
  }

  disarm(schedule: Schedule): void {
    if (schedule.alarm === undefined) return;
    this.#alarms.remove(schedule.alarm);
    schedule.alarm = undefined;
  }

  /** Takes the alarm of the next schedule that is due. */
  takeDue(nowMs: number): Schedule | undefined {
    const schedule = this.#alarms.takeDue(nowMs)?.target;
    if (schedule !== undefined) schedule.alarm = undefined;
    return schedule;
  }

  #link(schedule: Schedule): void {
    this.#sizeBytes += schedule.sizeBytes;
    const key = keyOf(schedule.definition);
    if (key !== undefined) this.#byKey.set(key, schedule);
  }

  #unlink(schedule: Schedule): void {
    this.#sizeBytes -= schedule.sizeBytes;
    const key = keyOf(schedule.definition);
    if (key !== undefined && this.#byKey.get(key) === schedule) this.#byKey.delete(key);
  }
}

function keyOf({ functionName, uniqueId, payload }: ScheduleDefinition): string | undefined {
  const key = coalescingKey(uniqueId, payload);
  return key === undefined ? undefined : `${functionName.length}:${functionName}${key}`;
}
