/** How a run of a job came to nothing: its worker said so, threw, took too long, or was lost. */
export type AttemptFailure = 'fail' | 'exception' | 'timeout' | 'lost';

export const ATTEMPT_FAILURES = ['fail', 'exception', 'timeout', 'lost'] as const;

/** How long a job waits before its next attempt. */
export interface Backoff {
  readonly type: 'fixed' | 'exponential';
  /** Before the second attempt. */
  readonly delayMs: number;
  /** With `exponential`: each delay is so many times the one before. */
  readonly factor: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Each delay is shortened by a random part of this part of it, 0 to 1: what failed together does not come back together. */
  readonly jitter: number;
}

/** How often a job is tried. */
export interface RetryPolicy {
  /** Runs in all, the first one included. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** What another attempt follows on; what is not named is as without a policy. */
  readonly on: readonly AttemptFailure[];
}

/**
 * How long to wait before the next attempt, in milliseconds.
 *
 * @param failed how many attempts have failed, at least 1
 * @param random from 0 to 1
 */
export function delayMsAfter(
  { type, delayMs, factor, maxMs, jitter }: Backoff,
  failed: number,
  random: number,
): number {
  const full = type === 'fixed' ? delayMs : delayMs * factor ** (failed - 1);
  return Math.round(Math.min(full, maxMs) * (1 - jitter * random));
}
