import { parseOptions } from '@gearman/events';
import { DEFAULT_MAX_PACKET_BYTES, InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { callbacksShape, type GivenCallbacks, pickCallbacks } from './callbacks.ts';
import { jobRulesShape, toWireRules } from './job-rules.ts';
import type { BackgroundOptions, JobDefaults, Priority, SubmitOptions } from './options.ts';
import { type GivenRetries, type RetrySettings, retriesOption, toRetrySettings } from './retry.ts';

/** What is left to decide for one job when its options are parsed. */
export interface JobSettings {
  readonly priority: Priority;
  readonly uniqueId: string | undefined;
  readonly generateUnique: boolean | undefined;
  readonly submitTimeoutMs: number;
  readonly createdTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly timeoutMs: number;
  readonly tryTimeoutMs: number;
  readonly cancelOnTimeout: boolean;
  readonly cancelOnAbort: boolean;
  readonly retries: RetrySettings | undefined;
  readonly resubmit: 'never' | 'if-unique' | 'always';
  readonly onQueueFull: 'fail' | 'wait';
  readonly dataMode: 'join' | 'events';
  readonly server: string | undefined;
  readonly maxPayloadBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly callbacks: GivenCallbacks | undefined;
  /** What the server is told beyond the protocol, as it reads it. */
  readonly rules: object | undefined;
  /** It may be answered with a job that another one of this client is. */
  readonly sharesJobs: boolean;
  /** Whether it may be tried more than once, or has a time-out for all of it: most jobs need not keep track of that. */
  readonly repeatable: boolean;
}

const timeoutMs = z.union([z.number().positive(), z.literal(Number.POSITIVE_INFINITY)]).optional();
const flag = z.boolean().optional();

const sharedShape = {
  priority: z.enum(['high', 'normal', 'low']).optional(),
  generateUnique: flag,
  submitTimeoutMs: timeoutMs,
  createdTimeoutMs: timeoutMs,
  timeoutMs,
  tryTimeoutMs: timeoutMs,
  retries: retriesOption,
  resubmit: z.enum(['never', 'if-unique', 'always']).optional(),
  onQueueFull: z.enum(['fail', 'wait']).optional(),
};

/** The shape of {@link JobDefaults}. */
export const defaultsShape = {
  ...sharedShape,
  responseTimeoutMs: timeoutMs,
  cancelOnTimeout: flag,
  cancelOnAbort: flag,
  dataMode: z.enum(['join', 'events']).optional(),
};

const oneJobShape = {
  uniqueId: z.string().optional(),
  server: z.string().optional(),
  maxPayloadBytes: z.number().int().positive().optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'must be an AbortSignal').optional(),
};

const backgroundSchema = z.strictObject({ ...sharedShape, ...oneJobShape, ...jobRulesShape });
const submitSchema = z.strictObject({
  ...defaultsShape,
  ...oneJobShape,
  ...jobRulesShape,
  ...callbacksShape,
});
const defaultsSchema = z.strictObject(defaultsShape);

const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);

const INITIAL: JobSettings = {
  priority: 'normal',
  uniqueId: undefined,
  generateUnique: undefined,
  submitTimeoutMs: 10_000,
  createdTimeoutMs: 10_000,
  responseTimeoutMs: Number.POSITIVE_INFINITY,
  timeoutMs: Number.POSITIVE_INFINITY,
  tryTimeoutMs: Number.POSITIVE_INFINITY,
  cancelOnTimeout: false,
  cancelOnAbort: false,
  retries: undefined,
  resubmit: 'if-unique',
  onQueueFull: 'fail',
  dataMode: 'join',
  server: undefined,
  maxPayloadBytes: DEFAULT_MAX_PACKET_BYTES,
  signal: undefined,
  callbacks: undefined,
  rules: undefined,
  sharesJobs: false,
  repeatable: false,
};

/** What a job without options gets. The options are checked already. */
export function initialSettings(options: JobDefaults): JobSettings {
  return fillIn(options, INITIAL);
}

/** Other defaults in the place of these. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseDefaults(options: JobDefaults, defaults: JobSettings): JobSettings {
  return fillIn(parseOptions<Given>(defaultsSchema, options, 'with()', fail), defaults);
}

/** Checks the options of one foreground job. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseSubmitOptions(options: SubmitOptions | undefined, defaults: JobSettings): JobSettings {
  // Most jobs have none: nothing to parse, nothing to build.
  if (options === undefined) return defaults;
  return fillIn(parseOptions<Given>(submitSchema, options, 'submit()', fail), defaults);
}

/** Checks the options of one background job. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseBackgroundOptions(
  options: BackgroundOptions | undefined,
  defaults: JobSettings,
  where = 'submitBackground()',
): JobSettings {
  if (options === undefined) return defaults;
  return fillIn(parseOptions<Given>(backgroundSchema, options, where, fail), defaults);
}

/** As a schema leaves them. */
type Given = {
  readonly [K in keyof Omit<SubmitOptions, 'retries'>]?: SubmitOptions[K] | undefined;
} & { readonly retries?: GivenRetries | undefined };

function fillIn(given: Given, defaults: JobSettings): JobSettings {
  const settings = {
    priority: given.priority ?? defaults.priority,
    uniqueId: given.uniqueId,
    generateUnique: given.generateUnique ?? defaults.generateUnique,
    submitTimeoutMs: given.submitTimeoutMs ?? defaults.submitTimeoutMs,
    createdTimeoutMs: given.createdTimeoutMs ?? defaults.createdTimeoutMs,
    responseTimeoutMs: given.responseTimeoutMs ?? defaults.responseTimeoutMs,
    timeoutMs: given.timeoutMs ?? defaults.timeoutMs,
    tryTimeoutMs: given.tryTimeoutMs ?? defaults.tryTimeoutMs,
    cancelOnTimeout: given.cancelOnTimeout ?? defaults.cancelOnTimeout,
    cancelOnAbort: given.cancelOnAbort ?? defaults.cancelOnAbort,
    retries: given.retries === undefined ? defaults.retries : toRetrySettings(given.retries),
    resubmit: given.resubmit ?? defaults.resubmit,
    onQueueFull: given.onQueueFull ?? defaults.onQueueFull,
    dataMode: given.dataMode ?? defaults.dataMode,
    server: given.server,
    maxPayloadBytes: given.maxPayloadBytes ?? defaults.maxPayloadBytes,
    signal: given.signal,
    callbacks: pickCallbacks(given),
    rules: toWireRules(given),
    sharesJobs: given.dedup !== undefined,
  };
  return { ...settings, repeatable: isRepeatable(settings) };
}

function isRepeatable(settings: Omit<JobSettings, 'repeatable'>): boolean {
  const { timeoutMs, tryTimeoutMs, retries, resubmit, onQueueFull, uniqueId = '' } = settings;
  return (
    retries !== undefined ||
    resubmit === 'always' ||
    (resubmit === 'if-unique' && uniqueId !== '') ||
    onQueueFull === 'wait' ||
    Number.isFinite(timeoutMs) ||
    Number.isFinite(tryTimeoutMs)
  );
}
