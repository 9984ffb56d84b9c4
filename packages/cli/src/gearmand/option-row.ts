import type { ExitCode } from './exit-code.ts';

/** What becomes of an option. */
export type Outcome =
  | { readonly is: 'works' }
  /** Accepted; the user is told why it changes nothing. */
  | { readonly is: 'ignored'; readonly because: string }
  /** The command ends, and says why. */
  | { readonly is: 'refused'; readonly because: string; readonly exitCode: ExitCode };

/** One option of `gearmand`. Its key in the table is its long name, without the hyphens. */
export interface OptionRow {
  /** One letter. */
  readonly short?: string | undefined;
  /** What its value is called; a flag has none. */
  readonly value?: string | undefined;
  /**
   * Converts the value; text where there is none. With `before` the option may be given several times.
   *
   * @throws InvalidArgumentError of commander, with a sentence that says what it must be
   */
  readonly parse?: ((text: string, before?: never) => unknown) | undefined;
  readonly help: string;
  /** For the help, where it is not empty. */
  readonly fallback?: string | undefined;
  readonly outcome: Outcome;
  /** True where gearmand has no such option. */
  readonly isOurs?: boolean | undefined;
  /** What a user of gearmand must know, beside the outcome. */
  readonly differs?: string | undefined;
}

export const WORKS: Outcome = { is: 'works' };
