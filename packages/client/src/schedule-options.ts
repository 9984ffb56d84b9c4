import { createHash } from 'node:crypto';
import { parseOptions } from '@gearman/events';
import { InvalidArgumentError, toUniqueId } from '@gearman/protocol';
import { z } from 'zod';
import type { PlainJob } from './job-intake.ts';
import type { BackgroundOptions, Priority } from './options.ts';
import { parseTimes, type Schedule } from './schedule.ts';
import type { SubmitPacket } from './submission.ts';

/** Options of a schedule. Those beyond {@link BackgroundOptions} need our server, of any version that has `x-schedule`. */
export interface ScheduleOptions extends BackgroundOptions {
  /**
   * The time zone of the times, as an IANA name such as `Europe/Berlin`.
   *
   * @defaultValue that of the server
   */
  readonly timeZone?: string;
  /**
   * What becomes of runs whose time passed while the server was down, or its clock was set: they are left out, one stands
   * for all of them, or all are made up for, the latest 1,000 at the most.
   *
   * @defaultValue `'one'`
   */
  readonly catchUp?: 'none' | 'one' | 'all';
  /**
   * What becomes of a run while the job of an earlier one has not ended: both are there, the new one is left out, or the
   * old one is cancelled.
   *
   * @defaultValue `'skip'`
   */
  readonly overlap?: 'allow' | 'skip' | 'replace';
  /** No run before this moment. */
  readonly startAt?: Date;
  /** No run after this moment; then the schedule ends. */
  readonly endAt?: Date;
  /** The schedule ends after so many runs. */
  readonly limit?: number;
  /**
   * Runs are late by up to so many milliseconds, at most a day, each by another: so that not everything happens on the
   * full hour.
   *
   * @defaultValue 0
   */
  readonly jitterMs?: number;
}

const LONGEST_JITTER_MS = 86_400_000;
const ID_DIGITS = 40;
const moment = z.date().optional();

const rulesSchema = z.strictObject({
  timeZone: z.string().min(1).optional(),
  catchUp: z.enum(['none', 'one', 'all']).optional(),
  overlap: z.enum(['allow', 'skip', 'replace']).optional(),
  startAt: moment,
  endAt: moment,
  limit: z.number().int().min(1).optional(),
  jitterMs: z.number().min(0).max(LONGEST_JITTER_MS).optional(),
});
const RULES = Object.keys(rulesSchema.shape);

/** What is to be sent for a schedule, except for its job. */
export interface SchedulePlan {
  /** What any background job has. */
  readonly options: BackgroundOptions;
  /** The packet that submits it. */
  packet(plain: PlainJob, priority: Priority): SubmitPacket;
}

/**
 * The protocol's own packet, where that can say it; ours otherwise.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
 */
export function planSchedule(schedule: string | Schedule, given: ScheduleOptions = {}): SchedulePlan {
  const [own, options] = split(given);
  const rules = parseOptions(rulesSchema, own, 'schedule()', (message) => new InvalidArgumentError(message));
  const { startAt, endAt, ...others } = rules;
  const { cron, wire } = parseTimes(schedule);
  const isPlain = Object.keys(others).length === 0 && startAt === undefined && endAt === undefined;
  // The same call once more, by a program that starts again, is to make the same schedule and no second one.
  const isNamed = options.uniqueId !== undefined || options.generateUnique === false;
  return {
    options: isNamed ? options : { ...options, uniqueId: 'payload' },
    packet: (plain, priority) => {
      const times = { startAtMs: startAt?.getTime(), endAtMs: endAt?.getTime() };
      const text = toAscii({ cron, ...others, ...times, priority });
      const uniqueId = isNamed ? plain.uniqueId : toUniqueId(hashOf(plain.uniqueId, text));
      const job = { ...plain, uniqueId, magic: 'REQ' } as const;
      return isPlain && wire !== undefined && priority === 'normal'
        ? { type: 'SUBMIT_JOB_SCHED', ...job, ...wire }
        : { type: 'SUBMIT_SCHEDULE', ...job, options: text };
    },
  };
}

/** The options of a schedule, and those of any job. */
function split(given: ScheduleOptions): [rules: object, options: BackgroundOptions] {
  const entries = Object.entries(given);
  const rules = entries.filter(([name, value]) => RULES.includes(name) && value !== undefined);
  const others = entries.filter(([name]) => !RULES.includes(name));
  return [Object.fromEntries(rules), Object.fromEntries(others)];
}

function hashOf(payloadId: string, text: string): string {
  return createHash('sha256').update(`${payloadId}\0${text}`).digest('hex').slice(0, ID_DIGITS);
}

/** JSON as the packet has it: what is not ASCII as `\u` and four digits. */
function toAscii(object: object): string {
  const toEscape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(object).replaceAll(/[^ -~]/g, toEscape);
}
