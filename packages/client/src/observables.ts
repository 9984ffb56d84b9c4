import { Observable } from '@gearman/events';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';

/** Submits on subscribe, shows the job's events, detaches on unsubscribe. */
export function jobEvents$<O>(submit: () => Job<O>): Observable<JobEvent<O>> {
  return new Observable((subscriber) => {
    const job = submit();
    subscriber.add(() => job.detach());
    subscriber.add(job.events$.subscribe(subscriber));
  });
}

/** Submits on subscribe, shows the result, detaches on unsubscribe. */
export function jobResult$<O>(submit: () => Job<O>): Observable<O> {
  return new Observable((subscriber) => {
    const job = submit();
    subscriber.add(() => job.detach());
    job.then(
      (value) => {
        subscriber.next(value);
        subscriber.complete();
      },
      (error: unknown) => subscriber.error(error),
    );
  });
}
