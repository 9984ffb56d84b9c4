import { AlarmHeap } from './alarm-heap.ts';
import type { Job } from './job.ts';

/** The two clocks of the engine. */
export interface EngineClock {
  /** The wall clock in milliseconds since 1970; decides when epoch jobs are due. */
  now(): number;
  /** Milliseconds that never go back; decide when a worker has taken too long. */
  monotonicMs(): number;
}

/** The wall clock may be set while one waits, so it is looked at from time to time. */
export const LONGEST_WALL_WAIT_MS = 60_000;

/** Which jobs are due to start, which run or wait for too long: an alarm for each, gone with its job. */
export class JobTimers {
  readonly #clock: EngineClock;
  readonly #starts = new AlarmHeap<Job>();
  readonly #timeouts = new AlarmHeap<Job>();
  readonly #expiries = new AlarmHeap<Job>();

  constructor(clock: EngineClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  isFuture(runAtMs: number): boolean {
    return runAtMs > this.#clock.now();
  }

  startAt(job: Job, runAtMs: number): void {
    job.alarm = this.#starts.add(runAtMs, job);
  }

  timeOutAfter(job: Job, timeoutMs: number): void {
    job.alarm = this.#timeouts.add(this.#clock.monotonicMs() + timeoutMs, job);
  }

  /** Forgets the alarm of a job that is delayed or running. */
  cancel(job: Job): void {
    if (job.alarm === undefined) return;
    (job.state === 'delayed' ? this.#starts : this.#timeouts).remove(job.alarm);
    job.alarm = undefined;
  }

  /** Sees to it that a job which expires does not wait longer. */
  watchExpiry(job: Job): void {
    const { policy } = job;
    if (policy?.expiresAtMs !== undefined) policy.expiry = this.#expiries.add(policy.expiresAtMs, job);
  }

  /** A job waits no more. */
  stopExpiry({ policy }: Job): void {
    if (policy?.expiry === undefined) return;
    this.#expiries.remove(policy.expiry);
    policy.expiry = undefined;
  }

  /** The next job that has waited for too long. */
  takeExpired(): Job | undefined {
    if (this.#expiries.size === 0) return undefined;
    const job = this.#expiries.takeDue(this.#clock.now())?.target;
    if (job?.policy !== undefined) job.policy.expiry = undefined;
    return job;
  }

  /** The next delayed job whose time has come. */
  takeStarting(): Job | undefined {
    return take(this.#starts, this.#clock.now());
  }

  /** The next job that has run for too long. */
  takeTimedOut(): Job | undefined {
    return take(this.#timeouts, this.#clock.monotonicMs());
  }

  /**
   * Milliseconds until something is due; `otherAt` is one more moment on the monotonic clock, `otherWallAt` on the wall
   * clock.
   */
  nextDelayMs(otherAt: number | undefined, otherWallAt: number | undefined): number | undefined {
    const timeoutAt = this.#timeouts.first?.at ?? Number.POSITIVE_INFINITY;
    const at = Math.min(timeoutAt, otherAt ?? Number.POSITIVE_INFINITY);
    const delay = at === Number.POSITIVE_INFINITY ? at : at - this.#clock.monotonicMs();
    const wallAt = Math.min(
      this.#starts.first?.at ?? Number.POSITIVE_INFINITY,
      this.#expiries.first?.at ?? Number.POSITIVE_INFINITY,
      otherWallAt ?? Number.POSITIVE_INFINITY,
    );
    const wallDelay =
      wallAt === Number.POSITIVE_INFINITY
        ? wallAt
        : Math.min(wallAt - this.#clock.now(), LONGEST_WALL_WAIT_MS);
    const next = Math.min(delay, wallDelay);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(0, next);
  }
}

function take(alarms: AlarmHeap<Job>, now: number): Job | undefined {
  const alarm = alarms.takeDue(now);
  if (alarm === undefined) return undefined;
  alarm.target.alarm = undefined;
  return alarm.target;
}
