import type { EventOf } from '@gearman/events';
import { z } from 'zod';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';

/** Which option hears which event. */
const EVENTS = {
  onCreated: 'created',
  onStatus: 'status',
  onData: 'data',
  onWarning: 'warning',
  onRetry: 'retry',
  onComplete: 'complete',
  onFail: 'fail',
  onException: 'exception',
} as const;

type CallbackName = keyof typeof EVENTS;

/** Calls for the events of a job, each with the event, as listeners that are there from the start. */
export type JobCallbacks = {
  readonly [N in CallbackName]?: (event: EventOf<JobEvent, (typeof EVENTS)[N]>) => void;
};

/** As a schema leaves them. */
export type GivenCallbacks = { readonly [N in CallbackName]?: JobCallbacks[N] | undefined };

const CALLBACKS = Object.keys(EVENTS) as readonly CallbackName[];

const callback = <N extends CallbackName>() =>
  z
    .custom<NonNullable<JobCallbacks[N]>>((value) => typeof value === 'function', 'must be a function')
    .optional();

/** The shape of {@link JobCallbacks}. */
export const callbacksShape = {
  onCreated: callback<'onCreated'>(),
  onStatus: callback<'onStatus'>(),
  onData: callback<'onData'>(),
  onWarning: callback<'onWarning'>(),
  onRetry: callback<'onRetry'>(),
  onComplete: callback<'onComplete'>(),
  onFail: callback<'onFail'>(),
  onException: callback<'onException'>(),
};

/** The callbacks among a job's options; undefined for none. */
export function pickCallbacks(options: GivenCallbacks): GivenCallbacks | undefined {
  for (const name of CALLBACKS) if (options[name] !== undefined) return options;
  return undefined;
}

/** Makes the callbacks hear the job. */
export function addCallbacks(job: Job<unknown, unknown>, callbacks: GivenCallbacks): void {
  for (const name of CALLBACKS) {
    const listener = callbacks[name];
    // The table above pairs them, which the loop cannot know.
    if (listener !== undefined) job.on(EVENTS[name], listener as (event: JobEvent<unknown>) => void);
  }
}
