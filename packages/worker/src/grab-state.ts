import type { Timer } from '@gearman/events';

/** What a worker is doing with one server. Data exists only in the state that needs it. */
export type GrabState =
  /** There is no connection. */
  | { readonly name: 'offline' }
  /** No job is asked for: nothing is registered, a function is being taken back, or the worker stops. */
  | { readonly name: 'resting' }
  /** Jobs are wanted, all slots are taken. */
  | { readonly name: 'hungry' }
  /** `inFlight` requests wait for their answers, each with a slot; `dry`: the last answer was that there is no job. */
  | { readonly name: 'grabbing'; inFlight: number; dry: boolean }
  /** There is no job. The server has been told to wake us; `timer` asks again if it does not. */
  | { readonly name: 'asleep'; readonly timer: Timer }
  /** There is no job. The server has not been told, because that would do harm now; `timer` asks again. */
  | { readonly name: 'dozing'; readonly timer: Timer };

/** The name of a state. */
export type GrabStateName = GrabState['name'];

const NEXT: Readonly<Record<GrabStateName, readonly GrabStateName[]>> = {
  offline: ['resting', 'hungry'],
  resting: ['hungry', 'offline'],
  hungry: ['grabbing', 'resting', 'offline'],
  grabbing: ['hungry', 'asleep', 'dozing', 'resting', 'offline'],
  asleep: ['hungry', 'resting', 'offline'],
  dozing: ['hungry', 'resting', 'offline'],
};

/** True when one state may follow the other. */
export function canFollow(from: GrabStateName, to: GrabStateName): boolean {
  return NEXT[from].includes(to);
}
