import { Observable } from '@gearman/events';
import type { Job } from './job.ts';
import { isLastEvent, type JobEvent, type JobProgress } from './job-events.ts';

/** Submits on subscribe, shows the job's events, detaches on unsubscribe. */
export function jobEvents$<O>(submit: () => Job<O, unknown>): Observable<JobEvent<O>> {
  return new Observable((subscriber) => {
    const job = submit();
    subscriber.add(() => job.detach());
    subscriber.add(job.events$.subscribe(subscriber));
  });
}

/** Submits on subscribe, shows the result, detaches on unsubscribe. */
export function jobResult$<O>(submit: () => Job<O, unknown>): Observable<O> {
  return new Observable((subscriber) => {
    const job = submit();
    subscriber.add(() => job.detach());
    subscriber.add(settled$(job).subscribe(subscriber));
  });
}

/** The result of a job, and its failure as an error: at once if it is over, else in the turn in which it ends. */
export function settled$<O>(job: Job<O, unknown>): Observable<O> {
  return new Observable((subscriber) =>
    job.events$.subscribe((event) => {
      if (event.type === 'complete') {
        subscriber.next(event.value);
        subscriber.complete();
      } else if (isLastEvent(event)) subscriber.error(event.error);
    }),
  );
}

/** The progress of a job. */
export function jobProgress$<O>(job: Job<O, unknown>): Observable<JobProgress> {
  return new Observable((subscriber) =>
    job.events$.subscribe({
      next: (event) => {
        if (event.type !== 'status') return;
        const { numerator, denominator, fraction } = event;
        subscriber.next({ numerator, denominator, fraction });
      },
      complete: () => subscriber.complete(),
    }),
  );
}
