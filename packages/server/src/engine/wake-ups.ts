import { AlarmHeap } from './alarm-heap.ts';
import type { Effort } from './effort.ts';
import { type GearmanFunction, NONE } from './gearman-function.ts';
import type { Peer } from './peer.ts';

/** `'auto'`: as many as there are runnable jobs; 0: all; a number: that many per job. */
export type WakeUpMode = 'auto' | number;

/**
 * Sends sleeping workers their NOOP, the longest asleep first.
 *
 * gearmand wakes every sleeper for every job: at 5,000 idle workers that takes 45 ms per job. Waking one per runnable
 * job takes microseconds, but then one that does not answer (a stopped process, a dead line) holds its job up. So
 * whoever was woken and took something else is replaced at once, and whoever does not answer is replaced shortly after.
 */
export class WakeUps {
  readonly #mode: WakeUpMode;
  readonly #lookAfterMs: number;
  readonly #monotonicMs: () => number;
  readonly #effort: Effort;
  readonly #looks = new AlarmHeap<GearmanFunction>();
  #sleepers = 0;

  constructor(mode: WakeUpMode, lookAfterMs: number, monotonicMs: () => number, effort: Effort) {
    this.#mode = mode;
    this.#lookAfterMs = lookAfterMs;
    this.#monotonicMs = monotonicMs;
    this.#effort = effort;
  }

  /** How many connections sleep. */
  get sleepers(): number {
    return this.#sleepers;
  }

  /** When to call {@link advance} next, on the monotonic clock. */
  get nextAt(): number | undefined {
    return this.#looks.first?.at;
  }

  fallAsleep(peer: Peer): void {
    if (peer.sleep === 'asleep') return;
    this.#release(peer);
    peer.sleep = 'asleep';
    this.#sleepers++;
    this.#effort.steps += peer.registrationCount;
    for (let turn = peer.firstTurn; turn !== undefined; turn = turn.nextTurn) turn.fn.addSleeper(turn);
  }

  /** The connection asks for work, or goes; the function it was woken for looks for somebody else if need be. */
  wakeUp(peer: Peer): GearmanFunction | undefined {
    if (peer.sleep === 'asleep') this.#leaveSleepers(peer);
    const wokenFor = this.#release(peer);
    peer.sleep = 'awake';
    return wokenFor;
  }

  /** A connection that was woken for a function does not run it any more. */
  replace(peer: Peer): void {
    const fn = this.#release(peer);
    if (fn !== undefined) this.refill(fn);
  }

  /** A job of this function has become runnable. */
  jobReady(fn: GearmanFunction): void {
    if (this.#mode === 'auto') {
      this.refill(fn);
      return;
    }
    if (fn.urgency === NONE) return;
    let left = this.#mode === 0 ? Number.POSITIVE_INFINITY : this.#mode;
    for (; left > 0 && fn.firstSleeper !== undefined; left--) this.#wake(fn.firstSleeper.peer, fn);
  }

  /** Many jobs of this function have become runnable at once. */
  jobsReady(fn: GearmanFunction): void {
    for (let left = fn.runnable; left > 0 && fn.firstSleeper !== undefined; left--) this.jobReady(fn);
  }

  /** Wakes as many more as there are runnable jobs that nobody is on the way to. */
  refill(fn: GearmanFunction): void {
    if (this.#mode !== 'auto') return;
    const runnable = takeable(fn);
    while (fn.waking < runnable && fn.firstSleeper !== undefined) this.#wake(fn.firstSleeper.peer, fn);
  }

  /** Looks again at functions for which workers were woken: whoever has not come by now is not waited for. */
  advance(): void {
    const now = this.#monotonicMs();
    for (let look = this.#looks.takeDue(now); look !== undefined; look = this.#looks.takeDue(now)) {
      const fn = look.target;
      fn.look = undefined;
      fn.wakeRound++;
      fn.waking = 0;
      for (let left = takeable(fn); left > 0 && fn.firstSleeper !== undefined; left--)
        this.#wake(fn.firstSleeper.peer, fn);
    }
  }

  /** Forgets a function that is dropped. */
  forget(fn: GearmanFunction): void {
    if (fn.look !== undefined) this.#looks.remove(fn.look);
    fn.look = undefined;
  }

  #wake(peer: Peer, fn: GearmanFunction): void {
    this.#leaveSleepers(peer);
    peer.sleep = 'woken';
    peer.wokenFor = fn;
    peer.wokenInRound = fn.wakeRound;
    fn.waking++;
    if (this.#mode === 'auto') fn.look ??= this.#looks.add(this.#monotonicMs() + this.#lookAfterMs, fn);
    peer.port.noop();
  }

  #leaveSleepers(peer: Peer): void {
    this.#sleepers--;
    this.#effort.steps += peer.registrationCount;
    for (let turn = peer.firstTurn; turn !== undefined; turn = turn.nextTurn) turn.fn.removeSleeper(turn);
  }

  #release(peer: Peer): GearmanFunction | undefined {
    const fn = peer.wokenFor;
    if (fn === undefined) return undefined;
    peer.wokenFor = undefined;
    if (peer.wokenInRound === fn.wakeRound) fn.waking--;
    return fn;
  }
}

/** Jobs that a worker who asked now would get. */
function takeable(fn: GearmanFunction): number {
  return fn.urgency === NONE ? 0 : fn.runnable;
}
