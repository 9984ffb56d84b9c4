import { MAX_FUNCTION_NAME_BYTES, MAX_UNIQUE_ID_BYTES } from '@gearman/protocol';
import { z } from 'zod';
import { HIGH, LOW, NORMAL, type Priority } from '../engine/job.ts';
import { type HeldPayload, keepPayload, payloadBytes } from '../engine/payload.ts';
import { MAX_CRON_BYTES } from './timetable.ts';

/** What becomes of runs whose time passed while the server was down, or its clock was set: none, one, or all are made up for. */
export type CatchUp = 'none' | 'one' | 'all';
/** What becomes of a run while the job of the one before has not ended: both, the old one, or the new one. */
export type Overlap = 'allow' | 'skip' | 'replace';

/** When a schedule runs, and by what rules. */
export interface ScheduleRules {
  readonly cron: string;
  /** IANA name; undefined: that of the server. */
  readonly timeZone: string | undefined;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  /** No run before, and none after; milliseconds since 1970. */
  readonly startAtMs: number | undefined;
  readonly endAtMs: number | undefined;
  /** After so many runs it is over. */
  readonly limit: number | undefined;
  /** Runs are late by up to so many milliseconds, each by another. */
  readonly jitterMs: number;
  readonly priority: Priority;
}

/** What a schedule submits, and when. Names and ids are byte strings. */
export interface ScheduleDefinition extends ScheduleRules {
  readonly functionName: string;
  readonly uniqueId: string;
  readonly payload: HeldPayload;
}

/** How far a schedule has come. */
export interface ScheduleProgress {
  /** Every instant up to this one has had its turn. */
  readonly doneUntilMs: number;
  /** Jobs it has submitted by itself. */
  readonly runs: number;
  /** When it submitted the last one; 0 is never. */
  readonly lastRunMs: number;
  readonly paused: boolean;
}

const PRIORITIES = { high: HIGH, normal: NORMAL, low: LOW } as const;
const LATEST_DATE_MS = 8.64e15;
const moment = z.number().min(0).max(LATEST_DATE_MS);

const rules = {
  cron: z.string().min(1).max(MAX_CRON_BYTES),
  timeZone: z.string().min(1).max(64).optional(),
  catchUp: z.enum(['none', 'one', 'all']).default('one'),
  overlap: z.enum(['allow', 'skip', 'replace']).default('skip'),
  startAtMs: moment.optional(),
  endAtMs: moment.optional(),
  limit: z.int().min(1).optional(),
  jitterMs: z.number().min(0).max(86_400_000).default(0),
};

const optionsSchema = z.strictObject({
  ...rules,
  priority: z.enum(['high', 'normal', 'low']).default('normal'),
});

const definitionSchema = z.strictObject({
  ...rules,
  version: z.literal(1),
  handle: z.string().min(1).max(64),
  priority: z.union([z.literal(HIGH), z.literal(NORMAL), z.literal(LOW)]),
  functionName: z.string().max(MAX_FUNCTION_NAME_BYTES),
  uniqueId: z.string().max(MAX_UNIQUE_ID_BYTES),
  payload: z.base64(),
});

const progressSchema: z.ZodType<ScheduleProgress> = z.strictObject({
  doneUntilMs: moment,
  runs: z.int().min(0),
  lastRunMs: moment,
  paused: z.boolean(),
});

/** What a plain SUBMIT_JOB_SCHED means beside its fields. */
export const PLAIN_RULES: Omit<ScheduleRules, 'cron'> = {
  timeZone: undefined,
  catchUp: 'one',
  overlap: 'skip',
  startAtMs: undefined,
  endAtMs: undefined,
  limit: undefined,
  jitterMs: 0,
  priority: NORMAL,
};

/** Reads the options of a SUBMIT_SCHEDULE. @returns what is wrong with them, as text, or the rules */
export function parseRules(json: string): ScheduleRules | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return 'the options are not JSON';
  }
  const { success, data, error } = optionsSchema.safeParse(value);
  if (success) return { ...PLAIN_RULES, ...data, priority: PRIORITIES[data.priority] };
  const [issue] = error.issues;
  return [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ');
}

/** As a setting of the store. */
export function definitionToText(handle: string, definition: ScheduleDefinition): string {
  const payload = Buffer.from(payloadBytes(definition.payload)).toString('base64');
  const record = { version: 1, handle, ...definition, payload };
  // Always in the same order, so that what says the same is the same.
  return JSON.stringify(record, Object.keys(record).sort());
}

/** @throws when it is not what {@link definitionToText} wrote */
export function definitionFromText(text: string): {
  readonly handle: string;
  readonly definition: ScheduleDefinition;
} {
  const { handle, version: _, payload, ...rest } = definitionSchema.parse(JSON.parse(text));
  return {
    handle,
    definition: { ...PLAIN_RULES, ...rest, payload: keepPayload(Buffer.from(payload, 'base64')) },
  };
}

export function progressToText(progress: ScheduleProgress): string {
  return JSON.stringify(progress);
}

/** @throws when it is not what {@link progressToText} wrote */
export function progressFromText(text: string): ScheduleProgress {
  return progressSchema.parse(JSON.parse(text));
}

/** True when two definitions say the same. */
export function isSameDefinition(one: ScheduleDefinition, other: ScheduleDefinition): boolean {
  return definitionToText('', one) === definitionToText('', other);
}
