import type { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import type { Ledger } from './ledger.ts';

/** What the settings begin with that hold the limits of a function: `max-queue:resize` is `100 100 0`. */
const MAX_QUEUE_SETTING = 'max-queue:';
/** Those of functions that hand out no jobs: `paused:resize` is `1`. */
const PAUSED_SETTING = 'paused:';

/** What administrators have said about functions, which outlives a restart. */
export class FunctionSettings {
  readonly #functions: FunctionTable;
  readonly #ledger: Ledger | undefined;

  constructor(functions: FunctionTable, ledger: Ledger | undefined) {
    this.#functions = functions;
    this.#ledger = ledger;
  }

  /** Sets how many jobs a submit of each priority may find; 0 means any number. */
  setMaxQueue(fn: GearmanFunction, limits: readonly [high: number, normal: number, low: number]): void {
    this.#limit(fn, limits);
    this.#ledger?.set(MAX_QUEUE_SETTING + fn.name, fn.isLimited ? limits.join(' ') : undefined);
  }

  pause(fn: GearmanFunction): void {
    if (fn.paused) return;
    this.#functions.pause(fn);
    this.#ledger?.set(PAUSED_SETTING + fn.name, '1');
  }

  resume(fn: GearmanFunction): void {
    if (!fn.paused) return;
    this.#functions.resume(fn);
    this.#ledger?.set(PAUSED_SETTING + fn.name, undefined);
  }

  /** The function is dropped. */
  forget(fn: GearmanFunction): void {
    if (fn.isLimited) this.#ledger?.set(MAX_QUEUE_SETTING + fn.name, undefined);
    if (fn.paused) this.#ledger?.set(PAUSED_SETTING + fn.name, undefined);
  }

  /** A setting of an earlier server, if it is one of these. */
  restore(key: string, value: string): void {
    if (key.startsWith(PAUSED_SETTING)) {
      this.#functions.pause(this.#functions.restore(key.slice(PAUSED_SETTING.length)));
    } else if (key.startsWith(MAX_QUEUE_SETTING)) {
      const [high = 0, normal = 0, low = 0] = value.split(' ').map(Number);
      this.#limit(this.#functions.restore(key.slice(MAX_QUEUE_SETTING.length)), [high, normal, low]);
    }
  }

  #limit(fn: GearmanFunction, limits: readonly [number, number, number]): void {
    fn.maxQueue = limits;
    fn.pinned = true;
    this.#functions.noteUse(fn);
  }
}
