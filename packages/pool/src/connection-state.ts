import type { GearmanError } from '@gearman/protocol';
import type { Transport } from './transport.ts';

/** What a connection is doing. Data exists only in the state that needs it. */
export type ConnectionState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly transport: Transport; readonly attempt: number }
  /** The transport is open; the server has not yet granted the options that are required. */
  | { readonly name: 'greeting'; readonly transport: Transport; readonly attempt: number }
  | { readonly name: 'ready'; readonly transport: Transport }
  | {
      readonly name: 'waiting';
      /** The number of the attempt that comes next. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: GearmanError;
    }
  | { readonly name: 'closing'; readonly transport: Transport }
  | { readonly name: 'closed'; readonly error: GearmanError | undefined };

/** The name of a {@link ConnectionState}. */
export type ConnectionStateName = ConnectionState['name'];

const NEXT: Readonly<Record<ConnectionStateName, readonly ConnectionStateName[]>> = {
  idle: ['connecting', 'closed'],
  connecting: ['greeting', 'ready', 'waiting', 'closed'],
  greeting: ['ready', 'waiting', 'closed'],
  ready: ['waiting', 'closing', 'closed'],
  waiting: ['connecting', 'closed'],
  closing: ['closed'],
  closed: [],
};

/** True when a connection may go from one state to the other. */
export function canFollow(from: ConnectionStateName, to: ConnectionStateName): boolean {
  return NEXT[from].includes(to);
}
