import type { Effort } from './effort.ts';
import type { FunctionTable } from './function-table.ts';
import type { GearmanFunction } from './gearman-function.ts';
import { type Peer, Registration } from './peer.ts';
import type { Turns } from './turns.ts';
import type { WakeUps } from './wake-ups.ts';

/** Which connections run which functions. */
export class Registrations {
  readonly #functions: FunctionTable;
  readonly #turns: Turns;
  readonly #wakeUps: WakeUps;
  readonly #effort: Effort;

  constructor(functions: FunctionTable, turns: Turns, wakeUps: WakeUps, effort: Effort) {
    this.#functions = functions;
    this.#turns = turns;
    this.#wakeUps = wakeUps;
    this.#effort = effort;
  }

  /** A connection runs a function, or does so once more. */
  add(peer: Peer, fn: GearmanFunction, timeoutMs: number): void {
    const registration = new Registration(peer, fn, timeoutMs);
    peer.registrations ??= new Map();
    registration.olderTwin = peer.registrations.get(fn);
    peer.registrations.set(fn, registration);
    peer.registrationCount++;
    fn.registrationCount++;
    this.#turns.add(registration);
    this.#functions.noteUse(fn);
    if (peer.sleep === 'asleep') {
      fn.addSleeper(registration);
      this.#wakeUps.refill(fn);
    }
  }

  /** Removes all registrations of one function: no job that is given back afterwards wakes who gives it back. */
  remove(peer: Peer, fn: GearmanFunction): void {
    for (let twin = peer.registrations?.get(fn); twin !== undefined; twin = twin.olderTwin) {
      this.#effort.steps++;
      this.#turns.remove(twin);
      fn.removeSleeper(twin);
      peer.registrationCount--;
      fn.registrationCount--;
    }
    peer.registrations?.delete(fn);
    if (peer.wokenFor === fn) this.#wakeUps.replace(peer);
    this.#functions.noteUse(fn);
  }

  removeAll(peer: Peer): void {
    if (peer.registrations === undefined) return;
    for (const fn of peer.registrations.keys()) this.remove(peer, fn);
  }
}
