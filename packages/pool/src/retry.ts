import { backoffMs } from './backoff.ts';
import type { ConnectionSettings } from './connection-options.ts';

/** What happened to a server, for `onServerLost`. */
export interface LostInfo {
  /** The server as `host:port`. */
  readonly server: string;
  /** Why: `ERR_GEARMAN_CONNECTION_LOST` for a connection that was open, otherwise what the attempt failed of. */
  readonly error: Error;
  /** True when the connection had been open, false after an attempt to connect. */
  readonly wasConnected: boolean;
  /** Failures in a row; 0 when a connection was lost that had worked. */
  readonly failures: number;
}

/** What to do about a lost server: try again as `reconnect` says, take it off the list, or try again after a while. */
export type LostVerdict = 'retry' | 'remove' | { readonly retryAfterMs: number };

/** How often servers are tried while calls wait for one. */
export interface ConnectAttempts {
  /** Attempts for each server at once, one after the other without delay. @defaultValue 1 */
  readonly fast?: number;
  /** Further attempts for each, with `delayMs` between them. @defaultValue 10 */
  readonly slow?: number;
  /** In milliseconds. @defaultValue 1000 */
  readonly delayMs?: number;
}

// When the user's function does not say.
const FALLBACK_DELAY_MS = 1000;

/** Decides about the next attempt: its delay in milliseconds, or that there is none. */
export function nextDelayMs(
  info: LostInfo,
  reconnect: ConnectionSettings['reconnect'],
  attempts: Required<ConnectAttempts> | undefined,
  random: () => number,
): number | 'give-up' {
  const { failures } = info;
  if (typeof reconnect === 'function') {
    const delayMs = reconnect(failures, info.error);
    return delayMs === false ? 'give-up' : Math.max(0, delayMs || 0);
  }
  if (failures >= reconnect.maxAttempts) return 'give-up';
  if (attempts === undefined) return backoffMs(Math.max(1, failures), reconnect, random());
  const { fast, slow, delayMs } = attempts;
  if (failures < fast) return 0;
  if (failures < fast + slow) return delayMs;
  return Math.max(delayMs, backoffMs(failures - fast - slow + 1, reconnect, random()));
}

/** What the decisions of a whole pool rest on. */
export interface RetryOptions {
  readonly onServerLost: ((info: LostInfo) => LostVerdict) | undefined;
  readonly connectAttempts: Required<ConnectAttempts> | undefined;
  readonly random: () => number;
  /** A function of the user's threw. */
  readonly onError: (error: unknown, during: 'onServerLost' | 'reconnect') => void;
}

/** Decides what to do after a failure. What the user's functions throw never stops it: the server is tried again. */
export function decide(
  info: LostInfo,
  reconnect: ConnectionSettings['reconnect'],
  { onServerLost, connectAttempts, random, onError }: RetryOptions,
): number | 'give-up' | 'remove' {
  const verdict = attempt<LostVerdict>(
    () => onServerLost?.(info) ?? 'retry',
    (error) => {
      onError(error, 'onServerLost');
      return 'retry';
    },
  );
  if (verdict === 'remove') return verdict;
  if (typeof verdict === 'object') return Math.max(0, verdict.retryAfterMs);
  return attempt(
    () => nextDelayMs(info, reconnect, connectAttempts, random),
    (error) => {
      onError(error, 'reconnect');
      return FALLBACK_DELAY_MS;
    },
  );
}

function attempt<T>(action: () => T, recover: (error: unknown) => T): T {
  try {
    return action();
  } catch (error) {
    return recover(error);
  }
}
