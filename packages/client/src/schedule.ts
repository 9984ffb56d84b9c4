import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** A day of the week, by its first three letters. */
export type DayOfWeek = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** When a job is to run, again and again. What is left out is any. */
export interface Schedule {
  /** 0 to 59. */
  readonly minute?: number;
  /** 0 to 23. */
  readonly hour?: number;
  /** Day of the month, 1 to 31. */
  readonly day?: number;
  /** 1 to 12. */
  readonly month?: number;
  /** Day of the week: a name, or as the protocol counts, 0 (Monday) to 6 (Sunday). Cron counts from Sunday. */
  readonly dow?: DayOfWeek | number;
}

/** A schedule as SUBMIT_JOB_SCHED has it: one number per field, or `*` for any. Day 0 is Monday. */
export interface WireSchedule {
  readonly minute: string;
  readonly hour: string;
  readonly dayOfMonth: string;
  readonly month: string;
  readonly dayOfWeek: string;
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

/** The fields of a cron line, in order. `names` stand for the numbers from `min` on. */
const CRON_FIELDS = [
  { field: 'minute', min: 0, max: 59, names: [] },
  { field: 'hour', min: 0, max: 23, names: [] },
  { field: 'day', min: 1, max: 31, names: [] },
  { field: 'month', min: 1, max: 12, names: MONTHS },
  { field: 'dow', min: 0, max: 7, names: ['sun', ...DAYS] },
] as const;

const range = (min: number, max: number) => z.number().int().min(min).max(max).optional();

const scheduleSchema = z.strictObject({
  minute: range(0, 59),
  hour: range(0, 23),
  day: range(1, 31),
  month: range(1, 12),
  dow: z.union([z.enum(DAYS), z.number().int().min(0).max(6)]).optional(),
});

/**
 * The wire's form of a schedule.
 *
 * @param schedule an object, or a cron line of five fields, in which Sunday is 0 or 7 as cron has it, or a nickname such
 * as `@daily`
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for what one number per field cannot say (ranges, lists,
 * steps), and for days that no month has
 */
export function toWireSchedule(schedule: string | Schedule): WireSchedule {
  const { minute, hour, day, month, dow } =
    typeof schedule === 'string' ? parseCron(schedule) : parseObject(schedule);
  const mostDays = month === undefined ? 31 : (LONGEST_MONTHS[month - 1] ?? 31);
  if (day !== undefined && day > mostDays) {
    throw new InvalidArgumentError(`the schedule never comes: month ${month} has no day ${day}`);
  }
  return {
    minute: toField(minute),
    hour: toField(hour),
    dayOfMonth: toField(day),
    month: toField(month),
    dayOfWeek: toField(typeof dow === 'string' ? DAYS.indexOf(dow) : dow),
  };
}

function toField(value: number | undefined): string {
  return value === undefined ? '*' : String(value);
}

function parseObject(schedule: unknown): Schedule {
  const { success, data, error } = scheduleSchema.safeParse(schedule);
  if (!success) throw new InvalidArgumentError(`not a schedule: ${z.prettifyError(error)}`);
  // What is undefined and what is missing mean the same here.
  return data as Schedule;
}

function parseCron(line: string): Schedule {
  const words = (NICKNAMES.get(line.trim().toLowerCase()) ?? line).trim().split(/\s+/);
  if (words.length !== CRON_FIELDS.length) {
    throw new InvalidArgumentError(
      `"${line}" is not a cron line; expected five fields: minute hour day month day-of-week`,
    );
  }
  const values = CRON_FIELDS.map(({ field, min, max, names }, at) =>
    parseField(line, field, words[at] ?? '*', min, max, names),
  );
  const [minute, hour, day, month, dow] = values;
  // Cron's week begins with Sunday, which is 0 and 7; the protocol's with Monday.
  const wireDow = dow === undefined ? undefined : (dow + 6) % 7;
  return definedOnly({ minute, hour, day, month, dow: wireDow });
}

function parseField(
  line: string,
  field: string,
  word: string,
  min: number,
  max: number,
  names: readonly string[],
): number | undefined {
  if (word === '*') return undefined;
  const named = names.indexOf(word.toLowerCase());
  const value = named >= 0 ? named + min : Number(word);
  if (named < 0 && !/^\d+$/.test(word)) {
    throw new InvalidArgumentError(
      `"${line}": ${field} is "${word}", but the protocol carries one number per field or *, ` +
        'no ranges, lists or steps; schedule one job for each',
    );
  }
  if (value < min || value > max) {
    throw new InvalidArgumentError(`"${line}": ${field} is ${value}; expected ${min} to ${max}`);
  }
  return value;
}

function definedOnly(values: Record<keyof Schedule, number | undefined>): Schedule {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
