import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, parseOptions, systemClock } from '@gearman/events';
import { ClosedError } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { HandlerResult } from '../result.ts';
import type { WorkerJob } from '../worker-job.ts';
import { type Cell, type CellOptions, ProcessCell, ThreadCell } from './cell.ts';
import { runIsolated } from './isolated-job.ts';
import type { SandboxJob } from './sandbox-job.ts';

/** What a module for {@link isolated} exports as its default. */
export type IsolatedHandler = (job: SandboxJob) => HandlerResult | Promise<HandlerResult>;

/** Options of `isolated()`. */
export interface IsolatedOptions {
  /** `thread` starts faster and takes less memory, `process` survives what brings down Node.js. @defaultValue `'thread'` */
  readonly kind?: 'thread' | 'process';
  /** How many jobs run at the same time, each in a thread or process; others wait here. @defaultValue one per processor */
  readonly size?: number;
  /**
   * How long a handler may go on when `job.signal` has aborted, in milliseconds: after the `timeoutMs` of its function,
   * when the connection is lost, or the worker stops. Then its thread or process is killed, whatever it does.
   *
   * @defaultValue 1000
   */
  readonly killAfterMs?: number;
  /** How much memory its objects may take, in bytes; one that needs more is ended. @defaultValue as Node.js has it */
  readonly maxMemoryBytes?: number;
  /** Arguments for Node.js, such as `['--import', 'tsx']`. @defaultValue none */
  readonly execArgv?: readonly string[];
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

/** A handler for `worker.register()` that runs elsewhere. */
export interface Isolated extends AsyncDisposable {
  (job: WorkerJob): Promise<Uint8Array | string | undefined>;
  /** Kills all threads or processes; jobs that come later are refused with `ERR_GEARMAN_CLOSED`. */
  close(): Promise<void>;
}

const schema = z.strictObject({
  kind: z.enum(['thread', 'process']).default('thread'),
  size: z.number().int().min(1).max(1024).optional(),
  killAfterMs: z.number().nonnegative().default(1000),
  maxMemoryBytes: z.number().int().positive().optional(),
  execArgv: z.array(z.string()).default([]),
  clock: z.custom<Clock>((value) => typeof value === 'object' && value !== null).default(systemClock),
});
const fail = (message: string): Error => new InvalidArgumentError(message);

/**
 * A handler that runs in threads or processes of its own, so that it can be killed, may block, and brings down nobody
 * when it crashes. Its module, a file or the URL of one, exports an {@link IsolatedHandler} as its default.
 *
 * Progress, warnings, log lines and what it writes come through. A job whose thread or process ends meanwhile ends with
 * `ERR_GEARMAN_SANDBOX_CRASH`, one whose module cannot be loaded with `ERR_GEARMAN_MODULE`; the next job gets a new one.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function isolated(module: string | URL, options: IsolatedOptions = {}): Isolated {
  const { kind, size, killAfterMs, clock, maxMemoryBytes, execArgv } = parseOptions(
    schema,
    options,
    'isolated()',
    fail,
  );
  const moduleUrl = urlOf(module);
  const cells = new Cells(kind, size ?? availableParallelism(), { moduleUrl, maxMemoryBytes, execArgv });
  const run = async (job: WorkerJob): Promise<Uint8Array | string | undefined> => {
    const cell = await cells.take(job.signal);
    const { isAlive, outcome } = await runIsolated(cell, job, { moduleUrl, killAfterMs, clock });
    await cells.giveBack(cell, isAlive);
    return outcome();
  };
  const close = (): Promise<void> => cells.close();
  return Object.assign(run, { close, [Symbol.asyncDispose]: close });
}

function urlOf(module: string | URL): string {
  if (module instanceof URL || module.startsWith('file:')) return new URL(module).href;
  return pathToFileURL(resolve(module)).href;
}

/** A job that waits for its turn. */
interface Waiting {
  take(cell: Cell): void;
  refuse(error: Error): void;
}

/** Threads or processes: started when they are needed, used again, and never more than so many. */
class Cells {
  readonly #kind: 'thread' | 'process';
  readonly #size: number;
  readonly #options: CellOptions;
  readonly #all = new Set<Cell>();
  readonly #idle: Cell[] = [];
  readonly #waiting = new Set<Waiting>();
  #isClosed = false;

  constructor(kind: 'thread' | 'process', size: number, options: CellOptions) {
    this.#kind = kind;
    this.#size = size;
    this.#options = options;
  }

  /** Rejects with the signal's reason, or `ERR_GEARMAN_CLOSED`. */
  async take(signal: AbortSignal): Promise<Cell> {
    if (this.#isClosed) throw new ClosedError('the isolated handler was closed');
    signal.throwIfAborted();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.size < this.#size) return this.#create();
    return new Promise((resolve, reject) => {
      const forget = (): void => signal.removeEventListener('abort', leave);
      const waiting: Waiting = {
        take: (cell) => {
          forget();
          resolve(cell);
        },
        refuse: (error) => {
          forget();
          reject(error);
        },
      };
      const leave = (): void => {
        this.#waiting.delete(waiting);
        // It is what an aborted job ends with, whatever its type.
        reject(signal.reason as Error);
      };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  async giveBack(cell: Cell, isAlive: boolean): Promise<void> {
    if (!isAlive) {
      await cell.kill();
      this.#forget(cell);
    }
    if (this.#isClosed) return;
    const [next] = this.#waiting;
    if (next !== undefined) {
      this.#waiting.delete(next);
      next.take(isAlive ? cell : this.#create());
    } else if (isAlive) this.#idle.push(cell);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { refuse } of this.#waiting) refuse(new ClosedError('the isolated handler was closed'));
    this.#waiting.clear();
    await Promise.all([...this.#all].map((cell) => cell.kill()));
  }

  #create(): Cell {
    const cell = this.#kind === 'thread' ? new ThreadCell(this.#options) : new ProcessCell(this.#options);
    this.#all.add(cell);
    // It may end while it waits.
    void cell.ended.then(() => this.#forget(cell));
    return cell;
  }

  #forget(cell: Cell): void {
    this.#all.delete(cell);
    const at = this.#idle.indexOf(cell);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}
