import type { Engine } from './engine/engine.ts';
import type { RefusalLog } from './net/refusal-log.ts';
import type { JobStore } from './store/store.ts';

/** Dead jobs of a function, one dead job, or all. Names and handles are byte strings. */
export type DeadSelection =
  | { readonly handle: string }
  | { readonly functionName: string }
  | { readonly all: true };

/** What was found, and of how many what was wanted could be done. */
export interface DeadOutcome {
  readonly found: number;
  readonly done: number;
}

/** Jobs whose payloads are fetched from the store at a time. */
const FETCH_AT_ONCE = 64;

/** What administrators do with the dead jobs of a server. */
export class DeadLetters {
  readonly #engine: Engine;
  readonly #store: JobStore | undefined;

  /** @param log is told of those that had to go */
  constructor(engine: Engine, store: JobStore | undefined, log: RefusalLog) {
    this.#engine = engine;
    this.#store = store;
    const { afterlife } = engine;
    afterlife.onDropped = (): void => {
      const { dropped, dead } = afterlife;
      log.warn(
        { droppedDeadJobs: dropped, deadJobs: dead?.size },
        'dead jobs were dropped: too old or too many',
      );
    };
  }

  /** False when none are kept. */
  get isOn(): boolean {
    return this.#engine.afterlife.dead !== undefined;
  }

  /** Lets them run again, as if they had just been submitted. */
  async requeue(selection: DeadSelection): Promise<DeadOutcome> {
    const numbers = this.#select(selection);
    let done = 0;
    for (let from = 0; from < numbers.length; from += FETCH_AT_ONCE) {
      const some = numbers.slice(from, from + FETCH_AT_ONCE);
      const stored = (await this.#store?.read(some)) ?? [];
      const payloads = new Map(stored.map(({ number, payload }) => [number, payload]));
      for (const number of some) if (this.#engine.afterlife.requeue(number, payloads.get(number))) done++;
    }
    return { found: numbers.length, done };
  }

  delete(selection: DeadSelection): DeadOutcome {
    const numbers = this.#select(selection);
    for (const number of numbers) this.#engine.afterlife.delete(number);
    return { found: numbers.length, done: numbers.length };
  }

  #select(selection: DeadSelection): number[] {
    const { dead } = this.#engine.afterlife;
    if (dead === undefined) return [];
    if ('handle' in selection) {
      const number = this.#engine.numberOf(selection.handle);
      return number !== undefined && dead.get(number) !== undefined ? [number] : [];
    }
    const numbers: number[] = [];
    for (const { number, functionName } of dead.values()) {
      if ('all' in selection || functionName === selection.functionName) numbers.push(number);
    }
    return numbers;
  }
}
