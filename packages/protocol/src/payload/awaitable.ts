/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value at once when it is there: only what really waits costs a turn of the event loop. */
export function andThen<T, U>(value: Awaitable<T>, step: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(step) : step(value);
}
