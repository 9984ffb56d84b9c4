import type { AnyRegisterOptions } from './register-options.ts';
import type { EntryHandler } from './registry.ts';
import type { Setup } from './setups.ts';

/** Functions that belong together, for `worker.mount()`. */
export interface WorkerPart {
  /** What they are called together. */
  readonly name: string;
  /** @internal */
  readonly functions: readonly PartFunction[];
  /** Called once by `worker.start()`, before any server hears of a function. */
  readonly setup: Setup | undefined;
}

/** @internal one function of a part */
export interface PartFunction {
  readonly functionName: string;
  readonly run: EntryHandler;
  readonly options: AnyRegisterOptions;
}
