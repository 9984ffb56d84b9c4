import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** A day of the week, by its first three letters. */
export type DayOfWeek = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** More than one number: a list, a range, a step. */
export type Several = `${string}${',' | '-' | '/'}${string}` | '*';

/**
 * When a job is to run, again and again. What is left out is any. A text says more than one number: a list such as
 * `'1,15'`, a range such as `'8-17'`, a step such as `'0-59/5'`.
 */
export interface Schedule {
  /** 0 to 59. */
  readonly minute?: number | Several;
  /** 0 to 23. */
  readonly hour?: number | Several;
  /** Day of the month, 1 to 31. */
  readonly day?: number | Several;
  /** 1 to 12. */
  readonly month?: number | Several;
  /** Day of the week: names, or as the protocol counts, 0 (Monday) to 6 (Sunday). Cron counts from Sunday. */
  readonly dow?: DayOfWeek | number | Several;
}

/** A schedule as SUBMIT_JOB_SCHED has it: numbers, lists, ranges and steps, or `*` for any. Day 0 is Monday. */
export interface WireSchedule {
  readonly minute: string;
  readonly hour: string;
  readonly dayOfMonth: string;
  readonly month: string;
  readonly dayOfWeek: string;
}

/** The same twice: a cron line, and the fields of SUBMIT_JOB_SCHED if they can say it. */
export interface Times {
  readonly cron: string;
  readonly wire: WireSchedule | undefined;
}

