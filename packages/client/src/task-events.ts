import type { ListenerErrorEvent } from '@gearman/events';
import type { GearmanError, JobRef } from '@gearman/protocol';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import { JOB_EVENT_TYPES } from './outcome.ts';

/** One member of a task set or queue. */
export interface Task {
  /** Its place among all that were added, from 0. */
  readonly index: number;
  readonly functionName: string;
  /** Undefined for one in the background, which nobody can follow. */
  readonly job: Job | undefined;
}

/** What became of a task. */
export type TaskResult =
  /** It is over, or, in the background, accepted: then there is no `value`. */
  | (Task & { readonly ok: true; readonly value: Uint8Array | undefined; readonly ref: JobRef | undefined })
  | (Task & { readonly ok: false; readonly error: GearmanError });

type WithTask<E> = E extends ListenerErrorEvent ? never : E & Pick<Task, 'index' | 'job'>;

/** Everything the tasks of a set or queue tell, discriminated on `type`, and which of them. */
export type TaskEvent =
  | WithTask<JobEvent>
  /** The last of one task: what became of it. */
  | {
      readonly type: 'result';
      readonly index: number;
      readonly job: Job | undefined;
      readonly result: TaskResult;
    }
  | ListenerErrorEvent;

/** The types of {@link TaskEvent}s that a task tells. */
export type TaskEventType = Exclude<TaskEvent['type'], 'listener-error'>;

/** All of them. */
export const TASK_EVENT_TYPES: readonly TaskEventType[] = [...JOB_EVENT_TYPES, 'result'];
