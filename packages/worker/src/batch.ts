import { type Clock, parseOptions, type Timer } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { RunningJob } from './job.ts';
import type { RegisterOptions } from './register-options.ts';
import type { WorkerJob } from './worker-job.ts';

/**
 * Does several jobs of a function together. Each is ended by itself, by `complete()`, `fail()` or `exception()`; what is
 * open when the handler has ended completes without a result, or with an exception if the handler threw.
 */
export type BatchHandler = (jobs: readonly WorkerJob[]) => void | Promise<void>;

/** Options of `worker.registerBatch()`. */
export interface BatchOptions extends Pick<RegisterOptions, 'timeoutMs' | 'maxQueue'> {
  /** Most jobs in one batch, 1 to 65,536. */
  readonly max: number;
  /** How long the first job of a batch waits for more, in milliseconds. @defaultValue 50 */
  readonly waitMs?: number;
  /** How many batches may run at once. Their jobs count beside the `concurrency` of the worker. @defaultValue 1 */
  readonly batches?: number;
}

const count = z.number().int().min(1).max(65_536);
const schema = z.looseObject({
  max: count,
  waitMs: z.number().nonnegative().default(50),
  batches: count.default(1),
});

/** Checks the options that only batches have; `rest` is for `register()`. */
export function parseBatchOptions(input: BatchOptions): {
  readonly max: number;
  readonly waitMs: number;
  readonly batches: number;
  readonly rest: RegisterOptions;
} {
  const fail = (message: string): Error => new InvalidArgumentError(message);
  const { max, waitMs, batches } = parseOptions(schema, input, 'registerBatch()', fail);
  const { max: _max, waitMs: _waitMs, batches: _batches, ...rest } = input;
  return { max, waitMs, batches, rest: { ...rest, manual: true } };
}

/** Collects the jobs of one function and hands them to its handler together. */
export class Batcher {
  readonly #handler: BatchHandler;
  readonly #max: number;
  readonly #waitMs: number;
  readonly #clock: Clock;
  #jobs: RunningJob[] = [];
  #timer: Timer | undefined;

  constructor(handler: BatchHandler, max: number, waitMs: number, clock: Clock) {
    this.#handler = handler;
    this.#max = max;
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  add(job: RunningJob): void {
    this.#jobs.push(job);
    // A job that is lost or given up while it waits is no longer ours to do.
    job.signal.addEventListener('abort', () => this.#drop(job), { once: true });
    if (this.#jobs.length >= this.#max) this.#run();
    else this.#timer ??= this.#clock.setTimer(this.#waitMs, () => this.#run(), { unref: true });
  }

  #drop(job: RunningJob): void {
    const at = this.#jobs.indexOf(job);
    if (at < 0) return;
    this.#jobs.splice(at, 1);
    job.onThrow(job.signal.reason);
    if (this.#jobs.length === 0) this.#stopTimer();
  }

  #run(): void {
    this.#stopTimer();
    const jobs = this.#jobs;
    this.#jobs = [];
    // Never rejects.
    void this.#call(jobs);
  }

  async #call(jobs: readonly RunningJob[]): Promise<void> {
    try {
      await this.#handler(jobs);
      for (const job of jobs) job.complete();
    } catch (error) {
      const open = jobs.filter(({ ended }) => !ended);
      for (const job of open) job.onThrow(error);
      // Then nobody else hears of it.
      if (open.length === 0) jobs[0]?.onThrow(error);
    }
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
