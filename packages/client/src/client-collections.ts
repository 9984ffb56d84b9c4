import type { JobRef } from '@gearman/protocol';
import type { FunctionContract, InputOf, OutputOf } from '@gearman/protocol/payload';
import type { JobOf } from './calls.ts';
import type { CallTarget, ContractCalls } from './contract-calls.ts';
import type { Job } from './job.ts';
import { BYTES } from './job-format.ts';
import type { JobIntake } from './job-intake.ts';
import { JobQueries } from './job-queries.ts';
import { parseBackgroundOptions, parseSubmitOptions } from './job-settings.ts';
import {
  type MapOptions,
  type MapResultsOptions,
  type MapTask,
  type MapToOneOptions,
  mapInOrder,
  mapToArray,
  mapToOne,
  parseMapOptions,
} from './map.ts';
import { type MapReduceBackgroundOptions, type MapReduceOptions, reducePacket } from './map-reduce.ts';
import type { Inputs } from './map-run.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { JobStream } from './streams/job-stream.ts';
import type { JobPayload } from './streams/payload-source.ts';
import { type StreamOptions, splitStreamOptions } from './streams/stream-options.ts';
import {
  type AnyItem,
  type BackgroundItem,
  type ContractItem,
  type SubmitItem,
  submitAll,
  submitAllInBackground,
} from './submit-many.ts';
import {
  type ContractQueueOptions,
  TaskQueue,
  type TaskQueueOptions,
  type TaskQueueSettings,
} from './task-queue.ts';
import { parseTaskSetOptions, TaskSet, type TaskSetOptions, type TaskSubmitter } from './task-set.ts';

/**
 * What a client does with more than one job, or with a stream. What is submitted by name is bytes, or text on the way there,
 * whatever the codec of the client; with a contract it is what that says.
 */
export abstract class ClientCollections extends JobQueries {
  /** @internal */
  protected abstract get intake(): JobIntake;
  /** @internal */
  protected abstract get calls(): ContractCalls;

  /**
   * A job as a Node stream: write its payload, read its result.
   *
   * @returns a {@link JobStream}, for example for `process.stdin.pipe(client.submitStream('toUpper')).pipe(process.stdout)`
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for arguments that can never be sent; all other errors are
   * the stream's
   */
  submitStream(functionName: string, options: StreamOptions = {}): JobStream {
    const { own, job: jobOptions } = splitStreamOptions(options);
    let provide = (_workload: Uint8Array): void => {};
    const payload = new Promise<Uint8Array>((resolve) => {
      provide = resolve;
    });
    const job = this.intake.foreground(functionName, payload, jobOptions, BYTES);
    const { maxPayloadBytes, cancelOnAbort } = job.settings;
    return new JobStream(job, { ...own, maxPayloadBytes, cancelOnDestroy: cancelOnAbort, provide });
  }

  /**
   * Submits many jobs: all of them, or, when one of them can never be sent, none.
   *
   * @returns the jobs, in the order of the items
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`, which says which item
   */
  submitMany<const C extends readonly FunctionContract[]>(
    items: readonly [...{ [Item in keyof C]: ContractItem<C[Item]> }],
  ): { -readonly [Item in keyof C]: JobOf<C[Item]> };
  submitMany(items: Iterable<SubmitItem>): Job[];
  submitMany(items: Iterable<AnyItem<SubmitOptions>>): Job<unknown, unknown>[] {
    return submitAll(items, ({ functionName, contract, data, options }) =>
      // The intake refuses what is no name.
      this.#submit(contract ?? (functionName as string), data, options),
    );
  }

  /**
   * Submits many background jobs, as `submitBackground()` does one, without waiting in between.
   *
   * @returns a promise of what became of each, in the order of the items; it does not reject because one of them failed
   */
  submitManyBackground<const C extends readonly FunctionContract[]>(
    items: readonly [...{ [Item in keyof C]: ContractItem<C[Item], BackgroundOptions> }],
  ): Promise<Outcome<JobRef>[]>;
  submitManyBackground(items: Iterable<BackgroundItem>): Promise<Outcome<JobRef>[]>;
  submitManyBackground(items: Iterable<AnyItem<BackgroundOptions>>): Promise<Outcome<JobRef>[]> {
    return submitAllInBackground(items, ({ functionName, contract, data, options }) =>
      this.#submitBackground(contract ?? (functionName as string), data, options),
    );
  }

