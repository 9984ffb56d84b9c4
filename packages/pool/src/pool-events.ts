import type { ListenerErrorEvent } from '@gearman/events';
import type { GearmanError, ProtocolError } from '@gearman/protocol';
import type { ConnectionStateName } from './connection-state.ts';
import type { ConnectError, ConnectionLostError, TlsError } from './errors.ts';

/** Everything a pool tells, discriminated on `type`. `server` is `host:port`. */
export type PoolEvent =
  /** A connection is open and has been told all it must know. */
  | { readonly type: 'connect'; readonly server: string }
  /** A connection that was open is gone. */
  | { readonly type: 'disconnect'; readonly server: string; readonly error: ConnectionLostError }
  /** An attempt to connect failed. */
  | {
      readonly type: 'connection-error';
      readonly server: string;
      readonly error: ConnectError | TlsError;
      readonly attempt: number;
    }
  /** The next attempt starts after `delayMs`. */
  | {
      readonly type: 'reconnecting';
      readonly server: string;
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** A connection changed its state. */
  | {
      readonly type: 'state';
      readonly server: string;
      readonly from: ConnectionStateName;
      readonly to: ConnectionStateName;
    }
  /** An ERROR packet that answers no request of ours, usually JOB_NOT_FOUND after a job was taken away. */
  | {
      readonly type: 'server-error';
      readonly server: string;
      readonly serverCode: string;
      readonly serverText: string;
    }
  /** The server refused an option that is asked for on every connect. */
  | {
      readonly type: 'option-refused';
      readonly server: string;
      readonly option: string;
      readonly error: GearmanError;
    }
  /** A packet type this protocol does not have; it was skipped. */
  | { readonly type: 'unknown-packet'; readonly server: string; readonly packetCode: number }
  /** The server broke the protocol; the connection is dropped and opened again. */
  | { readonly type: 'protocol-error'; readonly server: string; readonly error: ProtocolError }
  /** The pool is closed; the last event. */
  | { readonly type: 'close' }
  | ListenerErrorEvent;
