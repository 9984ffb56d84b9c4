import type { Clock } from '@gearman/events';
import type { Connection, ConnectionStateName } from '@gearman/pool';
import type { GrabLoop } from './grab-loop.ts';
import type { GrabStateName } from './grab-state.ts';

/** What a worker is doing. */
export type WorkerState = 'idle' | 'started' | 'stopping' | 'stopped';

/** Why a worker does not ask one of its servers for jobs: by `pause()` or by `stop({ server })`. */
export type RestReason = 'paused' | 'stopped';

/** A worker as it is now. */
export interface WorkerStatus {
  readonly state: WorkerState;
  readonly concurrency: number;
  /** Jobs whose handlers run. Never more than `concurrency`, but for those of batches. */
  readonly running: number;
  /** Jobs that were taken ahead of their time and have not started. */
  readonly waiting: number;
  /** The registered functions. */
  readonly functions: readonly string[];
  readonly servers: readonly WorkerServerStatus[];
}

/** What a worker does with one server. */
export interface WorkerServerStatus {
  /** The server as `host:port`. */
  readonly server: string;
  /** All of the below in a word; `idle`: connected, and neither at work nor waiting to be woken. */
  readonly state: 'connecting' | 'idle' | 'working' | 'sleeping' | RestReason;
  readonly connection: ConnectionStateName;
  /** `hungry` wants jobs and has no free slot, `asleep` waits to be woken, `dozing` asks again by itself. */
  readonly loop: GrabStateName;
  /** How long the loop has been so, in milliseconds; taking jobs one after the other counts as one. */
  readonly loopForMs: number;
  /** Jobs of this server that came and whose handlers have not ended. */
  readonly running: number;
}

/** Whether a worker is fit, for a probe. */
export interface WorkerHealth {
  /** True when it is started and connected to at least one server. */
  readonly ok: boolean;
  readonly state: WorkerState;
  /** Connections that are open, and all of them: one for each server, unless the pool has more. */
  readonly connected: number;
  readonly connections: number;
  readonly running: number;
  /** How long ago a server last answered a request for a job, in milliseconds; undefined when none has. */
  readonly lastAnswerMs: number | undefined;
}

/** What `worker.stop()` came to. */
export interface StopReport {
  /** Jobs that ended since `stop()` was called, and whose end the server was told. */
  readonly finished: number;
  /** Jobs that were cut short: the server gives them to another worker. */
  readonly aborted: number;
}

/** Each server as people see it. @param loops of all connections, for each server the main one first */
export function serverStatuses(
  servers: readonly string[],
  loops: readonly GrabLoop[],
  rests: { get(server: string): RestReason | undefined },
  clock: Clock,
): WorkerServerStatus[] {
  const nowMs = clock.monotonicMs();
  return servers.map((server) => {
    const own = loops.filter(({ connection }) => connection.server === server);
    const [main] = own;
    const running = own.reduce((sum, { jobs }) => sum + jobs.size, 0);
    const loop = main?.state ?? 'offline';
    return {
      server,
      state: rests.get(server) ?? stateOf(loop, running),
      connection: main?.connection.state.name ?? 'closed',
      loop,
      loopForMs: nowMs - (main?.sinceMs ?? nowMs),
      running,
    };
  });
}

/** A few figures of a worker. */
export function healthOf(
  state: WorkerState,
  connections: readonly Connection[],
  loops: readonly GrabLoop[],
  clock: Clock,
): WorkerHealth {
  const connected = connections.filter(({ ready }) => ready).length;
  const answered = loops.flatMap(({ answeredMs }) => answeredMs ?? []);
  return {
    ok: state === 'started' && connected > 0,
    state,
    connected,
    connections: connections.length,
    running: loops.reduce((sum, { jobs }) => sum + jobs.size, 0),
    lastAnswerMs: answered.length === 0 ? undefined : clock.monotonicMs() - Math.max(...answered),
  };
}

function stateOf(loop: GrabStateName, running: number): WorkerServerStatus['state'] {
  if (loop === 'offline') return 'connecting';
  if (running > 0) return 'working';
  return loop === 'asleep' || loop === 'dozing' ? 'sleeping' : 'idle';
}