  /**
   * Runs a job for each input, `concurrency` at a time, and gives all results in the order of the inputs. Inputs are read
   * one by one, only when a job for them can be submitted.
   *
   * With `reduce` the results are made into one value, in their order, and are not kept; at most `concurrency` of them
   * wait for one before them.
   *
   * @returns a promise that rejects with the error of the first job that fails, whatever it would reject with: the other
   * jobs are detached then, and no more inputs are read. With `stopOnError: false` all jobs run to their end; if one has
   * failed, the promise then rejects with `ERR_GEARMAN_MAP`, a {@link MapError} with all results and errors. It also
   * rejects with what the inputs or `reduce` throw, `ERR_GEARMAN_JOB_CANCELLED` when `signal` is aborted, and
   * `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  map<C extends FunctionContract>(
    contract: C,
    items: Inputs<InputOf<C>>,
    options?: MapOptions,
  ): Promise<OutputOf<C>[]>;
  map<C extends FunctionContract, A>(
    contract: C,
    items: Inputs<InputOf<C>>,
    options: MapToOneOptions<A, OutputOf<C>>,
  ): Promise<A>;
  map(functionName: string, items: Inputs<JobPayload>, options?: MapOptions): Promise<Buffer[]>;
  map<A>(functionName: string, items: Inputs<JobPayload>, options: MapToOneOptions<A, Buffer>): Promise<A>;
  async map(
    target: CallTarget,
    items: Inputs<unknown>,
    options: MapOptions | MapToOneOptions<unknown, unknown> = {},
  ): Promise<unknown> {
    const task = this.#mapTask(target, items, options, 'map()');
    return 'reduce' in options ? mapToOne(task, options.reduce, options.initial) : mapToArray(task);
  }

  /**
   * As {@link map}, but gives one result after the other: `for await (const result of client.mapResults(…))`. No more
   * inputs are read than results are taken, but for `concurrency`: any number of inputs needs little memory.
   *
   * Jobs are submitted when the loop begins. The first that fails ends it with that job's error. A loop that is left early
   * detaches from the jobs that run.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` at once
   */
  mapResults<C extends FunctionContract>(
    contract: C,
    items: Inputs<InputOf<C>>,
    options?: MapResultsOptions,
  ): AsyncGenerator<OutputOf<C>, void, void>;
  mapResults(
    functionName: string,
    items: Inputs<JobPayload>,
    options?: MapResultsOptions,
  ): AsyncGenerator<Buffer, void, void>;
  mapResults(
    target: CallTarget,
    items: Inputs<unknown>,
    options: MapResultsOptions = {},
  ): AsyncGenerator<unknown, void, void> {
    return mapInOrder(this.#mapTask(target, items, options, 'mapResults()'));
  }

  /**
   * Submits a job to a worker that splits it, has each part run as a job of the function `reducer`, and puts the results
   * together, as libgearman's partition workers do. For other workers it is a job like any other.
   *
   * @param reducer at most 64 bytes
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` as `submit()`
   */
  mapReduce(functionName: string, reducer: string, data?: JobPayload, options?: MapReduceOptions): Job {
    return this.intake.foreground(functionName, data, options, BYTES, reducePacket(false, reducer, options));
  }

  /** {@link mapReduce} in the background; resolves and rejects as `submitBackground()`. */
  async mapReduceBackground(
    functionName: string,
    reducer: string,
    data?: JobPayload,
    options?: MapReduceBackgroundOptions,
  ): Promise<JobRef> {
    return this.intake.background(functionName, data, options, reducePacket(true, reducer, options));
  }

  /**
   * Jobs that belong together: see {@link TaskSet}.
   *
   * @typeParam O what the jobs give; `client.taskSet<number>()` takes contracts whose results are numbers
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  taskSet<O = Buffer>(options: TaskSetOptions = {}): TaskSet<O> {
    return new TaskSet<O>(this.#taskSubmitter(), parseTaskSetOptions(options));
  }

  /** Tasks to collect and run at once: see {@link TaskQueue}. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
  taskQueue<C extends FunctionContract>(options: ContractQueueOptions<C>): TaskQueue<InputOf<C>, OutputOf<C>>;
  taskQueue(options: TaskQueueOptions): TaskQueue;
  taskQueue(options: TaskQueueSettings<never>): unknown {
    return new TaskQueue<never, never>(this.#taskSubmitter(), options, (given, background) => {
      const { defaults } = this.intake;
      if (background) parseBackgroundOptions(given, defaults, 'taskQueue()');
      else parseSubmitOptions(given, defaults);
    });
  }

  // By name the intake looks at what the data is.
  #submit(target: CallTarget, data: unknown, options: SubmitOptions | undefined): Job<unknown, unknown> {
    return typeof target === 'object'
      ? this.calls.submit(target, data, options)
      : this.intake.foreground(target, data as JobPayload, options, BYTES);
  }

  #submitBackground(
    target: CallTarget,
    data: unknown,
    options: BackgroundOptions | undefined,
  ): Promise<JobRef> {
    return typeof target === 'object'
      ? this.calls.background(target, data, options)
      : this.intake.background(target, data as JobPayload, options);
  }

  #mapTask(
    target: CallTarget,
    items: Inputs<unknown>,
    options: MapOptions,
    where: string,
  ): MapTask<unknown, unknown> {
    const settings = parseMapOptions(options, where);
    // Most maps leave these as they are: nothing to parse for each job then.
    const each = Object.keys(settings.submit).length === 0 ? undefined : settings.submit;
    parseSubmitOptions(each, this.intake.defaults);
    const submit = (input: unknown): Job<unknown, unknown> => this.#submit(target, input, each);
    const functionName = typeof target === 'string' ? target : target.name;
    return { functionName, items, settings, submit };
  }

  #taskSubmitter(): TaskSubmitter {
    return {
      pool: this.pool,
      submit: (target, data, options) => this.#submit(target, data, options),
      submitBackground: (target, data, options) => this.#submitBackground(target, data, options),
    };
  }
}
