import { Worker } from 'node:worker_threads';
import { builtFile } from './built-file.ts';

/** The end of a pipe whose other end the parent holds; IPC is 3. */
export const GUARD_FD = 4;

/** How a process is started that has a guard: output, IPC, and the guard's pipe. */
export const GUARDED_STDIO = ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'] as const;

/**
 * Makes sure that this process does not outlive its parent, whatever that dies of, even when a handler never gives
 * control back: a thread of its own waits for the end of a pipe that the system closes with the parent.
 *
 * @param graceMs how long this process may take to end by itself
 */
export function guardAgainstOrphanage(graceMs: number): void {
  const thread = new Worker(builtFile('supervisor/guard-thread.js'), {
    workerData: { fd: GUARD_FD, graceMs },
    // It waits for one event; the smallest heap that Node starts with.
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
    stdout: false,
  });
  thread.unref();
}
