import type { ConnectionStateName } from '@gearman/pool';
import type { GrabLoop } from './grab-loop.ts';
import type { GrabStateName } from './grab-state.ts';

/** What a worker is doing. */
export type WorkerState = 'idle' | 'started' | 'stopping' | 'stopped';

/** A worker as it is now. */
export interface WorkerStatus {
  readonly state: WorkerState;
  readonly concurrency: number;
  /** Jobs whose handlers run. Never more than `concurrency`. */
  readonly running: number;
  /** The registered functions. */
  readonly functions: readonly string[];
  readonly servers: readonly WorkerServerStatus[];
}

/** What a worker does with one server. */
export interface WorkerServerStatus {
  /** The server as `host:port`. */
  readonly server: string;
  readonly connection: ConnectionStateName;
  /** `hungry` wants jobs and has no free slot, `asleep` waits to be woken, `dozing` asks again by itself. */
  readonly loop: GrabStateName;
  /** Jobs of this server whose handlers run. */
  readonly running: number;
}

/** What `worker.stop()` came to. */
export interface StopReport {
  /** Jobs that ended since `stop()` was called, and whose end the server was told. */
  readonly finished: number;
  /** Jobs that were cut short: the server gives them to another worker. */
  readonly aborted: number;
}

/** One loop as people see it. */
export function serverStatus({ connection, state, jobs }: GrabLoop): WorkerServerStatus {
  return {
    server: connection.server,
    connection: connection.state.name,
    loop: state,
    running: jobs.size,
  };
}
