/**
 * What gearmand's timer for jobs with a time limit guards. It has one per connection, not one per job, which:
 *
 * - is started by the assignment of a job with a limit, and cancelled by that of a job without one;
 * - is cancelled by PRE_SLEEP, also when the job runs on;
 * - is not cancelled by the end of its job. When it goes off later, it corrupts the server's counters.
 *
 * So a worker may not sleep while the timer guards a running job, and should as soon as the timer is stale.
 *
 * @see gearmand issue 301; our own server has a timer per job and none of this
 */
export type ServerTimer = 'off' | 'guarding' | 'stale';

/** The timer after a job was assigned. */
export function afterAssign(timer: ServerTimer, hasLimit: boolean): ServerTimer {
  if (!hasLimit) return 'off';
  // gearmand 1.1.20 starts it anew but leaves it pointing to the job that has ended.
  return timer === 'stale' ? 'stale' : 'guarding';
}

/** The timer after a job with a limit has ended: with several of them nobody knows whose it is. */
export function afterEnd(timer: ServerTimer): ServerTimer {
  return timer === 'guarding' ? 'stale' : timer;
}
