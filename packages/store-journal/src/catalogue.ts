import type { StoredChange } from '@gearman/server';
import { LiveIndex, type Place, segmentOf } from './live-index.ts';
import type { PayloadSum } from './record-bodies.ts';
import type { Segment } from './segment.ts';

/** What the journal knows of its content: where live jobs stand, what changed about them, the settings. */
export class Catalogue {
  /** By number, oldest first; the last one is written to. */
  readonly segments = new Map<number, Segment>();
  /** The last change of each live job that has one. */
  readonly changes = new Map<number, StoredChange>();
  /** Live jobs whose payloads are files of their own, and what these must be, if that is known. */
  readonly largeJobs = new Map<number, PayloadSum | undefined>();
  readonly #jobs = new LiveIndex();
  readonly #settings = new Map<string, { readonly value: string; readonly segment: Segment }>();
  #lastNumber = 0;

  get jobCount(): number {
    return this.#jobs.size;
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  get settings(): ReadonlyMap<string, string> {
    return new Map([...this.#settings].map(([key, { value }]) => [key, value]));
  }

  /** What live jobs take, in bytes. */
  get liveBytes(): number {
    let sum = 0;
    for (const segment of this.segments.values()) sum += segment.liveBytes;
    return sum;
  }

  numbers(): Float64Array {
    return this.#jobs.numbers();
  }

  find(number: number): Place | undefined {
    return this.#jobs.get(number);
  }

  segmentOf({ location }: Place): Segment | undefined {
    return this.segments.get(segmentOf(location));
  }

  noteNumber(number: number): void {
    if (number > this.#lastNumber) this.#lastNumber = number;
  }

  /** A put holds everything that had changed before it was written. */
  put(
    number: number,
    location: number,
    sizeBytes: number,
    segment: Segment,
    isLarge: boolean,
    sum: PayloadSum | undefined,
  ): void {
    this.noteNumber(number);
    this.changes.delete(number);
    if (isLarge) this.largeJobs.set(number, sum);
    const before = this.#jobs.set(number, location, sizeBytes);
    if (before !== undefined) this.#release(before);
    segment.liveBytes += sizeBytes;
  }

  change(change: StoredChange): void {
    this.noteNumber(change.number);
    if (this.#jobs.get(change.number) !== undefined) this.changes.set(change.number, change);
  }

  /** Returns whether the job was there. */
  done(number: number): boolean {
    this.noteNumber(number);
    const before = this.#jobs.delete(number);
    if (before === undefined) return false;
    this.#release(before);
    this.changes.delete(number);
    this.largeJobs.delete(number);
    return true;
  }

  set(key: string, value: string | undefined, segment: Segment): void {
    const before = this.#settings.get(key);
    if (before !== undefined) before.segment.settings--;
    if (value === undefined) {
      this.#settings.delete(key);
      return;
    }
    this.#settings.set(key, { value, segment });
    segment.settings++;
  }

  /** The settings that were last written to a segment. */
  settingsIn(segment: Segment): [key: string, value: string][] {
    return [...this.#settings]
      .filter(([, setting]) => setting.segment === segment)
      .map(([key, { value }]) => [key, value]);
  }

  #release(place: Place): void {
    const segment = this.segmentOf(place);
    if (segment !== undefined) segment.liveBytes -= place.sizeBytes;
  }
}
