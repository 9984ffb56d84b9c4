/** How long to wait between attempts to connect. */
export interface ReconnectOptions {
  /** How the delay grows. @defaultValue `'fibonacci'` */
  readonly type?: 'fibonacci' | 'exponential' | 'fixed';
  /** First delay, in milliseconds. @defaultValue 10 */
  readonly minMs?: number;
  /** Longest delay, before its random part, in milliseconds. @defaultValue 10_000 */
  readonly maxMs?: number;
  /** Random part of each delay, as a fraction of it in both directions, 0 to 1. @defaultValue 0.15 */
  readonly jitter?: number;
  /**
   * Attempts in a row before a server is given up; it is never tried again. A connection that ends within 10 s, before
   * the server said anything, counts as a failed attempt.
   *
   * @defaultValue Infinity
   */
  readonly maxAttempts?: number;
}

/**
 * Delays between attempts to connect, as {@link ReconnectOptions}, or as a function that gets the number of failures in
 * a row (1 after the first; 0 when a connection was lost that had worked) and the last error, and returns the delay in
 * milliseconds, or false to give the server up.
 */
export type Reconnect = ReconnectOptions | ((failures: number, error: Error) => number | false);

/**
 * The delay after `attempt` failures in a row, in milliseconds.
 *
 * @param attempt 1 after the first failure
 * @param random a number from 0 up to 1
 */
export function backoffMs(attempt: number, options: Required<ReconnectOptions>, random: number): number {
  const delay = Math.min(options.maxMs, options.minMs * growth(options.type, attempt));
  return Math.round(delay * (1 + options.jitter * (2 * random - 1)));
}

function growth(type: Required<ReconnectOptions>['type'], attempt: number): number {
  if (type === 'fixed') return 1;
  if (type === 'exponential') return 2 ** (attempt - 1);
  let [current, next] = [1, 2];
  for (let i = 1; i < attempt && Number.isFinite(next); i++) [current, next] = [next, current + next];
  return current;
}
