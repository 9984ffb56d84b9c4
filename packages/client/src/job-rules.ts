import { decodeText, encodeOptions, InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { Priority } from './options.ts';
import type { SubmitPacket } from './submission.ts';

/** How a run of a job came to nothing: its worker said so, threw, took too long, or was lost. */
export type AttemptFailure = 'fail' | 'exception' | 'timeout' | 'lost';

/** How often the server has a job tried. */
export interface ServerRetry {
  /** Runs in all, the first one included; 1 to 1,000,000. */
  readonly attempts: number;
  /** How long the job waits before its next attempt. What is left out is as the server has it, see its documentation. */
  readonly backoff?:
    | {
        /** @defaultValue `'exponential'` */
        readonly type?: 'fixed' | 'exponential' | undefined;
        /** Before the second attempt, in milliseconds. @defaultValue 1000 */
        readonly delayMs?: number | undefined;
        /** With `exponential`: how many times longer each delay is than the one before. @defaultValue 2 */
        readonly factor?: number | undefined;
        /** No delay is longer, in milliseconds. @defaultValue 3_600_000 */
        readonly maxMs?: number | undefined;
        /** Each delay is shortened by a random part of this part of it, 0 to 1. @defaultValue 0.2 */
        readonly jitter?: number | undefined;
      }
    | undefined;
  /** What another attempt follows on. @defaultValue all four */
  readonly on?: readonly AttemptFailure[] | undefined;
}

/**
 * What the server is told about one job beyond the protocol. A server that cannot do so (gearmand, for one) ends the job
 * with `ERR_GEARMAN_UNSUPPORTED`: nothing is submitted.
 */
export interface JobRules {
  /**
   * How often the server has the job tried, in place of what it does with jobs of this function. A failure is heard of
   * after the last attempt. Unlike `retries`, it is one job all the time, and it goes on without this client.
   *
   * @defaultValue as the server has it for the function; mostly once
   */
  readonly serverRetry?: ServerRetry;
  /**
   * How long the job may wait for its first run, in milliseconds from when it may run. One that waits longer fails, and
   * no worker gets it.
   *
   * @defaultValue as the server has it for the function; mostly for ever
   */
  readonly ttlMs?: number;
  /** When the job must have begun: no attempt begins later. @defaultValue none */
  readonly deadline?: Date;
  /** How long the job waits before it may run, in milliseconds by the server's clock. @defaultValue 0 */
  readonly delayMs?: number;
  /** Whether the server keeps the result of the job when it is over, see `client.result()`. @defaultValue as the server has it */
  readonly keepResult?: KeepResult;
  /**
   * Whether an earlier job stands for this one, in place of what the server does with jobs of this function. Then no job
   * is made, and `deduplicated` of the job, or of the reference, is true. Each server looks at its own jobs only.
   *
   * @defaultValue as the server has it for the function; mostly as unique ids do
   */
  readonly dedup?: Dedup;
}

/** When an earlier job of the same function stands for a later one with the same id. */
export interface Dedup {
  /** 1 to 256 characters, 64 bytes with `attach`. @defaultValue the unique id, which background jobs are given a new one of */
  readonly id?: string | undefined;
  /**
   * `attach`: while the job lives. `drop`: while it lives, and within the window. `throttle`: within the window only, so
   * that there is at most one new job per window.
   */
  readonly mode: 'attach' | 'drop' | 'throttle';
  /** How long the window is, in milliseconds from the submit that made the job; `throttle` needs one. @defaultValue 0 */
  readonly windowMs?: number | undefined;
}

/** How the server keeps the result of a job. */
export interface KeepResult {
  /** For how long, in milliseconds. @defaultValue 3_600_000 */
  readonly ttlMs?: number | undefined;
  /** How large it may be, in bytes, at most 1 MiB. @defaultValue 64 KiB */
  readonly maxBytes?: number | undefined;
}

const ms = z.number().min(0);

/** The shape of {@link JobRules}. Ranges are the server's to know. */
export const jobRulesShape = {
  serverRetry: z
    .strictObject({
      attempts: z.number().int().min(1),
      backoff: z
        .strictObject({
          type: z.enum(['fixed', 'exponential']).optional(),
          delayMs: ms.optional(),
          factor: z.number().min(1).optional(),
          maxMs: ms.optional(),
          jitter: z.number().min(0).max(1).optional(),
        })
        .optional(),
      on: z
        .array(z.enum(['fail', 'exception', 'timeout', 'lost']))
        .min(1)
        .optional(),
    })
    .optional(),
  ttlMs: z.number().positive().optional(),
  deadline: z.date().optional(),
  delayMs: ms.optional(),
  keepResult: z.strictObject({ ttlMs: ms.optional(), maxBytes: ms.optional() }).optional(),
  dedup: z
    .strictObject({
      id: z.string().min(1).max(256).optional(),
      mode: z.enum(['attach', 'drop', 'throttle']),
      windowMs: ms.optional(),
    })
    .refine(({ mode, windowMs = 0 }) => mode !== 'throttle' || windowMs > 0, 'throttle needs windowMs')
    .optional(),
};

/** The rules among the options of a job, as the server reads them; undefined when there are none. */
export function toWireRules(
  given: {
    readonly [K in keyof JobRules]?: JobRules[K] | undefined;
  },
): object | undefined {
  const { serverRetry: retry, ttlMs, deadline, delayMs, keepResult, dedup } = given;
  const rules = { retry, ttlMs, deadlineMs: deadline?.getTime(), delayMs, keepResult, dedup };
  return Object.values(rules).every((value) => value === undefined) ? undefined : rules;
}

/** The packet that submits the same job with rules. @throws InvalidArgumentError for a recurring one, which has none */
export function withRules(packet: SubmitPacket, rules: object, priority: Priority): SubmitPacket {
  const { functionName, uniqueId, workload } = packet;
  const background = packet.type.endsWith('_BG') || packet.type.endsWith('_BACKGROUND');
  let options: object = { ...rules, background, priority };
  if (packet.type === 'SUBMIT_JOB_SCHED')
    throw new InvalidArgumentError(
      'schedule(): serverRetry, ttlMs, deadline, delayMs, keepResult and dedup are for single jobs',
    );
  if (packet.type === 'SUBMIT_JOB_EPOCH')
    options = { ...rules, background: true, runAtMs: Number(packet.epoch) * 1000 };
  if ('reducer' in packet) options = { ...options, reducer: decodeText(packet.reducer) };
  return {
    ...{ type: 'SUBMIT_JOB_WITH', magic: 'REQ', functionName, uniqueId, workload },
    options: encodeOptions(options),
  };
}
