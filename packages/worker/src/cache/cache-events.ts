import type { ListenerErrorEvent } from '@gearman/events';

/** Everything a cache tells, discriminated on `type`; `name` is the name that sets the results of a function apart. */
export type CacheEvent =
  /** A job got a result that was kept, of this age in milliseconds. */
  | { readonly type: 'hit'; readonly name: string; readonly ageMs: number }
  /** No result was kept, or it is too old: the handler runs. */
  | { readonly type: 'miss'; readonly name: string }
  /** A job got the result of a handler that ran for another job. */
  | { readonly type: 'shared'; readonly name: string }
  /** A job got an old result, because the new one is empty, or the handler failed with `error`. */
  | {
      readonly type: 'stale';
      readonly name: string;
      readonly ageMs: number;
      readonly reason: 'empty' | 'error';
      readonly error: unknown;
    }
  /** A result is too large to be kept. */
  | { readonly type: 'too-large'; readonly name: string; readonly resultBytes: number }
  /** The store did not do what it should: jobs run as if there were none. */
  | {
      readonly type: 'store-error';
      readonly operation: 'get' | 'set' | 'delete' | 'clear' | 'connection';
      readonly error: unknown;
    }
  | ListenerErrorEvent;
