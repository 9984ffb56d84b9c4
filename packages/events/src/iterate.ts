import type { EventSource } from './observe.ts';

/**
 * An emitter's events as an async iterable. Events wait in memory for a slow reader; leaving the loop, or an event for
 * which `isLast` holds, stops listening.
 *
 * @param past what comes first
 */
export function iterateEvents<E>(
  source: EventSource<E>,
  isLast: (event: E) => boolean,
  past: readonly E[] = [],
): AsyncIterableIterator<E> {
  const ready: E[] = [...past];
  const waiting: ((result: IteratorResult<E>) => void)[] = [];
  let ended = false;

  const listener = (event: E): void => {
    // An emitter that is calling its listeners may still call one that was just removed.
    if (ended) return;
    const reader = waiting.shift();
    if (reader === undefined) ready.push(event);
    else reader({ done: false, value: event });
    if (isLast(event)) end();
  };
  const end = (): void => {
    ended = true;
    source.off('event', listener);
    for (const reader of waiting.splice(0)) reader({ done: true, value: undefined });
  };
  if (past.some(isLast)) ended = true;
  else source.on('event', listener);

  return {
    next: () => {
      if (ready.length > 0) return Promise.resolve({ done: false, value: ready.shift() as E });
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => waiting.push(resolve));
    },
    return: () => {
      end();
      ready.length = 0;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
