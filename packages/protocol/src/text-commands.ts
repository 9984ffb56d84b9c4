import { isByteString } from './byte-string.ts';
import { InvalidArgumentError } from './errors.ts';

/**
 * How an answer ends: `list` with a line holding only a full stop, `value` and `done` after one line.
 * The server ends a `value` line with LF and a `done` line with CRLF.
 */
export type AnswerKind = 'list' | 'value' | 'done';

/** What one row of the text-command table says. */
export interface TextCommandDefinition {
  /** The fixed words, compared without regard to letter case. */
  readonly words: readonly string[];
  /** Names of the arguments behind them; those ending in `?` may be left out. */
  readonly args: readonly string[];
  readonly answer: AnswerKind;
}

/**
 * Every text command of gearmand 1.1.20, `shutdown`, which servers before 1.1.15 and Perl's had, and those of our server
 * about schedules, paused functions and dead jobs.
 *
 * @see gearmand `PROTOCOL`, "Administrative Protocol"
 */
export const TEXT_COMMANDS = {
  status: { words: ['status'], args: [], answer: 'list' },
  prioritystatus: { words: ['prioritystatus'], args: [], answer: 'list' },
  workers: { words: ['workers'], args: [], answer: 'list' },
  'show jobs': { words: ['show', 'jobs'], args: [], answer: 'list' },
  'show unique jobs': { words: ['show', 'unique', 'jobs'], args: [], answer: 'list' },
  version: { words: ['version'], args: [], answer: 'value' },
  verbose: { words: ['verbose'], args: [], answer: 'value' },
  getpid: { words: ['getpid'], args: [], answer: 'value' },
  maxqueue: { words: ['maxqueue'], args: ['function', 'high?', 'normal?', 'low?'], answer: 'done' },
  'create function': { words: ['create', 'function'], args: ['function'], answer: 'done' },
  'drop function': { words: ['drop', 'function'], args: ['function'], answer: 'done' },
  'cancel job': { words: ['cancel', 'job'], args: ['handle'], answer: 'done' },
  'show schedules': { words: ['show', 'schedules'], args: [], answer: 'list' },
  'cancel schedule': { words: ['cancel', 'schedule'], args: ['handle'], answer: 'done' },
  'pause schedule': { words: ['pause', 'schedule'], args: ['handle'], answer: 'done' },
  'resume schedule': { words: ['resume', 'schedule'], args: ['handle'], answer: 'done' },
  'run schedule': { words: ['run', 'schedule'], args: ['handle'], answer: 'done' },
  'show paused': { words: ['show', 'paused'], args: [], answer: 'list' },
  'pause function': { words: ['pause', 'function'], args: ['function'], answer: 'done' },
  'resume function': { words: ['resume', 'function'], args: ['function'], answer: 'done' },
  shutdown: { words: ['shutdown'], args: ['graceful?'], answer: 'done' },
  'dead list': { words: ['dead', 'list'], args: ['function?'], answer: 'list' },
  // With a handle, `all`, or `function` and its name.
  'dead requeue': { words: ['dead', 'requeue'], args: ['which', 'function?'], answer: 'value' },
  'dead delete': { words: ['dead', 'delete'], args: ['which', 'function?'], answer: 'value' },
} as const satisfies Record<string, TextCommandDefinition>;

/** The name of a text command: its fixed words. */
export type TextCommand = keyof typeof TEXT_COMMANDS;

/** Most words that a line may hold; gearmand closes the connection after more. */
export const MAX_WORDS = 5;

/** Splits a line at its spaces, as gearmand does: a leading space makes the first word empty, tabs do not count. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at <= line.length; at++) {
    if (at < line.length && line[at] !== ' ') continue;
    if (at > start || words.length === 0) words.push(line.slice(start, at));
    start = at + 1;
  }
  // Only spaces, or spaces at the end, add no word of their own.
  return words;
}

/**
 * Writes a command as one line. It ends with CRLF, because `create function` cuts two bytes whatever they are.
 *
 * @param args byte strings without spaces and line ends: the protocol has no way to quote them
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for an argument that would become two words or two lines,
 * an empty one, a character past U+00FF, or more than {@link MAX_WORDS} words, after which gearmand closes the connection
 */
export function formatCommand(command: TextCommand, args: readonly string[] = []): string {
  for (const arg of args) {
    if (arg === '' || /[ \r\n]/.test(arg) || !isByteString(arg)) {
      throw new InvalidArgumentError(
        `"${command}" cannot carry the argument ${JSON.stringify(arg)}: no space, line end or character past U+00FF`,
      );
    }
  }
  const words = [...TEXT_COMMANDS[command].words, ...args];
  if (words.length > MAX_WORDS) {
    throw new InvalidArgumentError(
      `"${command}" with ${args.length} arguments is more than ${MAX_WORDS} words`,
    );
  }
  return `${words.join(' ')}\r\n`;
}

/**
 * True when `line` is the last one of an answer of this kind. An `ERR …` line ends every answer; a line with a tab is
 * never one, because a function may be called `ERR x`.
 */
export function endsAnswer(kind: AnswerKind, line: string): boolean {
  return kind !== 'list' || line === '.' || (line.startsWith('ERR ') && !line.includes('\t'));
}
