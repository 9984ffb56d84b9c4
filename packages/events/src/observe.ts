import { Observable } from 'rxjs';

/** What the bridges need of an emitter. */
export interface EventSource<E> {
  on(name: 'event', listener: (event: E) => void): unknown;
  off(name: 'event', listener: (event: E) => void): unknown;
}

/**
 * A hot view of an emitter; completes after an event for which `isLast` holds, and stops listening on unsubscribe.
 *
 * @param past what a late subscriber gets first
 */
export function observe<E>(
  source: EventSource<E>,
  isLast: (event: E) => boolean,
  past: () => readonly E[] = () => [],
): Observable<E> {
  return new Observable((subscriber) => {
    let telling = true;
    const meanwhile: E[] = [];
    const deliver = (event: E): void => {
      subscriber.next(event);
      if (isLast(event)) subscriber.complete();
    };
    // What happens while the past is told comes behind it.
    const listener = (event: E): void => {
      if (telling) meanwhile.push(event);
      else deliver(event);
    };
    source.on('event', listener);
    for (const event of past()) deliver(event);
    for (const event of meanwhile) deliver(event);
    telling = false;
    return () => source.off('event', listener);
  });
}
