import { type Clock, Observable, type Timer } from '@gearman/events';
import type { JobStatus } from './status.ts';

/** Asks again and again, until the job is not known. */
export function watchStatus$(
  ask: () => Promise<JobStatus>,
  clock: Clock,
  intervalMs: number,
): Observable<JobStatus> {
  return new Observable((subscriber) => {
    let timer: Timer | undefined;
    const look = (): void => {
      ask().then(
        (status) => {
          subscriber.next(status);
          if (!status.known) subscriber.complete();
          // Whoever has had enough meanwhile is not asked for any more.
          else if (!subscriber.closed) timer = clock.setTimer(intervalMs, look, { unref: true });
        },
        (error: unknown) => subscriber.error(error),
      );
    };
    look();
    return () => timer?.cancel();
  });
}
