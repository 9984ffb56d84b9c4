import type { ListenerErrorEvent } from '@gearman/events';
import type { GearmanError } from '@gearman/protocol';
import type { Job } from './job.ts';
import type { JobCompletion, JobEvent, JobFailure } from './job-events.ts';

/** What became of a job, without throwing. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: GearmanError };

type ToldEvent<O = unknown> = Exclude<JobEvent<O>, ListenerErrorEvent>;
type LastEvent<O> = JobCompletion<O> | JobFailure;

/** Which events end a job. */
const ENDS: Readonly<Record<ToldEvent['type'], boolean>> = {
  submitted: false,
  created: false,
  status: false,
  data: false,
  warning: false,
  retry: false,
  complete: true,
  fail: true,
  exception: true,
  timeout: true,
  lost: true,
  cancelled: true,
};

/** The types of everything a job tells about itself. */
// The keys of a table are typed as any text.
export const JOB_EVENT_TYPES = Object.keys(ENDS) as readonly ToldEvent['type'][];
// The table has just told them apart.
const LAST = JOB_EVENT_TYPES.filter((type) => ENDS[type]) as readonly LastEvent<unknown>['type'][];

/**
 * Calls `listener` with everything the job tells from now on.
 *
 * Not by way of 'event': who listens to that gets the errors of other listeners, too, and nobody would be warned of them.
 */
export function forwardEvents<O>(job: Job<O, unknown>, listener: (event: ToldEvent<O>) => void): void {
  for (const type of JOB_EVENT_TYPES) job.on(type, listener);
}

/** Calls `listener` once, with what became of the job: now if it is over, else in the turn in which it ends. */
export function whenOver<O>(job: Job<O, unknown>, listener: (outcome: Outcome<O>) => void): void {
  const { state } = job;
  const tell = (event: LastEvent<O>): void => listener(outcomeOf(event));
  if (state.name === 'complete' || state.name === 'failed') tell(state.event);
  else for (const type of LAST) job.on(type, tell);
}

function outcomeOf<O>(event: LastEvent<O>): Outcome<O> {
  return event.type === 'complete' ? { ok: true, value: event.value } : { ok: false, error: event.error };
}
