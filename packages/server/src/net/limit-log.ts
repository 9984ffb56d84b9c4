import type { Clock, Logger } from '@gearman/events';
import type { CheckedLimits } from '../limits.ts';
import { RefusalLog } from './refusal-log.ts';

/** A limit, by the name of its option. */
export type LimitName = keyof CheckedLimits;
/** How often each limit was reached since the start. */
export type LimitCounters = Record<LimitName, number>;

/** Counts how often limits are reached, and logs one line a minute of each. */
export class LimitLog {
  readonly counters: LimitCounters;
  readonly #limits: CheckedLimits;
  readonly #logs: ReadonlyMap<string, RefusalLog>;

  constructor(limits: CheckedLimits, clock: Clock, logger: Logger) {
    this.#limits = limits;
    const names = Object.keys(limits);
    // The limits' names are the counters' names.
    this.counters = Object.fromEntries(names.map((name) => [name, 0])) as LimitCounters;
    this.#logs = new Map(names.map((name) => [name, new RefusalLog(clock, logger)]));
  }

  /** A limit was reached. */
  note(limit: LimitName, fields: object = {}, message = `${limit} was reached`): void {
    this.counters[limit]++;
    this.#logs.get(limit)?.warn({ limit, value: this.#limits[limit], ...fields }, message);
  }
}
