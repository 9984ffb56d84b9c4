import type { Clock } from '@gearman/events';
import type { Packet } from '@gearman/protocol';
import type { Connection } from './connection.ts';
import type { ConnectionSettings } from './connection-options.ts';
import type { ConnectionLostError } from './errors.ts';
import type { PoolEvent } from './pool-events.ts';
import type { LostInfo } from './retry.ts';
import type { Wire } from './wire.ts';

/** What a connection tells its pool. */
export interface ConnectionOwner {
  readonly clock: Clock;
  /** True when the server must grant options before anybody may use the connection; see {@link Connection.greeted}. */
  mustGreet(): boolean;
  /** The transport is open: time to send what the server must be told, before anybody else sends anything. */
  onOpen(connection: Connection, wire: Wire): void;
  /** Requests may be sent from now on. */
  onReady(connection: Connection): void;
  /** The connection was ready and is no more. */
  onLost(connection: Connection, error: ConnectionLostError): void;
  /** NOOP and WORK_*: packets that answer nothing. Their bytes are valid during the call only. */
  onPacket(connection: Connection, packet: Packet): void;
  onEvent(event: PoolEvent): void;
  /** How long to wait for the next attempt, in milliseconds; or never to try again, and to take the server off the list. */
  nextAttempt(info: LostInfo, reconnect: ConnectionSettings['reconnect']): number | 'give-up' | 'remove';
  /** An attempt failed or the connection was lost; all has been told. */
  onFailed(connection: Connection): void;
  /** The server is to be taken off the list. */
  onUnwanted(connection: Connection): void;
  /** The connection will never be ready (again). */
  onClosed(connection: Connection): void;
  /** Keeps the process alive until as many calls of `release`. */
  hold(): void;
  release(): void;
}
