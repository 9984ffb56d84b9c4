import type { Engine } from '../engine/engine.ts';
import type { Ledger } from '../engine/ledger.ts';
import { haveSameName } from '../handle-prefix.ts';
import type { StoreContent } from './store.ts';

/** The settings of a store that keep handles apart over restarts: what handles begin with, and which numbers may be used. */
export const HANDLE_SETTINGS = { prefix: 'handle-prefix', numbers: 'numbers-up-to' } as const;
const { prefix: PREFIX_SETTING, numbers: NUMBERS_SETTING } = HANDLE_SETTINGS;
/** Numbers are set aside in the store in such steps: foreground jobs take numbers, too, and are not stored. */
const STEP = 10_000_000;

/** Sees to it that no two jobs of a store ever have the same handle. */
export class HandleNumbers {
  readonly #engine: Engine;
  readonly #ledger: Ledger;
  #upTo = 0;

  constructor(engine: Engine, ledger: Ledger) {
    this.#engine = engine;
    this.#ledger = ledger;
  }

  /**
   * Goes on where an earlier server ended. Call when its jobs are restored; what this puts in the ledger is to be committed
   * before the first job is made.
   *
   * @param prefix what handles would begin with in a new store
   * @returns the prefix that handles have; those of jobs that are there decide
   */
  adopt({ settings, lastNumber }: StoreContent, prefix: string): string {
    const stored = settings.get(PREFIX_SETTING);
    const goesOn = stored !== undefined && (this.#engine.jobCount > 0 || haveSameName(stored, prefix));
    const adopted = goesOn ? stored : prefix;
    if (!goesOn) this.#ledger.set(PREFIX_SETTING, prefix);
    const first = Math.max(lastNumber, Number(settings.get(NUMBERS_SETTING) ?? 0));
    this.#engine.adoptHandles(adopted, first);
    this.#setAside(first);
    return adopted;
  }

  /** The store could not set numbers aside: skips so many that no earlier server has used them. */
  leap(numbers: number): void {
    const { lastNumber, handlePrefix } = this.#engine;
    const first = lastNumber + numbers;
    this.#engine.adoptHandles(handlePrefix, first);
    this.#setAside(first);
  }

  /** Sets further numbers aside when half of them are used. */
  check(): void {
    if (this.#engine.lastNumber > this.#upTo - STEP / 2) this.#setAside(this.#engine.lastNumber);
  }

  /** The server ends: what it did not use is free. */
  giveBack(): void {
    this.#upTo = this.#engine.lastNumber;
    this.#ledger.set(NUMBERS_SETTING, String(this.#upTo));
  }

  #setAside(from: number): void {
    this.#upTo = from + STEP;
    this.#ledger.set(NUMBERS_SETTING, String(this.#upTo));
  }
}
