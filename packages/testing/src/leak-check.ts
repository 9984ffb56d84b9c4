import { AssertionError } from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';

/** What holds a process and must be closed by whoever opened it. Requests and ticks come and go by themselves. */
const WATCHED: ReadonlySet<string> = new Set([
  'FSEventWrap',
  'MessagePort',
  'PipeServerWrap',
  'PipeWrap',
  'ProcessWrap',
  'StatWatcher',
  'TCPServerWrap',
  'TCPSocketWrap',
  'TLSWrap',
  'Timeout',
  'UDPWrap',
  'Worker',
]);

/** See {@link watchLeaks}. */
export interface LeakWatch {
  /**
   * Fails when more is open than at the start.
   *
   * Closing takes a few turns of the event loop, so what is still open then gets up to `settleMs` (1000 milliseconds
   * unless told otherwise) to disappear; without a leak the check returns at once.
   *
   * @throws AssertionError that names the kinds: `left open: 2 TCPSocketWrap, 1 Timeout`
   */
  check(options?: { readonly settleMs?: number }): Promise<void>;
}

/**
 * Notes which sockets, servers, timers and processes are open now. Call it at the start of a test and
 * {@link LeakWatch.check} after everything was closed. Timers that were unreferenced do not count.
 */
export function watchLeaks(): LeakWatch {
  // Node opens them when they are first used, which may be later, and never closes them.
  void [process.stdout, process.stderr];
  const before = countOpen();
  return {
    async check({ settleMs = 1000 } = {}) {
      const giveUpAt = performance.now() + settleMs;
      let leaks = leaksSince(before);
      while (leaks.length > 0 && performance.now() < giveUpAt) {
        await turn();
        leaks = leaksSince(before);
      }
      if (leaks.length > 0) throw new AssertionError({ message: `left open: ${leaks.join(', ')}` });
    },
  };
}

function countOpen(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function leaksSince(before: ReadonlyMap<string, number>): string[] {
  const leaks: string[] = [];
  for (const [kind, count] of countOpen()) {
    const more = count - (before.get(kind) ?? 0);
    if (more > 0) leaks.push(`${more} ${kind}`);
  }
  return leaks.sort();
}
