import { type AdminOptionName, type AdminOptionRow, CLASSIC_OPTIONS, OWN_OPTIONS } from './option-table.ts';

/** What a command line says, by long name; flags hold the empty string. */
export type AdminArguments = ReadonlyMap<AdminOptionName, string>;

/** A command line that cannot be understood. The message is the sentence of the C tool. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

const ROWS: Readonly<Record<string, AdminOptionRow>> = { ...CLASSIC_OPTIONS, ...OWN_OPTIONS };
// Every key of the two tables is such a name.
const isName = (name: string): name is AdminOptionName => Object.hasOwn(ROWS, name);

/**
 * Reads a command line by the rules of the C tool: long names may be shortened while they stay unambiguous, letters may
 * be bundled, values follow, after a space or `=` or at once after a letter. Words that are no options are ignored.
 *
 * @throws ArgumentError
 */
export function parseArguments(args: readonly string[]): AdminArguments {
  const given: [AdminOptionName, string][] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined && arg !== '--'; arg = rest.shift()) {
    if (arg.startsWith('--')) given.push(readLong(arg, rest));
    else if (arg.startsWith('-') && arg !== '-') given.push(...readLetters(arg, rest));
  }
  const values = new Map<AdminOptionName, string>();
  for (const [name, value] of given) {
    if (values.has(name)) throw new ArgumentError(`option '--${name}' cannot be specified more than once`);
    values.set(name, value);
  }
  return values;
}

function readLong(arg: string, rest: string[]): [AdminOptionName, string] {
  const [, written = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
  const name = findLong(written, arg);
  if (ROWS[name]?.value === undefined) {
    if (value !== undefined) throw new ArgumentError(`option '--${name}' does not take any arguments`);
    return [name, ''];
  }
  if (value === '') {
    throw new ArgumentError(
      `the argument for option '--${name}' should follow immediately after the equal sign`,
    );
  }
  return [name, value ?? nextValue(name, rest)];
}

function findLong(written: string, arg: string): AdminOptionName {
  if (isName(written)) return written;
  const matches = Object.keys(CLASSIC_OPTIONS)
    .filter((name) => name.startsWith(written))
    .sort();
  const [only, ...others] = matches.filter(isName);
  if (only === undefined) throw new ArgumentError(`unrecognised option '${arg}'`);
  if (others.length === 0) return only;
  const quoted = matches.map((name) => `'--${name}'`);
  const last = quoted.pop();
  throw new ArgumentError(`option '--${written}' is ambiguous and matches ${quoted.join(', ')}, and ${last}`);
}

/** `-S`, `-p4730`, `-p 4730`, `-Sp4730`. */
function readLetters(arg: string, rest: string[]): [AdminOptionName, string][] {
  const given: [AdminOptionName, string][] = [];
  for (let at = 1; at < arg.length; at++) {
    const letter = arg[at];
    const name = Object.keys(ROWS).find((each) => ROWS[each]?.short === letter);
    if (name === undefined || !isName(name)) throw new ArgumentError(`unrecognised option '${arg}'`);
    if (ROWS[name]?.value !== undefined) {
      const value = arg.slice(at + 1);
      return [...given, [name, value === '' ? nextValue(name, rest) : value]];
    }
    given.push([name, '']);
  }
  return given;
}

/** The next word, unless it begins with the letter of an option. Long names are taken as values, as the C tool does. */
function nextValue(name: AdminOptionName, rest: string[]): string {
  const next = rest.shift();
  const letter = /^-([^-])/.exec(next ?? '')?.[1];
  const isOption = letter !== undefined && Object.values(ROWS).some(({ short }) => short === letter);
  if (next === undefined || isOption) {
    throw new ArgumentError(`the required argument for option '--${name}' is missing`);
  }
  return next;
}
