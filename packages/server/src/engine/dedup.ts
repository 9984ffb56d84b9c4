import { createHash } from 'node:crypto';
import { type Alarm, AlarmHeap } from './alarm-heap.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { Job } from './job.ts';
import { coalescingKey, type JobTable } from './job-table.ts';
import type { Ledger } from './ledger.ts';
import type { Payload } from './payload.ts';

/**
 * What becomes of a further submit with the same id.
 *
 * - `attach`: it joins the job while that lives, as unique ids do.
 * - `drop`: it makes no job while the first one lives, nor within the window.
 * - `throttle`: it makes no job within the window.
 */
export const DEDUP_MODES = ['attach', 'drop', 'throttle'] as const;
export type DedupMode = (typeof DEDUP_MODES)[number];

/** What is said of submits that are the same. */
export interface DedupRules {
  readonly mode: DedupMode;
  /** How long the first submit stands for later ones. */
  readonly windowMs: number;
}

/** The same for one submit. */
export interface OwnDedupRules extends DedupRules {
  /** What makes submits the same, in place of the unique id. A byte string without NUL. */
  readonly id?: string | undefined;
}

/** The job that stands for further submits. */
interface Entry {
  readonly key: string;
  readonly number: number;
  readonly mode: DedupMode;
  readonly untilMs: number;
  readonly alarm: Alarm<Entry> | undefined;
  /** It outlives a restart. */
  isKept: boolean;
}

/** What the settings begin with that hold entries: the key follows. */
const DEDUP_SETTING = 'dedup:';
/** What one takes, about. */
const ENTRY_BYTES = 400;

/** Which submits of a while ago stand for those that come now. */
export class Dedup {
  readonly #max: number;
  readonly #jobs: JobTable;
  readonly #ledger: Ledger | undefined;
  readonly #now: () => number;
  readonly #byKey = new Map<string, Entry>();
  readonly #byNumber = new Map<number, Entry>();
  readonly #windows = new AlarmHeap<Entry>();

  constructor(max: number, jobs: JobTable, ledger: Ledger | undefined, now: () => number) {
    this.#max = max;
    this.#jobs = jobs;
    this.#ledger = ledger;
    this.#now = now;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get sizeBytes(): number {
    return this.#byKey.size * ENTRY_BYTES;
  }

  get isFull(): boolean {
    return this.#byKey.size >= this.#max;
  }

  /** Under what a submit is found again; undefined when none is the same. */
  keyOf(
    fn: GearmanFunction,
    uniqueId: string,
    payload: Payload,
    { mode, id }: OwnDedupRules,
  ): string | undefined {
    if (mode === 'attach') return undefined;
    const same = id ?? coalescingKey(uniqueId, payload);
    if (same === undefined) return undefined;
    // Neither is bounded by what is kept of it, and not every store takes every character. A name holds no NUL.
    return createHash('sha256').update(`${fn.name}\0${same}`, 'latin1').digest('base64');
  }

  /** The number of the job that stands for a submit. @param background its client counts on what comes of it */
  holder(key: string, background: boolean): number | undefined {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs <= this.#now() && !this.#isHeld(entry)) {
      this.#delete(entry);
      return undefined;
    }
    if (background) this.#keep(entry);
    return entry.number;
  }

  /** A new job stands for those to come. */
  claim(key: string, { number, background }: Job, { mode, windowMs }: DedupRules): void {
    const entry = this.#add(key, number, mode, this.#now() + windowMs);
    if (background) this.#keep(entry);
  }

  /** A job is over. @param completely there was nothing of it: the next one is the first again */
  ended({ number }: Job, completely: boolean): void {
    if (this.#byNumber.size === 0) return;
    const entry = this.#byNumber.get(number);
    if (entry !== undefined && (completely || entry.untilMs <= this.#now())) this.#delete(entry);
  }

  /** A setting of an earlier server; others are ignored. */
  restore(key: string, value: string): void {
    if (!key.startsWith(DEDUP_SETTING)) return;
    const { number, mode, untilMs } = JSON.parse(value) as Stored;
    this.#add(key.slice(DEDUP_SETTING.length), number, mode, untilMs).isKept = true;
  }

  /** When the next window ends. */
  get nextAtMs(): number | undefined {
    return this.#windows.first?.at;
  }

  /** Windows that are over end, but for jobs that hold theirs open. */
  purge(): void {
    if (this.#windows.size === 0) return;
    const now = this.#now();
    for (let due = this.#windows.takeDue(now); due !== undefined; due = this.#windows.takeDue(now)) {
      if (!this.#isHeld(due.target)) this.#delete(due.target);
    }
  }

  #isHeld({ mode, number }: Entry): boolean {
    return mode === 'drop' && (this.#jobs.living(number) !== undefined || this.#jobs.parked.has(number));
  }

  #add(key: string, number: number, mode: DedupMode, untilMs: number): Entry {
    const entry: Entry & { alarm: Alarm<Entry> | undefined } = {
      ...{ key, number, mode, untilMs, alarm: undefined, isKept: false },
    };
    entry.alarm = this.#windows.add(untilMs, entry);
    this.#byKey.set(key, entry);
    this.#byNumber.set(number, entry);
    return entry;
  }

  #keep(entry: Entry): void {
    if (entry.isKept) return;
    entry.isKept = true;
    const { number, mode, untilMs } = entry;
    this.#ledger?.set(DEDUP_SETTING + entry.key, JSON.stringify({ number, mode, untilMs } satisfies Stored));
  }

  #delete(entry: Entry): void {
    this.#byKey.delete(entry.key);
    this.#byNumber.delete(entry.number);
    if (entry.alarm !== undefined) this.#windows.remove(entry.alarm);
    if (entry.isKept) this.#ledger?.set(DEDUP_SETTING + entry.key, undefined);
  }
}

/** An entry as a setting. */
interface Stored {
  readonly number: number;
  readonly mode: DedupMode;
  readonly untilMs: number;
}
