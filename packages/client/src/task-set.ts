import { type Clock, parseOptions, TypedEmitter } from '@gearman/events';
import { GearmanError, InvalidArgumentError, type JobRef } from '@gearman/protocol';
import type { InputOf } from '@gearman/protocol/payload';
import { z } from 'zod';
import type { BytesName, CallOf, ContractGiving, JobOf } from './calls.ts';
import { OverflowError } from './collection-errors.ts';
import type { CallTarget } from './contract-calls.ts';
import type { Job } from './job.ts';
import { isLastEvent } from './job-events.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import { forwardEvents } from './outcome.ts';
import type { JobPayload } from './streams/payload-source.ts';
import type { Task, TaskEvent, TaskResult } from './task-events.ts';
import { abortable } from './wait-for.ts';

/** What became of a set's tasks so far. */
export interface TaskReport<O = Buffer> {
  /** True when all are over and none failed. */
  readonly ok: boolean;
  /** Of those that are over, in the order in which they were added. */
  readonly results: readonly TaskResult<O>[];
  /** Those of `results` that failed. */
  readonly failed: readonly (TaskResult<O> & { readonly ok: false })[];
  /** Those that are not over. They go on: wait again, or `detach()` from their jobs. */
  readonly timedOut: readonly Task<O>[];
}

/** What a set needs of its client. */
export interface TaskSubmitter {
  submit(target: CallTarget, data: unknown, options?: SubmitOptions): Job<unknown, unknown>;
  submitBackground(target: CallTarget, data: unknown, options?: BackgroundOptions): Promise<JobRef>;
  readonly pool: { readonly settings: { readonly clock: Clock } };
}

/** Options of `client.taskSet()`. */
export interface TaskSetOptions {
  /**
   * How many tasks the set may hold; it keeps their results. One more throws `ERR_GEARMAN_OVERFLOW`.
   *
   * @defaultValue 100_000
   */
  readonly maxTasks?: number;
}

export const DEFAULT_MAX_TASKS = 100_000;

const schema = z.strictObject({ maxTasks: z.number().int().positive().default(DEFAULT_MAX_TASKS) });

/** The most tasks that options allow. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseTaskSetOptions(options: TaskSetOptions): number {
  const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
  return parseOptions(schema, options, 'taskSet()', fail).maxTasks;
}

/**
 * Jobs that belong together: submitted one by one, waited for as one.
 *
 * - `await set.wait()` says what became of each, and which took too long.
 * - `for await (const result of set)` gives results as they come, and ends when no task is left.
 * - `on()`, `events()` and `events$` show what all the jobs tell, with the `index` of the task. The last two end when no
 *   task is left; mind to add some before.
 *
 * It remembers its tasks and their results: use a new one for the next batch.
 *
 * @typeParam O what its tasks give: bytes, those that are submitted by name. It takes the contracts that give this
 */
export class TaskSet<O = Buffer> extends TypedEmitter<TaskEvent<O>> implements AsyncIterable<TaskResult<O>> {
  readonly #client: TaskSubmitter;
  readonly #maxTasks: number;
  readonly #firstIndex: number;
  readonly #onEvent: ((event: TaskEvent<O>) => void) | undefined;
  readonly #tasks: Task<O>[] = [];
  /** In the order in which they came. */
  readonly #results: TaskResult<O>[] = [];
  #forResult: (() => void)[] = [];
  #forAll: (() => void)[] = [];

  /** @internal use `client.taskSet()` */
  constructor(
    client: TaskSubmitter,
    maxTasks: number,
    firstIndex = 0,
    onEvent?: (event: TaskEvent<O>) => void,
  ) {
    super();
    this.#client = client;
    this.#maxTasks = maxTasks;
    this.#firstIndex = firstIndex;
    this.#onEvent = onEvent;
  }

  /** All tasks, in the order in which they were added. */
  get tasks(): readonly Task<O>[] {
    return this.#tasks;
  }

  /** The jobs of all tasks that are not in the background, in that order. */
  get jobs(): readonly Job<O, unknown>[] {
    return this.#tasks.flatMap(({ job }) => (job === undefined ? [] : [job]));
  }

  /** Tasks that are not over. */
  get pending(): number {
    return this.#tasks.length - this.#results.length;
  }

  /**
   * Submits a job as `client.submit()` does and makes it a member; with `background: true`, as
   * `client.submitBackground()` does: then it is over when the server has taken it. What is submitted by name is bytes.
   *
   * @returns the job; in the background a promise of its reference, which may be ignored: the set hears of a failure
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`, OverflowError `ERR_GEARMAN_OVERFLOW`; nothing was added
   */
  add<C extends ContractGiving<O>>(contract: C, ...call: CallOf<C, InForeground>): JobOf<C>;
  add<C extends ContractGiving<O>>(
    contract: C,
    input: InputOf<C>,
    options: BackgroundOptions & { readonly background: true },
  ): Promise<JobRef>;
  add(functionName: BytesName<O>, data?: JobPayload, options?: InForeground): Job;
  add(
    functionName: BytesName<O>,
    data: JobPayload,
    options: BackgroundOptions & { readonly background: true },
  ): Promise<JobRef>;
  add(target: CallTarget, data?: unknown, options?: TaskOptions): Job<unknown, unknown> | Promise<JobRef> {
    return this.enter(target, data, options);
  }