interface Field {
  readonly field: keyof Schedule;
  readonly min: number;
  readonly max: number;
  /** They stand for the numbers from `min` on. */
  readonly names: readonly string[];
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const NICKNAMES = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

const SECOND: Field = { field: 'minute', min: 0, max: 59, names: [] };
/** The fields of a cron line, in order. Its week begins with Sunday, which is 0 and 7. */
const CRON_FIELDS: readonly Field[] = [
  { field: 'minute', min: 0, max: 59, names: [] },
  { field: 'hour', min: 0, max: 23, names: [] },
  { field: 'day', min: 1, max: 31, names: [] },
  { field: 'month', min: 1, max: 12, names: MONTHS },
  { field: 'dow', min: 0, max: 7, names: ['sun', ...DAYS] },
];
/** The protocol's week begins with Monday. */
const OBJECT_FIELDS = CRON_FIELDS.map((each) =>
  each.field === 'dow' ? { ...each, max: 6, names: DAYS } : each,
);

const value = z.union([z.number().int(), z.string()]).optional();
const scheduleSchema = z.strictObject({ minute: value, hour: value, day: value, month: value, dow: value });

/**
 * Reads when something is to run.
 *
 * @param schedule an object, or a cron line of five fields, or six with the seconds in front, in which Sunday is 0 or 7 as
 * cron has it, or a nickname such as `@daily`
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` also for days that no month has
 */
export function parseTimes(schedule: string | Schedule): Times {
  return typeof schedule === 'string' ? parseCron(schedule) : parseObject(schedule);
}

function parseObject(schedule: unknown): Times {
  const { success, data, error } = scheduleSchema.safeParse(schedule);
  if (!success) throw new InvalidArgumentError(`not a schedule: ${z.prettifyError(error)}`);
  const words = OBJECT_FIELDS.map(({ field }) => String(data[field] ?? '*').trim());
  const name = JSON.stringify(schedule);
  for (const [at, field] of OBJECT_FIELDS.entries()) {
    if (numbersOf(name, words[at] ?? '', field) === undefined) {
      throw new InvalidArgumentError(
        `${name}: ${field.field} is "${words[at]}"; expected ${expected(field)}`,
      );
    }
  }
  const days = daysOf(name, words[4] ?? '*', OBJECT_FIELDS[4]);
  const [minute = '*', hour = '*', dayOfMonth = '*', month = '*'] = words;
  checkDay(name, dayOfMonth, month);
  const toCron = (day: number): number => (day + 1) % 7;
  return {
    cron: [minute, hour, dayOfMonth, month, toWord(days, toCron)].join(' '),
    wire: { minute, hour, dayOfMonth, month: monthNumbers(month), dayOfWeek: toWord(days) },
  };
}

function parseCron(given: string): Times {
  const line = NICKNAMES.get(given.trim().toLowerCase()) ?? given;
  const words = line.trim().split(/\s+/);
  const hasSeconds = words.length === CRON_FIELDS.length + 1;
  const fields = hasSeconds ? [SECOND, ...CRON_FIELDS] : CRON_FIELDS;
  if (words.length !== fields.length) {
    throw new InvalidArgumentError(
      `"${given}" is not a cron line; expected five fields: minute hour day month day-of-week`,
    );
  }
  const numbers = fields.map((field, at) => numbersOf(given, words[at] ?? '', field));
  const cron = words.join(' ');
  // The rest is the server's to understand: the last day of a month, the second Friday.
  if (hasSeconds || numbers.includes(undefined)) return { cron, wire: undefined };
  const [minute = '', hour = '', dayOfMonth = '', month = '', dow = ''] = words;
  checkDay(given, dayOfMonth, month);
  const days = daysOf(given, dow, CRON_FIELDS[4])?.map((day) => (day + 6) % 7);
  return {
    cron,
    wire: { minute, hour, dayOfMonth, month: monthNumbers(month), dayOfWeek: toWord(days) },
  };
}

/** The wire has numbers only. */
function monthNumbers(word: string): string {
  return word.replaceAll(/[a-z]+/gi, (name) => String(MONTHS.indexOf(name.toLowerCase()) + 1));
}

/** The days that a field names; undefined for all. */
function daysOf(line: string, word: string, field: Field | undefined): number[] | undefined {
  if (word === '*' || field === undefined) return undefined;
  const days = new Set(numbersOf(line, word, field)?.map((day) => day % 7));
  return days.size === 7 ? undefined : [...days];
}

function toWord(days: readonly number[] | undefined, count = (day: number): number => day): string {
  return days === undefined
    ? '*'
    : days
        .map(count)
        .sort((a, b) => a - b)
        .join(',');
}

/**
 * What a field of numbers, names, lists, ranges and steps stands for; undefined when it is written otherwise.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for numbers out of range
 */
function numbersOf(line: string, word: string, field: Field): number[] | undefined {
  const numbers: number[] = [];
  for (const term of word.split(',')) {
    const [, first, last, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(term) ?? [];
    if (first === undefined) return undefined;
    const isAny = first === '*';
    // Cron's Sunday is 0 as well as 7, but not twice.
    const top = field.max === 7 ? 6 : field.max;
    const from = isAny ? field.min : numberOf(first, field);
    // A week from Friday to Sunday ends with the other Sunday.
    const end = last?.toLowerCase() === 'sun' && field.max === 7 ? '7' : last;
    const to = isAny ? top : end === undefined ? from : numberOf(end, field);
    if (from === undefined || to === undefined) return undefined;
    for (const each of [from, to]) {
      if (each < field.min || each > field.max) {
        throw new InvalidArgumentError(`"${line}": ${field.field} is ${each}; expected ${expected(field)}`);
      }
    }
    const isStray = step !== undefined && !isAny && last === undefined;
    if (from > to || Number(step) === 0 || isStray) {
      throw new InvalidArgumentError(
        `"${line}": ${field.field} has "${term}"; a step needs * or a range, from low to high`,
      );
    }
    for (let each = from; each <= to; each += Number(step ?? 1)) numbers.push(each);
  }
  return numbers;
}

function numberOf(word: string, { min, names }: Field): number | undefined {
  const named = names.indexOf(word.toLowerCase());
  if (named >= 0) return named + min;
  return /^\d+$/.test(word) ? Number(word) : undefined;
}

function expected({ min, max }: Field): string {
  return `${min} to ${max}`;
}

/** Refuses days that a month never has, where one day and one month are named. */
function checkDay(line: string, dayOfMonth: string, month: string): void {
  const day = Number(dayOfMonth);
  const number = Number(monthNumbers(month));
  if (day > (LONGEST_MONTHS[number - 1] ?? 31)) {
    throw new InvalidArgumentError(`the schedule "${line}" never comes: month ${number} has no day ${day}`);
  }
}
