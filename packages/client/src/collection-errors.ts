import { GearmanError } from '@gearman/protocol';
import type { Outcome } from './outcome.ts';

/** More came than an option lets wait. The option, its value and the remedy are in the message. */
export class OverflowError extends GearmanError {
  override readonly name = 'OverflowError';
  readonly code = 'ERR_GEARMAN_OVERFLOW';
  /** The option, for example `maxQueued`. */
  readonly option: string;
  /** Its value. */
  readonly limit: number;

  constructor(what: string, option: string, limit: number, remedy: string) {
    super(`${what}: ${option} is ${limit}; ${remedy}`);
    this.option = option;
    this.limit = limit;
  }
}

/** Some jobs of a `map()` with `stopOnError: false` failed; all of them are over. */
export class MapError<T = unknown> extends GearmanError {
  override readonly name = 'MapError';
  readonly code = 'ERR_GEARMAN_MAP';
  /** The error of every input that has no result, in the order of the inputs. */
  readonly errors: readonly GearmanError[];
  /** What became of each input, in their order. */
  readonly outcomes: readonly Outcome<T>[];

  constructor(outcomes: readonly Outcome<T>[]) {
    const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
    const [first] = errors;
    super(
      `${errors.length} of ${outcomes.length} jobs failed, the first with: ${first?.message}; ` +
        'outcomes has the results of the others',
      { cause: first },
    );
    this.errors = errors;
    this.outcomes = outcomes;
  }
}
