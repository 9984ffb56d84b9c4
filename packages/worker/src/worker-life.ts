import type { Drain } from './drain.ts';
import type { WorkerState } from './worker-status.ts';

/** Where a worker is in its life, which goes one way. */
export type Life =
  | { readonly name: 'idle' }
  | { readonly name: 'started' }
  | { readonly name: 'stopping'; readonly drains: readonly Drain[] }
  | { readonly name: 'stopped' };

const ORDER: readonly WorkerState[] = ['idle', 'started', 'stopping', 'stopped'];

/** True when one state may follow the other. */
export function canFollow(from: WorkerState, to: WorkerState): boolean {
  return ORDER.indexOf(to) > ORDER.indexOf(from);
}
