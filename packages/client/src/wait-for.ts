import type { Clock } from '@gearman/events';

/** `promise`, unless the signal is aborted before: then a rejection with its reason. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    // The reason is whatever the caller chose to abort with.
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** `promise`, unless the time runs out before. */
export function inTime<T>(
  promise: Promise<T>,
  clock: Clock,
  timeoutMs: number | undefined,
  timeoutError: (timeoutMs: number) => Error,
): Promise<T> {
  if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return promise;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => reject(timeoutError(timeoutMs)), { unref: true });
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
