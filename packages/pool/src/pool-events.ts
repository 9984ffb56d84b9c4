import type { ListenerErrorEvent } from '@gearman/events';
import type { GearmanError, ProtocolError, StreamMessage } from '@gearman/protocol';
import type { ConnectionStateName } from './connection-state.ts';
import type { ConnectFailure, ConnectionLostError } from './errors.ts';

/** What travelled, with the option `dump`. Its bytes are yours to keep. */
export interface Dumped {
  /** The packet or text line, in mode `packets`. */
  readonly message?: StreamMessage;
  /** The bytes as they came or went, in mode `bytes`. */
  readonly bytes?: Uint8Array;
  /** The same for people, in one line; at most 256 bytes of payload. */
  readonly text: string;
}

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
      readonly error: ConnectFailure;
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
  /** The server refused, or did not answer, a `maxqueue` that is sent on every connect. */
  | {
      readonly type: 'max-queue-refused';
      readonly server: string;
      readonly functionName: string;
      readonly error: GearmanError;
    }
  /** A server joined the list. */
  | { readonly type: 'server-added'; readonly server: string }
  /** A server was taken off the list; what runs there may end. */
  | { readonly type: 'server-removed'; readonly server: string }
  /** With the option `dump`: something came from a server. */
  | ({ readonly type: 'read'; readonly server: string } & Dumped)
  /** With the option `dump`: something was sent to a server. */
  | ({ readonly type: 'write'; readonly server: string } & Dumped)
  /** A packet type this protocol does not have; it was skipped. */
  | { readonly type: 'unknown-packet'; readonly server: string; readonly packetCode: number }
  /** The server broke the protocol; the connection is dropped and opened again. */
  | { readonly type: 'protocol-error'; readonly server: string; readonly error: ProtocolError }
  /** The pool is closed; the last event. */
  | { readonly type: 'close' }
  | ListenerErrorEvent;
