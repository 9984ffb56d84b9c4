import type { Packet } from '@gearman/protocol';
import type { Connection } from './connection.ts';
import type { ConnectionLostError } from './errors.ts';

/** Who uses a pool's connections: hears connects, losses and the packets that answer nothing. */
export interface PoolUser {
  /** A connection may be used from now on. With servers that are added later, connections come that are new. */
  onReady?(connection: Connection): void;
  /** It may not be used any more. Requests without an answer fail after this. */
  onLost?(connection: Connection, error: ConnectionLostError): void;
  /** NOOP, a WORK_* packet or RESULT_RES. Its bytes are valid during the call only; see {@link Connection.own}. */
  onPacket?(connection: Connection, packet: Packet): void;
  /**
   * The server of a ready connection is being removed: start nothing new on it. The connection stays open until the
   * promise resolves and what was asked on it is answered; then `onLost` follows.
   */
  onRemoving?(connection: Connection): Promise<void> | void;
  /** The connection is closed for good because its server was removed: forget it. */
  onRemoved?(connection: Connection): void;
}
