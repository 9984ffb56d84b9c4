import { type Clock, Observable, type Timer } from '@gearman/events';
import { ClosedError } from '@gearman/pool';
import type { AdminFailure } from './errors.ts';
import { type Answer, askAll } from './per-server.ts';
import { joinRows, sumStatus } from './reports.ts';
import type { FunctionStatus, WorkerInfo } from './schemas.ts';
import type { ServerAdmin } from './server-admin.ts';

/** What the servers looked like at one moment. */
export interface Snapshot {
  /** The wall clock when the answers were there, in milliseconds since 1970. */
  readonly takenAtMs: number;
  /** Every function, by name, with the sums of all servers that answered. */
  readonly functions: readonly FunctionStatus[];
  /** The functions of each server that answered. */
  readonly answers: readonly Answer<readonly FunctionStatus[]>[];
  /** The connections of all servers that answered, by server and number. */
  readonly workers: readonly WorkerInfo[];
  /** The servers that gave no answer this time, and why. */
  readonly failures: readonly AdminFailure[];
}

/** What looking needs. */
export interface PollSource {
  /** Opens connections that belong to one subscription. */
  open(): { readonly servers: readonly ServerAdmin[]; close(): void };
  /** Calls back when looking must end, and returns how to be no longer called. */
  onClose(complete: () => void): () => void;
  readonly clock: Clock;
}

/**
 * Looks again and again, on connections of its own, and shows what has changed. A server that is down is part of what
 * there is to see, so it never errors.
 */
export function pollSnapshots(source: PollSource, intervalMs: number): Observable<Snapshot> {
  const { clock } = source;
  return new Observable((subscriber) => {
    const forget = source.onClose(() => subscriber.complete());
    if (subscriber.closed) return forget;
    const { servers, close } = source.open();
    let timer: Timer | undefined;
    let shown: string | undefined;

    const look = async (): Promise<void> => {
      const startMs = clock.monotonicMs();
      const snapshot = await takeSnapshot(servers, clock);
      if (snapshot === undefined || subscriber.closed) return;
      const print = fingerprint(snapshot);
      if (print !== shown) subscriber.next(snapshot);
      shown = print;
      // A look that takes longer than the interval is followed by the next at once; two never overlap.
      const delayMs = Math.max(0, intervalMs - (clock.monotonicMs() - startMs));
      if (!subscriber.closed) timer = clock.setTimer(delayMs, () => void look());
    };

    void look();
    return () => {
      forget();
      timer?.cancel();
      close();
    };
  });
}

/** Undefined once the connections are closed. */
async function takeSnapshot(servers: readonly ServerAdmin[], clock: Clock): Promise<Snapshot | undefined> {
  try {
    const [status, connections] = await Promise.all([
      askAll(servers, (server) => server.status()),
      askAll(servers, (server) => server.workers()),
    ]);
    const failures = new Map(
      [...connections.failures, ...status.failures].map((failure) => [failure.server, failure]),
    );
    return {
      takenAtMs: clock.now(),
      functions: sumStatus(status.answers),
      answers: status.answers,
      workers: joinRows(connections.answers),
      failures: [...failures.values()],
    };
  } catch (error) {
    if (error instanceof ClosedError) return undefined;
    throw error;
  }
}

/** Equal for snapshots between which nothing has changed but the time. */
function fingerprint({ answers, workers, failures }: Snapshot): string {
  return JSON.stringify([
    answers,
    workers,
    failures.map(({ server, error }) => [server, error.code, error.message]),
  ]);
}
