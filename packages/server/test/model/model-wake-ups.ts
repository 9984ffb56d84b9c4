import type { ModelClock, Rules } from './job-system.ts';
import type { Func, Member, ModelState } from './model-state.ts';

/** Who is told that there is a job. */
export class ModelWakeUps {
  readonly #state: ModelState;
  readonly #rules: Rules;
  readonly #clock: ModelClock;
  readonly #sendNoop: (member: Member) => void;

  constructor(state: ModelState, rules: Rules, clock: ModelClock, sendNoop: (member: Member) => void) {
    this.#state = state;
    this.#rules = rules;
    this.#clock = clock;
    this.#sendNoop = sendNoop;
  }

  fallAsleep(member: Member): void {
    member.wokenFor = undefined;
    member.sleep = 'asleep';
    for (const ability of member.abilities) ability.asleepSince = this.#state.now();
  }

  /** @returns the function for which the connection had been woken */
  wakeUp(member: Member): Func | undefined {
    const fn = member.wokenFor?.fn;
    member.sleep = 'awake';
    member.wokenFor = undefined;
    return fn;
  }

  /** A job has become runnable. */
  jobReady(fn: Func): void {
    const { workerWakeup } = this.#rules;
    if (workerWakeup === 'auto') this.refill(fn);
    else this.#wakeSome(fn, workerWakeup === 0 ? this.#state.members.length : workerWakeup);
  }

  /** With `auto`, somebody is on the way to every runnable job. */
  refill(fn: Func | undefined): void {
    if (fn === undefined || this.#rules.workerWakeup !== 'auto') return;
    this.#wakeSome(fn, this.#state.runnable(fn).length - this.#state.waking(fn));
  }

  /** Whoever was woken some time ago and has not come is replaced. */
  look(): void {
    const now = this.#clock.monotonicMs;
    const due = this.#state.functions.filter((fn) => lookAt(fn) <= now);
    for (const fn of due.sort((a, b) => lookAt(a) - lookAt(b) || a.lookSetAt - b.lookSetAt)) {
      fn.lookAtMs = undefined;
      fn.wakeRound++;
      this.#wakeSome(fn, this.#state.runnable(fn).length);
    }
  }

  #wakeSome(fn: Func, most: number): void {
    for (const member of this.#state.sleepers(fn).slice(0, Math.max(0, most))) {
      member.sleep = 'woken';
      member.wokenFor = { fn, round: fn.wakeRound };
      if (this.#rules.workerWakeup === 'auto' && fn.lookAtMs === undefined) {
        fn.lookAtMs = this.#clock.monotonicMs + this.#rules.wakeupLookMs;
        fn.lookSetAt = this.#state.now();
      }
      this.#sendNoop(member);
    }
  }
}

function lookAt(fn: Func): number {
  return fn.lookAtMs ?? Number.POSITIVE_INFINITY;
}
