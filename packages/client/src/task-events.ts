import type { ListenerErrorEvent } from '@gearman/events';
import type { GearmanError, JobRef } from '@gearman/protocol';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import { JOB_EVENT_TYPES } from './outcome.ts';

/** One member of a task set or queue. */
export interface Task<O = Buffer> {
  /** Its place among all that were added, from 0. */
  readonly index: number;
  readonly functionName: string;
  /** Undefined for one in the background, which nobody can follow. */
  readonly job: Job<O, unknown> | undefined;
}

/** What became of a task: a result of bytes is a Buffer, and `String(value)` its text. */
export type TaskResult<O = Buffer> =
  /** It is over, or, in the background, accepted: then there is no `value`. */
  | (Task<O> & { readonly ok: true; readonly value: O | undefined; readonly ref: JobRef | undefined })
  | (Task<O> & { readonly ok: false; readonly error: GearmanError });

type WithTask<E, O> = E extends ListenerErrorEvent ? never : E & Pick<Task<O>, 'index' | 'job'>;

/** Everything the tasks of a set or queue tell, discriminated on `type`, and which of them. */
export type TaskEvent<O = Buffer> =
  | WithTask<JobEvent<O>, O>
  /** The last of one task: what became of it. */
  | {
      readonly type: 'result';
      readonly index: number;
      readonly job: Job<O, unknown> | undefined;
      readonly result: TaskResult<O>;
    }
  | ListenerErrorEvent;

/** The types of {@link TaskEvent}s that a task tells. */
export type TaskEventType = Exclude<TaskEvent['type'], 'listener-error'>;

/** All of them. */
export const TASK_EVENT_TYPES: readonly TaskEventType[] = [...JOB_EVENT_TYPES, 'result'];
