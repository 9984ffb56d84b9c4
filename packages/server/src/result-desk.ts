import type { Clock, Timer } from '@gearman/events';
import type { Engine } from './engine/engine.ts';
import { payloadBytes } from './engine/payload.ts';
import type { Session } from './net/session.ts';

/** What somebody wants to know. */
interface Question {
  readonly session: Session;
  readonly handle: string;
  /** Comes back with the answer. */
  readonly tag: string;
}

/** One that waits for a job to be over. */
interface Waiter {
  readonly question: Question;
  readonly timer: Timer;
}

/** More are answered at once, whether their jobs are over or not. */
const MOST_WAITERS = 100_000;
const NOTHING = new Uint8Array();

/** Answers those who ask for the results of jobs, when they are there. */
export class ResultDesk {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #waiters = new Map<number, Set<Waiter>>();
  #count = 0;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    engine.results.onKept = (number) => this.#kept(number);
  }

  /** Answers now, or as soon as the job is over, or after `waitMs`. */
  ask(question: Question, waitMs: number): void {
    const { handle } = question;
    const number = this.#engine.numberOf(handle);
    const job = this.#engine.find(handle);
    const isComing = job?.policy?.rules.keepResult !== undefined;
    if (number === undefined || !isComing || waitMs === 0 || this.#count >= MOST_WAITERS) {
      this.#answer(question);
      return;
    }
    const waiters = this.#waiters.get(number) ?? new Set();
    this.#waiters.set(number, waiters);
    const timer = this.#clock.setTimer(waitMs, () => {
      this.#forget(number, waiter);
      this.#answer(question);
    });
    const waiter: Waiter = { question, timer };
    waiters.add(waiter);
    this.#count++;
  }

  /** The server ends. */
  close(): void {
    for (const waiters of this.#waiters.values()) for (const { timer } of waiters) timer.cancel();
    this.#waiters.clear();
  }

  #kept(number: number): void {
    for (const waiter of this.#waiters.get(number) ?? []) {
      waiter.timer.cancel();
      this.#forget(number, waiter);
      this.#answer(waiter.question);
    }
  }

  #forget(number: number, waiter: Waiter): void {
    const waiters = this.#waiters.get(number);
    if (waiters?.delete(waiter) !== true) return;
    this.#count--;
    if (waiters.size === 0) this.#waiters.delete(number);
  }

  #answer({ session, handle, tag }: Question): void {
    const number = this.#engine.numberOf(handle);
    const kept = number === undefined ? undefined : this.#engine.results.get(number);
    const told = kept?.state ?? this.#stateOf(handle);
    const state = tag === '' ? told : `${told} ${tag}`;
    const data = kept === undefined ? NOTHING : payloadBytes(kept.data);
    session.send({ type: 'RESULT_RES', magic: 'RES', handle, state, data });
  }

  /** Of a job that has no result: where it is, or why there will be none. */
  #stateOf(handle: string): string {
    const job = this.#engine.find(handle);
    if (job === undefined) return 'unknown';
    if (job.policy?.rules.keepResult === undefined) return 'not-kept';
    return job.state === 'running' ? 'running' : 'waiting';
  }
}
