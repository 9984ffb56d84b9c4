import { Observable } from '@gearman/events';
import type { GearmanError } from '@gearman/protocol';
import type { Connection } from './connection.ts';
import type { ConnectionStateName } from './connection-state.ts';
import type { PoolEvent } from './pool-events.ts';

/** One server of a pool, as it is now. */
export interface ServerState {
  /** The server as `host:port`. */
  readonly server: string;
  /** With several connections the best of their states. */
  readonly state: ConnectionStateName;
  /** False while the server gets nothing as long as others can: not connected, or it failed and has not answered since. */
  readonly healthy: boolean;
  /** Connections that are ready. */
  readonly connections: number;
  /** Requests that wait for their answer. */
  readonly pending: number;
  /** Why the last attempt or connection failed; undefined while connected. */
  readonly lastError: GearmanError | undefined;
}

const BEST_FIRST: readonly ConnectionStateName[] = [
  'ready',
  'greeting',
  'connecting',
  'waiting',
  'idle',
  'closing',
  'closed',
];

/** The servers of these connections, in their order. */
export function serverStates(connections: readonly Connection[]): ServerState[] {
  const byServer = new Map<string, [Connection, ...Connection[]]>();
  for (const connection of connections) {
    const others = byServer.get(connection.server);
    if (others === undefined) byServer.set(connection.server, [connection]);
    else others.push(connection);
  }
  return [...byServer.values()].map(serverState);
}

function serverState(connections: readonly [Connection, ...Connection[]]): ServerState {
  const rank = ({ state }: Connection): number => BEST_FIRST.indexOf(state.name);
  const best = connections.reduce((one, other) => (rank(other) < rank(one) ? other : one));
  return {
    server: best.server,
    state: best.state.name,
    healthy: connections.some(({ healthy }) => healthy),
    connections: connections.filter(({ ready }) => ready).length,
    pending: connections.reduce((sum, { pending }) => sum + pending, 0),
    lastError: best.lastError,
  };
}

/** The events after which states may be different. */
const STATE_EVENTS: ReadonlySet<PoolEvent['type']> = new Set(['state', 'server-added', 'server-removed']);

/** The states now, and again after each change; completes with the events. */
export function observeStates(
  events$: Observable<PoolEvent>,
  states: () => readonly ServerState[],
): Observable<readonly ServerState[]> {
  return new Observable((subscriber) => {
    subscriber.next(states());
    return events$.subscribe({
      next: ({ type }) => {
        if (STATE_EVENTS.has(type)) subscriber.next(states());
      },
      complete: () => subscriber.complete(),
    });
  });
}
