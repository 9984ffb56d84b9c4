import { Observable } from '@gearman/events';
import { parseUnregisterOptions, type UnregisterOptions } from './call-options.ts';
import type { FunctionStatus } from './function-reports.ts';
import type { QueueLimit } from './register-options.ts';
import type { FunctionEntry } from './registry.ts';
import type { WorkerEvent } from './worker-events.ts';

/** One registered function. */
export interface Registration {
  readonly functionName: string;
  /** The worker's events that are about this function and its jobs. Completes with the worker. */
  readonly events$: Observable<WorkerEvent>;
  /**
   * Takes the function back. Running jobs of it finish first, and until then the connections they run on ask for no
   * jobs at all, because a server requeues the running jobs of a function that is taken back.
   *
   * @returns a promise resolved when every server has been told. Do not await it in a handler of this function. Does
   * nothing when the function has been taken back or registered anew. It rejects only with
   * `ERR_GEARMAN_INVALID_ARGUMENT`, for wrong options
   */
  unregister(options?: UnregisterOptions): Promise<void>;
  /**
   * Limits how many jobs of the function each server may have, now and on every later connect; null takes the limit
   * back. A server that refuses it is a `max-queue-refused` event of the pool.
   *
   * @returns a promise resolved when all connected servers have read it. It rejects with
   * `ERR_GEARMAN_INVALID_ARGUMENT`, also for a name with a space, `ERR_GEARMAN_CONNECTION_LOST`,
   * `ERR_GEARMAN_REPLY_TIMEOUT` or `ERR_GEARMAN_CLOSED`; the next connect tells it again
   */
  maxQueue(limit: QueueLimit | null): Promise<void>;
  /**
   * Jobs and workers of the function, on all connected servers together, asked over short connections of their own.
   * Rejects with `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_REPLY_TIMEOUT`, `ERR_GEARMAN_CONNECTION_LOST` or
   * `ERR_GEARMAN_CLOSED`.
   */
  status(): Promise<FunctionStatus>;
}

/** What a registration asks of its worker. */
export interface RegistrationHost {
  readonly events$: Observable<WorkerEvent>;
  takeBack(entry: FunctionEntry, drain: boolean): Promise<void>;
  limitQueue(entry: FunctionEntry, limit: QueueLimit | null): Promise<void>;
  report(entry: FunctionEntry): Promise<FunctionStatus>;
}

export function createRegistration(entry: FunctionEntry, host: RegistrationHost): Registration {
  const { functionName } = entry;
  return {
    functionName,
    get events$() {
      return eventsOf(functionName, host.events$);
    },
    unregister: async (options = {}) => host.takeBack(entry, parseUnregisterOptions(options).drain),
    maxQueue: (limit) => host.limitQueue(entry, limit),
    status: () => host.report(entry),
  };
}

function eventsOf(functionName: string, events$: Observable<WorkerEvent>): Observable<WorkerEvent> {
  return new Observable((subscriber) =>
    events$.subscribe({
      next: (event) => {
        const about = 'job' in event ? event.job.functionName : 'functionName' in event && event.functionName;
        if (about === functionName) subscriber.next(event);
      },
      complete: () => subscriber.complete(),
    }),
  );
}
