import { Observable } from '@gearman/events';
import type { Answer } from './per-server.ts';
import type { Snapshot } from './poll.ts';
import { sumStatus } from './reports.ts';
import type { FunctionStatus } from './schemas.ts';

/** What has become of one function since the last look. */
export interface FunctionDelta {
  /** `added` also for what is there at the first look. */
  readonly type: 'added' | 'changed' | 'removed';
  readonly functionName: string;
  /** As it is now; all zero when it is removed. */
  readonly status: FunctionStatus;
  /** What was added to each count since the last look; below 0 where it fell. */
  readonly change: {
    readonly total: number;
    readonly queued: number;
    readonly running: number;
    readonly workers: number;
  };
  /** When that was seen: the wall clock in milliseconds since 1970. */
  readonly takenAtMs: number;
}

/**
 * The differences between snapshots, one value for each function that differs.
 *
 * A server that gives no answer counts with what it said last: that it cannot be reached does not mean that its jobs
 * are gone.
 */
export function functionChanges(snapshots: Observable<Snapshot>): Observable<FunctionDelta> {
  return new Observable((subscriber) => {
    const latest = new Map<string, Answer<readonly FunctionStatus[]>>();
    let before = new Map<string, FunctionStatus>();
    return snapshots.subscribe({
      next: ({ answers, takenAtMs }) => {
        for (const answer of answers) latest.set(answer.server, answer);
        const now = new Map(sumStatus([...latest.values()]).map((row) => [row.functionName, row]));
        for (const delta of differences(before, now, takenAtMs)) subscriber.next(delta);
        before = now;
      },
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
  });
}

type Functions = ReadonlyMap<string, FunctionStatus>;

function differences(before: Functions, now: Functions, takenAtMs: number): FunctionDelta[] {
  const gone = [...before.keys()].filter((name) => !now.has(name));
  return [...now.keys(), ...gone].flatMap((functionName) => {
    const nothing = { functionName, total: 0, queued: 0, running: 0, workers: 0 };
    const [was, is] = [before.get(functionName), now.get(functionName)];
    const [from, status] = [was ?? nothing, is ?? nothing];
    const change = {
      total: status.total - from.total,
      queued: status.queued - from.queued,
      running: status.running - from.running,
      workers: status.workers - from.workers,
    };
    const type = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    if (type === 'changed' && Object.values(change).every((difference) => difference === 0)) return [];
    return { type, functionName, status, change, takenAtMs };
  });
}
