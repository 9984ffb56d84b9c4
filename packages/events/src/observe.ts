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
    const deliver = (event: E): void => {
      subscriber.next(event);
      if (isLast(event)) subscriber.complete();
    };
    // What happens while the past is told comes behind it.
    const present: E[] = [];
    const collect = (event: E): void => {
      present.push(event);
    };
    source.on('event', collect);
    for (const event of past()) deliver(event);
    source.off('event', collect);
    for (const event of present) deliver(event);
    if (subscriber.closed) return undefined;
    source.on('event', deliver);
    return () => source.off('event', deliver);
  });
}
