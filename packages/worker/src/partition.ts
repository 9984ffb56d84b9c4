import { parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { JobClient } from './job-client.ts';
import type { RegisterOptions } from './register-options.ts';
import type { Handler } from './registry.ts';
import type { HandlerResult, ResultPart } from './result.ts';
import type { WorkerJob } from './worker-job.ts';

/** Divides jobs into smaller ones for another function, the reducer, and puts their results together. */
export interface Partitioner {
  /** The payloads of the smaller jobs, in order. */
  split(job: WorkerJob): Iterable<ResultPart> | AsyncIterable<ResultPart>;
  /** The result of the job. @param results of the smaller jobs, in the order of their payloads */
  aggregate(results: readonly Uint8Array[], job: WorkerJob): HandlerResult | Promise<HandlerResult>;
}

/** Options of `worker.registerPartitioner()`. */
export interface PartitionOptions extends Pick<RegisterOptions, 'timeoutMs' | 'maxQueue' | 'output'> {
  /** The reducer of jobs that were submitted without one. @defaultValue none: such jobs end with an exception */
  readonly reducer?: string;
  /** How many smaller jobs of one job may be under way, 1 to 65,536; the rest is not split off yet. @defaultValue 64 */
  readonly window?: number;
  /**
   * How many jobs may be divided at once. They count beside the `concurrency` of the worker: they wait for jobs that may
   * need its slots.
   *
   * @defaultValue 1
   */
  readonly concurrency?: number;
}

const count = z.number().int().min(1).max(65_536);
const schema = z.looseObject({
  reducer: z.string().min(1).optional(),
  window: count.default(64),
  concurrency: count.default(1),
});

/** Checks the options that only partitioners have; `rest` is for `register()`. */
export function parsePartitionOptions(input: PartitionOptions): {
  readonly reducer: string | undefined;
  readonly window: number;
  readonly concurrency: number;
  readonly rest: RegisterOptions;
} {
  const fail = (message: string): Error => new InvalidArgumentError(message);
  const parsed = parseOptions(schema, input, 'registerPartitioner()', fail);
  const { reducer: _reducer, window: _window, concurrency: _concurrency, ...rest } = input;
  return { reducer: parsed.reducer, window: parsed.window, concurrency: parsed.concurrency, rest };
}

/** The handler of a partitioner. @see gearmand `PROTOCOL`, "SUBMIT_REDUCE_JOB" */
export function partitionHandler(
  { split, aggregate }: Partitioner,
  defaultReducer: string | undefined,
  window: number,
): Handler {
  return async (job) => {
    const reducer = job.reducer ?? defaultReducer;
    if (reducer === undefined) {
      throw new InvalidArgumentError(
        `"${job.functionName}" divides jobs for a reducer; submit it with one, or register it with the option reducer`,
      );
    }
    const run = new PartitionRun(job.client, reducer, window, job.signal);
    return aggregate(await run.all(split(job)), job);
  };
}

/** The smaller jobs of one job. */
class PartitionRun {
  readonly #client: JobClient;
  readonly #reducer: string;
  readonly #window: number;
  readonly #jobSignal: AbortSignal;
  readonly #cancel = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #results: Uint8Array[] = [];

  constructor(client: JobClient, reducer: string, window: number, jobSignal: AbortSignal) {
    this.#client = client;
    this.#reducer = reducer;
    this.#window = window;
    this.#jobSignal = jobSignal;
  }

  /** All results in order, or the first failure; then the others are cancelled. */
  async all(parts: Iterable<ResultPart> | AsyncIterable<ResultPart>): Promise<readonly Uint8Array[]> {
    const onAbort = (): void => this.#cancel.abort(this.#jobSignal.reason);
    this.#jobSignal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#jobSignal.throwIfAborted();
      let index = 0;
      for await (const part of parts) {
        this.#cancel.signal.throwIfAborted();
        this.#start(index++, part);
        if (this.#running.size >= this.#window) await Promise.race(this.#running);
      }
      await Promise.all(this.#running);
      return this.#results;
    } catch (error) {
      this.#cancel.abort(error);
      // The others reject now, and nobody else waits for them.
      await Promise.allSettled(this.#running);
      throw error;
    } finally {
      this.#jobSignal.removeEventListener('abort', onAbort);
    }
  }

  #start(index: number, part: ResultPart): void {
    const { signal } = this.#cancel;
    const job = Promise.resolve(this.#client.submit(this.#reducer, part, { signal })).then(
      (result) => {
        this.#results[index] = result;
        this.#running.delete(job);
      },
      (error: unknown) => {
        // Stays in the set, so that whoever waits for one of them hears of it.
        this.#cancel.abort(error);
        throw error;
      },
    );
    // Heard of by all() in any case, but perhaps later.
    job.catch(() => {});
    this.#running.add(job);
  }
}
