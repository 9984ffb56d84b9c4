import { type EventOf, parseOptions, TypedEmitter } from '@gearman/events';
import { ClosedError } from '@gearman/pool';
import { InvalidArgumentError, toFunctionName, toUniqueId } from '@gearman/protocol';
import { type FunctionContract, isContract, type OutputOf } from '@gearman/protocol/payload';
import { z } from 'zod';
import { OverflowError } from './collection-errors.ts';
import type { CallTarget } from './contract-calls.ts';
import type { SubmitDefaults, SubmitOptions } from './options.ts';
import { toBytes } from './payload.ts';
import { isPayloadSource, type JobPayload } from './streams/payload-source.ts';
import { TASK_EVENT_TYPES, type TaskEvent, type TaskEventType } from './task-events.ts';
import { DEFAULT_MAX_TASKS, TaskSet, type TaskSubmitter } from './task-set.ts';

/** Everything a task queue tells: what its tasks tell, and `destroy`, which comes last. */
export type TaskQueueEvent<O = Buffer> =
  | TaskEvent<O>
  /** It was destroyed, and none of its tasks runs any more. */
  | { readonly type: 'destroy' };

/** Listeners, one for each type of event: `onCreated`, `onStatus`, `onComplete`, `onFail` and so on. */
export type TaskCallbacks<O = Buffer> = {
  readonly [T in TaskEventType as `on${Capitalize<T>}`]?: (event: EventOf<TaskEvent<O>, T>) => void;
};

/** Options of `client.taskQueue()`. */
export interface TaskQueueOptions extends TaskQueueSettings<Buffer> {
  /** What all its jobs run, with bytes. */
  readonly functionName: string;
}

/** Options of `client.taskQueue()` for a function with a contract. */
export interface ContractQueueOptions<C extends FunctionContract> extends TaskQueueSettings<OutputOf<C>> {
  /** What all its jobs run. */
  readonly contract: C;
}

/** Options of any task queue. */
export interface TaskQueueSettings<O> extends TaskCallbacks<O> {
  /** For people who have several queues; {@link TaskQueue.name}. @defaultValue the function's name */
  readonly name?: string;
  /** The server all its jobs go to, as `host:port`, which must be one of the client's. @defaultValue as for any job */
  readonly server?: string;
  /** Options of each job, in the background or not, unless its own say otherwise. @defaultValue none */
  readonly defaults?: SubmitDefaults;
  /** How many tasks may wait for `run()`. One more throws `ERR_GEARMAN_OVERFLOW`. @defaultValue 100_000 */
  readonly maxTasks?: number;
}

/** Options of one task of a queue: those of a job, in the background or not. */
export type TaskOptions = SubmitOptions & { readonly background?: boolean };

/** Throws for options that no job can be submitted with. */
export type CheckOptions = (options: SubmitOptions, background: boolean) => void;

interface Waiting {
  readonly data: unknown;
  readonly options: TaskOptions;
}

const callback = z.custom<(event: never) => void>(
  (value) => typeof value === 'function',
  'must be a function',
);

const schema = z.strictObject({
  functionName: z.string().optional(),
  contract: z.custom<FunctionContract>(isContract, 'must be made with defineFunction()').optional(),
  name: z.string().optional(),
  server: z.string().optional(),
  defaults: z.object().optional(),
  maxTasks: z.number().int().positive().default(DEFAULT_MAX_TASKS),
  ...Object.fromEntries(TASK_EVENT_TYPES.map((type) => [callbackName(type), callback.optional()])),
});

/**
 * Tasks of one function that are collected first and then run at once, as often as you like.
 *
 * It is an emitter of what all of them tell, with the `index` of the task, counted through all runs. The listeners given
 * as options and those added with `on()` are the same thing.
 *
 * @typeParam I what a task takes
 * @typeParam O what it gives
 */
export class TaskQueue<I = JobPayload, O = Buffer> extends TypedEmitter<TaskQueueEvent<O>> {
  readonly name: string;
  readonly functionName: string;
  readonly #client: TaskSubmitter;
  readonly #target: CallTarget;
  readonly #defaults: SubmitDefaults & Pick<SubmitOptions, 'server'>;
  readonly #check: CheckOptions;
  readonly #maxTasks: number;
  #waiting: Waiting[] = [];
  #added = 0;
  #running = 0;
  #destroyed = false;

