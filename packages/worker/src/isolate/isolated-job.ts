import type { Clock, Timer } from '@gearman/events';
import { ModuleError } from '../supervisor/errors.ts';
import type { WorkerJob } from '../worker-job.ts';
import type { Cell } from './cell.ts';
import { SandboxCrashError } from './errors.ts';
import { type FromSandbox, fromPlainError, toPlainError } from './sandbox-messages.ts';

/** What a job needs to know about its sandbox. */
export interface IsolatedJobOptions {
  readonly moduleUrl: string;
  readonly killAfterMs: number;
  readonly clock: Clock;
}

/** Whether the cell can be used for another job. */
export interface IsolatedEnd {
  readonly isAlive: boolean;
  /** Ends the job, or throws what the job ends with. */
  readonly outcome: () => Uint8Array | string | undefined;
}

/** Runs one job in a cell, and kills the cell when the job is no longer wanted and does not end. Never rejects. */
export function runIsolated(cell: Cell, job: WorkerJob, options: IsolatedJobOptions): Promise<IsolatedEnd> {
  const { moduleUrl, killAfterMs, clock } = options;
  const { signal } = job;
  return new Promise((resolve) => {
    let timer: Timer | undefined;
    let isOver = false;
    const end = (isAlive: boolean, outcome: IsolatedEnd['outcome']): void => {
      if (isOver) return;
      isOver = true;
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      cell.onMessage = () => {};
      cell.hold(false);
      resolve({ isAlive, outcome });
    };
    const fail = (isAlive: boolean, error: unknown): void =>
      end(isAlive, () => {
        throw error;
      });
    const onAbort = (): void => {
      cell.tell({ type: 'abort', reason: toPlainError(signal.reason) });
      timer = clock.setTimer(killAfterMs, () => void cell.kill());
    };
    cell.onMessage = (message) => {
      if (message.type === 'result') end(true, () => message.result);
      else if (message.type === 'error') fail(true, fromPlainError(message.error));
      else if (message.type === 'fail') end(true, () => failed(job, message.reason));
      else if (message.type === 'not-loaded') {
        const cause = fromPlainError(message.error);
        fail(false, new ModuleError(moduleUrl, cause.message, { cause }));
      } else relay(message, job, cell);
    };
    void cell.ended.then(({ how, exitCode, error }) => {
      const cause = error === undefined ? undefined : { cause: error };
      fail(false, signal.aborted ? signal.reason : new SandboxCrashError(how, exitCode, cause));
    });
    cell.hold(true);
    const { functionName, handle, server, uniqueId } = job;
    // A copy of its own, which can be handed over.
    const payload = Uint8Array.from(job.payload);
    cell.tell({ type: 'job', functionName, handle, server, uniqueId, payload });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function failed(job: WorkerJob, reason: string | undefined): undefined {
  job.fail(reason);
}

/** What the handler tells on its way. */
function relay(message: FromSandbox, job: WorkerJob, cell: Cell): void {
  switch (message.type) {
    case 'write': {
      const { id, chunk } = message;
      job.write(chunk).then(
        () => cell.tell({ type: 'written', id, error: undefined }),
        (error: unknown) => cell.tell({ type: 'written', id, error: toPlainError(error) }),
      );
      break;
    }
    case 'progress':
      job.progress(...message.numbers);
      break;
    case 'warn':
      try {
        job.warn(message.message);
      } catch (error) {
        // Too large, or neither bytes nor text; elsewhere the handler would have thrown it.
        job.exception(error);
      }
      break;
    case 'log':
      job.log(message.message, message.fields);
      break;
    default:
  }
}
