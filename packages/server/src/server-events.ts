import type { ListenerErrorEvent } from '@gearman/events';
import type { Fate } from './engine/afterlife.ts';
import type { JobEnd, RequeueReason } from './engine/observer.ts';

/** Where a connection comes from. */
export interface ConnectionInfo {
  /** Counts the connections of this server. */
  readonly connectionId: number;
  /** The peer's address, or what it is connected through. */
  readonly address: string;
}

/** Which job an event is about. */
export interface JobInfo {
  readonly handle: string;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly priority: 'high' | 'normal' | 'low';
  readonly background: boolean;
}

/** Everything a server tells, discriminated on `type`. */
export type ServerEvent =
  /** It accepts connections at one more address. */
  | {
      readonly type: 'listening';
      readonly protocol: 'gearman' | 'http';
      readonly address: string;
      readonly port: number | undefined;
    }
  | ({ readonly type: 'connect' } & ConnectionInfo)
  /** The connection is gone; its jobs have been given back. */
  | ({ readonly type: 'disconnect'; readonly reason: string } & ConnectionInfo)
  /** A peer sent something it should not have. */
  | ({ readonly type: 'peer-error'; readonly message: string } & ConnectionInfo)
  | { readonly type: 'function-created'; readonly functionName: string }
  | { readonly type: 'function-dropped'; readonly functionName: string }
  /** A new job, not one that merged into another. */
  | ({ readonly type: 'job-queued' } & JobInfo)
  | ({ readonly type: 'job-assigned'; readonly connectionId: number } & JobInfo)
  /** Its worker was lost, was too slow, failed at it or gave it back; it may run again after `delayMs`. */
  | ({
      readonly type: 'job-requeued';
      readonly reason: RequeueReason;
      readonly retries: number;
      readonly delayMs: number;
    } & JobInfo)
  /** `fate`: a background job that failed for good is kept (`dead`) or went on as a job of another function (`moved`). */
  | ({ readonly type: 'job-ended'; readonly how: JobEnd; readonly fate: Fate | undefined } & JobInfo)
  /** A peer did not get through the TLS handshake; it never became a connection. */
  | { readonly type: 'handshake-failed'; readonly address: string; readonly reason: string }
  /** The store did not take new jobs; their clients were told. */
  | { readonly type: 'store-refused'; readonly error: Error; readonly jobs: number }
  /** Nothing can be recorded any more: another job server has the store, for example. */
  | { readonly type: 'store-broken'; readonly error: Error }
  /** Accepting failed, for example because descriptors ran out; the server goes on. */
  | { readonly type: 'accept-error'; readonly error: Error }
  /** The last event. */
  | { readonly type: 'closed' }
  | ListenerErrorEvent;