  /** @internal use `client.taskQueue()` */
  constructor(client: TaskSubmitter, options: TaskQueueSettings<O>, check: CheckOptions) {
    super();
    const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
    const parsed = parseOptions(schema, options, 'taskQueue()', fail);
    const { functionName, contract, name, server, maxTasks } = parsed;
    const target = contract ?? functionName;
    if (target === undefined || (contract !== undefined && functionName !== undefined)) {
      throw fail('taskQueue(): needs functionName or contract, one of them');
    }
    this.#target = target;
    this.functionName = typeof target === 'string' ? target : target.name;
    toFunctionName(this.functionName);
    this.name = name ?? this.functionName;
    this.#client = client;
    this.#defaults = server === undefined ? { ...options.defaults } : { ...options.defaults, server };
    this.#check = check;
    this.#maxTasks = maxTasks;
    check(this.#defaults, true);
    for (const type of TASK_EVENT_TYPES) this.#listen(type, options);
  }

  /** Tasks that wait for {@link run}. */
  get size(): number {
    return this.#waiting.length;
  }

  /** True once {@link destroy} was called. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  /**
   * Keeps a task until {@link run}; nothing is sent.
   *
   * @param call what the contract takes, or bytes, and options. Bytes are not copied: leave them alone until the job was
   * created
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`, OverflowError `ERR_GEARMAN_OVERFLOW` when `maxTasks` wait
   * already, ClosedError `ERR_GEARMAN_CLOSED` once the queue is destroyed
   */
  add(
    ...call: undefined extends I ? [data?: I, options?: TaskOptions] : [data: I, options?: TaskOptions]
  ): this {
    const [data, options = {}] = call;
    this.#mustLive();
    if (this.#waiting.length >= this.#maxTasks) {
      const remedy = 'call run() first';
      throw new OverflowError(`task queue "${this.name}" is full`, 'maxTasks', this.#maxTasks, remedy);
    }
    const { background = false, ...rest } = options;
    const merged = { ...this.#defaults, ...rest };
    this.#check(merged, background);
    toUniqueId(rest.uniqueId ?? '');
    this.#waiting.push({
      data: typeof this.#target === 'string' ? checked(data) : data,
      options: { ...merged, background },
    });
    return this;
  }

  /**
   * Submits all tasks that wait, in their order; the queue is empty then and takes new ones.
   *
   * @returns the tasks of this run: their `jobs`, `wait()` for all of them, a loop over their results
   * @throws ClosedError `ERR_GEARMAN_CLOSED` once the queue is destroyed
   */
  run(): TaskSet<O> {
    this.#mustLive();
    const tasks = this.#waiting;
    this.#waiting = [];
    const set = new TaskSet<O>(this.#client, tasks.length, this.#added, (event) => this.#onTask(event));
    this.#added += tasks.length;
    this.#running += tasks.length;
    for (const { data, options } of tasks) {
      const { background, ...rest } = options;
      // The set hears of a failure.
      void set.enter(this.#target, data, background === true ? { ...rest, background } : rest);
    }
    return set;
  }

  /** Drops the tasks that wait. Those that run go on and tell what they do; then comes `destroy`. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#waiting = [];
    this.#endWhenOver();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  protected override isLast(event: TaskQueueEvent<O>): boolean {
    return event.type === 'destroy';
  }

  #onTask(event: TaskEvent<O>): void {
    this.emit(event);
    if (event.type !== 'result') return;
    this.#running--;
    this.#endWhenOver();
  }

  #endWhenOver(): void {
    if (this.#destroyed && this.#running === 0) this.emit({ type: 'destroy' });
  }

  #mustLive(): void {
    if (this.#destroyed) throw new ClosedError(`task queue "${this.name}" is destroyed; make a new one`);
  }

  #listen<T extends TaskEventType>(type: T, callbacks: TaskCallbacks<O>): void {
    // The mapped type gives each name a listener of just this type.
    const listener = callbacks[callbackName(type)] as
      | ((event: EventOf<TaskQueueEvent<O>, T>) => void)
      | undefined;
    if (listener !== undefined) this.on(type, listener);
  }
}

/** Bytes that can be sent. @throws InvalidArgumentError */
function checked(data: unknown): JobPayload {
  // Whatever else it is, it is refused.
  const payload = data as JobPayload;
  return isPayloadSource(payload) ? payload : toBytes(payload);
}

function callbackName<T extends TaskEventType>(type: T): `on${Capitalize<T>}` {
  // Types of events have no other capitals to lose.
  return `on${type.charAt(0).toUpperCase()}${type.slice(1)}` as `on${Capitalize<T>}`;
}
