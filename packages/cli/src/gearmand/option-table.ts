import { LIMIT_OPTIONS } from './limit-options.ts';
import type { OptionRow } from './option-row.ts';
import { OTHER_OPTIONS } from './other-options.ts';
import { WORKING_OPTIONS } from './working-options.ts';

/** Every option of `gearmand` by its long name: the source of the parser, the help and the page about migrating. */
export const OPTION_TABLE: ReadonlyMap<string, OptionRow> = new Map(
  Object.entries<OptionRow>({ ...WORKING_OPTIONS, ...LIMIT_OPTIONS, ...OTHER_OPTIONS }),
);

/** As it is written on a command line: `-p, --port <port>`. */
export function flagsOf(name: string, { short, value }: OptionRow): string {
  const long = name.length === 1 ? `-${name}` : `--${name}`;
  return `${short === undefined ? '' : `-${short}, `}${long}${value === undefined ? '' : ` <${value}>`}`;
}
