import type { ListenerErrorEvent } from '@gearman/events';
import type { PoolEvent } from '@gearman/pool';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';

type WithJob<E> = E extends ListenerErrorEvent
  ? never
  : E & {
      /** The job it is about. */
      readonly job: Job<unknown, unknown>;
    };

/**
 * Everything a client tells, discriminated on `type`: what its connections tell, and what every job tells, with the
 * job. `close` comes last.
 */
export type ClientEvent = PoolEvent | WithJob<JobEvent<unknown>>;
