import { MAX_FUNCTION_NAME_BYTES, SERVER_ERRORS, type ServerErrorText } from '@gearman/protocol';
import type { RegisterRefusal, SubmitRefusal } from '../engine/submission.ts';
import type { LimitName } from '../net/limit-log.ts';

/** ERROR packets that gearmand does not have, for what gearmand leaves unanswered or has no limit for. */
export const OWN_ERRORS = {
  badEpoch: { code: 'INVALID_ARGUMENT', text: 'The time of the job does not fit in 64 bits' },
  functionTooLarge: {
    code: 'ARGUMENT_TOO_LARGE',
    text: `The function name of a job that is kept has at most ${MAX_FUNCTION_NAME_BYTES} bytes`,
  },
  scheduleTooLarge: { code: 'ARGUMENT_TOO_LARGE', text: 'The payload of the schedule is too large' },
  tooManySchedules: { code: 'QUEUE_ERROR', text: 'No more schedules are accepted' },
  noWorker: { code: 'NO_WORKER', text: 'No worker has registered the function' },
  tooManyFunctions: { code: 'TOO_MANY_FUNCTIONS', text: 'No more functions are accepted' },
  shuttingDown: { code: 'SHUTTING_DOWN', text: 'The server is shutting down and accepts no jobs' },
  /** Word for word what abraxas answers. */
  uniqueInStream: {
    code: 'NO_SUCH_JOB',
    text: "Can't create a foreground job with a uniqueid with streaming enabled",
  },
} as const satisfies Record<string, ServerErrorText>;

/** What a refused request is answered, and the limit it met, if it met one of the server's. */
export interface Refusal {
  readonly error: ServerErrorText;
  readonly limit?: LimitName;
}

export const REFUSALS: { readonly [R in SubmitRefusal | RegisterRefusal]: Refusal } = {
  'unique-too-large': { error: SERVER_ERRORS.uniqueTooLarge },
  // gearmand says so of reducers, too.
  'reducer-too-large': { error: SERVER_ERRORS.uniqueTooLarge },
  'function-too-large': { error: OWN_ERRORS.functionTooLarge },
  'unique-in-stream': { error: OWN_ERRORS.uniqueInStream },
  'no-worker': { error: OWN_ERRORS.noWorker },
  'queue-full': { error: SERVER_ERRORS.queueFull },
  'too-many-jobs': { error: SERVER_ERRORS.queueFull, limit: 'maxJobs' },
  'memory-full': { error: SERVER_ERRORS.queueFull, limit: 'maxQueueBytes' },
  'no-memory': { error: SERVER_ERRORS.queueFull, limit: 'maxMemoryBytes' },
  'too-many-dedup-ids': { error: SERVER_ERRORS.queueFull, limit: 'maxDedupIds' },
  'too-many-functions': { error: OWN_ERRORS.tooManyFunctions, limit: 'maxFunctions' },
  'too-many-registrations': { error: OWN_ERRORS.tooManyFunctions, limit: 'maxFunctionsPerConnection' },
  'shutting-down': { error: OWN_ERRORS.shuttingDown },
};

/** What the submit of a job is answered that the store does not take. */
export function storeRefusal(cause: Error): ServerErrorText {
  return { code: 'QUEUE_ERROR', text: `The job cannot be stored: ${cause.message}` };
}
