import type { StoredJob } from '../store/store.ts';
import type { FunctionTable } from './function-table.ts';
import { Job } from './job.ts';
import { JobPolicy } from './job-policy.ts';
import { storedPayload } from './payload.ts';

/** A job as the store has it, whole again. */
export function restoredJob(stored: StoredJob, functions: FunctionTable): Job {
  const { number, functionName, uniqueId, priority, reducer } = stored;
  const fn = functions.restore(functionName);
  const job = new Job(number, fn, uniqueId, storedPayload(stored), priority, true, reducer);
  job.retries = stored.attempts;
  job.policy = JobPolicy.restore(fn.rules, stored.extra);
  job.commit = 'stored';
  return job;
}
