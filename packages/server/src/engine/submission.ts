import type { OwnDedupRules } from './dedup.ts';
import type { Job, Priority } from './job.ts';
import type { OwnRules } from './job-policy.ts';
import type { PayloadFile } from './payload-file.ts';

/** What a submit asks for. */
export interface Submission {
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: Uint8Array | PayloadFile;
  readonly priority: Priority;
  readonly background: boolean;
  /** Not before this moment, in milliseconds since 1970; 0 means now. */
  readonly runAtMs: number;
  readonly reducer: string | undefined;
  /** What it says beyond the protocol. */
  readonly rules?: OwnRules | undefined;
  /** Whether an earlier submit stands for it, in place of what its function says. */
  readonly dedup?: OwnDedupRules | undefined;
}

/**
 * What a submit comes to: a job, or why there is none, or the number of a parked job with which it merges. A background
 * submit is thereby through; a foreground one is to be repeated when the job is back, see `Engine.recall`.
 */
export type Submitted = Job | SubmitRefusal | number;

/** Why a submit made no job. */
export type SubmitRefusal =
  | 'unique-too-large'
  | 'function-too-large'
  | 'unique-in-stream'
  | 'reducer-too-large'
  | 'too-many-functions'
  | 'no-worker'
  | 'queue-full'
  | 'too-many-jobs'
  | 'memory-full'
  | 'no-memory'
  | 'too-many-dedup-ids'
  | 'shutting-down';

/** Why a CAN_DO registered nothing. */
export type RegisterRefusal = 'too-many-functions' | 'too-many-registrations';