  /** {@link add} for those who know that the function gives what the set takes. @internal */
  enter(target: CallTarget, data: unknown, options: TaskOptions = {}): Job<O, unknown> | Promise<JobRef> {
    if (this.#tasks.length >= this.#maxTasks) {
      const remedy = 'use another set for the next tasks';
      throw new OverflowError('the task set is full', 'maxTasks', this.#maxTasks, remedy);
    }
    const { background, ...rest } = options;
    const submitOptions = Object.keys(rest).length === 0 ? undefined : rest;
    const functionName = typeof target === 'string' ? target : target.name;
    if (background === true) {
      return this.#await(functionName, this.#client.submitBackground(target, data, submitOptions));
    }
    // The overloads take only what gives this.
    return this.#follow(functionName, this.#client.submit(target, data, submitOptions) as Job<O, unknown>);
  }

  /**
   * Waits until all tasks are over, those that are added meanwhile, too, and says what became of them. It never rejects
   * because a task failed.
   *
   * @param options `timeoutMs`: how long to wait, in milliseconds, default Infinity; `signal`: stops waiting and rejects
   * with its reason. The tasks go on, either way
   */
  async wait(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<TaskReport<O>> {
    const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
    signal?.throwIfAborted();
    let late = false;
    let onLate = (): void => {};
    const expired = new Promise<void>((resolve) => {
      onLate = resolve;
    });
    const timer = Number.isFinite(timeoutMs)
      ? this.#client.pool.settings.clock.setTimer(timeoutMs, () => {
          late = true;
          onLate();
        })
      : undefined;
    try {
      while (this.pending > 0 && !late) await abortable(Promise.race([this.#idle(), expired]), signal);
    } finally {
      timer?.cancel();
    }
    return this.#report();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TaskResult<O>, void, void> {
    for (let next = 0; ; next++) {
      while (next === this.#results.length) {
        if (this.pending === 0) return;
        await this.#nextResult();
      }
      // The loop above has waited for it.
      yield this.#results[next] as TaskResult<O>;
    }
  }

  protected override isLast(event: TaskEvent<O>): boolean {
    return event.type === 'result' && this.pending === 0;
  }

  protected override past(): readonly TaskEvent<O>[] {
    // More tasks may have come after the one that was the last.
    return this.pending === 0 ? super.past() : [];
  }

  protected override emit(event: TaskEvent<O>): void {
    super.emit(event);
    this.#onEvent?.(event);
  }

  #follow(functionName: string, job: Job<O, unknown>): Job<O, unknown> {
    const task = this.#enter(functionName, job);
    const { index } = task;
    forwardEvents(job, (event) => {
      this.emit({ ...event, index, job });
      if (!isLastEvent(event)) return;
      const { ref } = job;
      if (event.type === 'complete') this.#end({ ...task, ok: true, value: event.value, ref });
      else this.#end({ ...task, ok: false, error: event.error });
    });
    return job;
  }

  #await(functionName: string, submitted: Promise<JobRef>): Promise<JobRef> {
    const task = this.#enter(functionName, undefined);
    const { index } = task;
    submitted.then(
      (ref) => {
        this.emit({ type: 'created', ref, index, job: undefined });
        this.#end({ ...task, ok: true, value: undefined, ref });
      },
      (error: unknown) => {
        if (!(error instanceof GearmanError)) throw error;
        this.#end({ ...task, ok: false, error });
      },
    );
    return submitted;
  }

  #enter(functionName: string, job: Job<O, unknown> | undefined): Task<O> {
    const task = { index: this.#firstIndex + this.#tasks.length, functionName, job };
    this.#tasks.push(task);
    return task;
  }

  #end(result: TaskResult<O>): void {
    this.#results.push(result);
    const { index, job } = result;
    this.emit({ type: 'result', index, job, result });
    for (const wake of this.#forResult.splice(0)) wake();
    if (this.pending === 0) for (const wake of this.#forAll.splice(0)) wake();
  }

  #nextResult(): Promise<void> {
    return new Promise((resolve) => this.#forResult.push(resolve));
  }

  /** Resolves when no task is left. */
  #idle(): Promise<void> {
    return new Promise((resolve) => this.#forAll.push(resolve));
  }

  #report(): TaskReport<O> {
    const results = this.#results.toSorted((a, b) => a.index - b.index);
    const over = new Set(results.map(({ index }) => index));
    const failed = results.filter((result) => !result.ok);
    const timedOut = this.#tasks.filter(({ index }) => !over.has(index));
    return { ok: timedOut.length === 0 && failed.length === 0, results, failed, timedOut };
  }
}

type InForeground = SubmitOptions & { readonly background?: false };
/** What `add()` takes: a union of both kinds would not let its members be told apart. */
type TaskOptions = SubmitOptions & { readonly background?: boolean };
