import { Observable } from '@gearman/events';
import type { WorkerJob } from './worker-job.ts';

/** What {@link jobs$} needs of a worker. */
export interface JobSource {
  register(next: (job: WorkerJob) => void): { unregister(): Promise<void> };
  /** Calls back when the worker has stopped; the result stops listening. */
  onStop(callback: () => void): () => void;
}

/** Jobs as an Observable: subscribing registers the function, unsubscribing takes it back. */
export function jobs$(source: JobSource): Observable<WorkerJob> {
  return new Observable((subscriber) => {
    const registration = source.register((job) => subscriber.next(job));
    const forget = source.onStop(() => subscriber.complete());
    return () => {
      forget();
      // Rejects for wrong options only.
      void registration.unregister();
    };
  });
}

/** The present value at once, and again whenever `watch` calls back; completes when `isLast` holds for one. */
export function states$<T>(
  read: () => T,
  watch: (onChange: () => void) => () => void,
  isLast: (value: T) => boolean,
): Observable<T> {
  return new Observable((subscriber) => {
    const tell = (): void => {
      const value = read();
      subscriber.next(value);
      if (isLast(value)) subscriber.complete();
    };
    const forget = watch(tell);
    tell();
    return forget;
  });
}
