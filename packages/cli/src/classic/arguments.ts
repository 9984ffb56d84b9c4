import { splitOptions } from './getopt.ts';

/** What the command line of the C tool `gearman` says. */
export interface ClassicArguments {
  readonly functions: readonly string[];
  /** Workloads for a client, the command for a worker. */
  readonly words: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly timeoutMs: number | undefined;
  readonly pidFile: string | undefined;
  readonly daemon: boolean;
  readonly verbose: boolean;
  readonly worker: boolean;
  /** Jobs after which a worker ends; 0: none. */
  readonly count: number;
  readonly background: boolean;
  readonly priority: 'high' | 'normal' | 'low';
  readonly perLine: boolean;
  readonly stripNewline: boolean;
  readonly prefix: boolean;
  readonly noInput: boolean;
  readonly uniqueId: string | undefined;
  /** True when the menu was asked for. */
  readonly usage: boolean;
  /** What is wrong, in the words of the C tool; undefined when nothing is. */
  readonly problem: string | undefined;
}

const LETTERS = 'bc:f:h:HILnNp:Pst:u:vwi:dS';
const DEFAULT_PORT = 4730;

/** Reads a command line. Nothing is refused here: `problem` says what must be. */
export function parseClassicArguments(args: readonly string[]): ClassicArguments {
  const words = splitOptions(args, LETTERS);
  const given = words.filter((word) => word.is === 'option');
  const has = (letter: string): boolean => given.some((word) => word.letter === letter);
  const last = (letter: string): string | undefined =>
    given.findLast((word) => word.letter === letter)?.value;
  const functions = given.filter(({ letter }) => letter === 'f').map(({ value }) => value);
  const isWrong = words.some(({ is }) => is === 'unknown');
  const urgency = given.findLast(({ letter }) => letter === 'I' || letter === 'L')?.letter;
  const timeoutMs = toInteger(last('t') ?? '-1');
  return {
    functions,
    words: words.flatMap((word) => (word.is === 'argument' ? word.text : [])),
    host: last('h') ?? 'localhost',
    port: toInteger(last('p') ?? '') & 0xff_ff || DEFAULT_PORT,
    tls: has('S'),
    timeoutMs: timeoutMs > 0 ? timeoutMs : undefined,
    pidFile: last('i'),
    daemon: has('d'),
    verbose: has('v'),
    worker: has('w'),
    count: Math.max(0, toInteger(last('c') ?? '')),
    background: has('b'),
    priority: urgency === 'I' ? 'high' : urgency === 'L' ? 'low' : 'normal',
    perLine: has('n') || has('N'),
    stripNewline: has('N'),
    prefix: has('P'),
    noInput: has('s'),
    uniqueId: last('u'),
    usage: has('H'),
    problem: functions.length === 0 ? 'No Functions were provided' : isWrong ? '-?' : undefined,
  };
}

/** As `atoi()`: the digits at the beginning, 0 without any. */
function toInteger(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}
