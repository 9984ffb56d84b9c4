import { Observable, parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import type { FunctionContract, InputOf, OutputOf } from '@gearman/protocol/payload';
import { z } from 'zod';
import { OverflowError } from './collection-errors.ts';
import type { CallTarget } from './contract-calls.ts';
import { Fifo } from './fifo.ts';
import { InOrder } from './in-order.ts';
import type { Job } from './job.ts';
import { isLastEvent, type JobEvent, type JobProgress } from './job-events.ts';
import { JobWindow } from './job-window.ts';
import type { SubmitOptions } from './options.ts';
import type { JobPayload } from './streams/payload-source.ts';

/** Makes one Observable of another, for `pipe()`. */
export type Operator<I, O> = (source: Observable<I>) => Observable<O>;

/** Who submits: a client, or something like it. */
export interface JobSubmitter {
  submit(functionName: string, data?: JobPayload, options?: SubmitOptions): Job;
}

/** Who submits by contract: a client. */
export interface ContractSubmitter {
  submit(contract: FunctionContract, input: unknown, options?: SubmitOptions): Job<unknown, unknown>;
}

/** Options of {@link submitMap}: how many jobs at a time, and whatever `submit()` takes. */
export interface SubmitMapOptions extends Omit<SubmitOptions, 'uniqueId'> {
  /** How many jobs run at a time, from 1. @defaultValue 16 */
  readonly concurrency?: number;
  /** True gives results in the order of the values, false as soon as they come. @defaultValue false */
  readonly ordered?: boolean;
  /**
   * How many values may wait for their turn. An Observable cannot be told to wait: one more ends it with
   * `ERR_GEARMAN_OVERFLOW`. Where the source can wait, use `from(client.mapResults(…))`, which reads it only as fast as
   * results are taken.
   *
   * @defaultValue Infinity
   */
  readonly maxQueued?: number;
  /** `'payload'` makes one job of equal values that run at the same time. @defaultValue as `generateUnique` says */
  readonly uniqueId?: 'payload';
}

const schema = z.strictObject({
  concurrency: z.number().int().positive().default(16),
  ordered: z.boolean().default(false),
  maxQueued: z
    .union([z.number().int().nonnegative(), z.literal(Number.POSITIVE_INFINITY)])
    .default(Number.POSITIVE_INFINITY),
  uniqueId: z.literal('payload').optional(),
});

/**
 * Submits a job for every value, which is what the contract takes, or bytes, and gives their results, `concurrency` jobs at a time; values wait for their turn.
 *
 * The first job that fails ends it with that job's error, as an error of the source does. Then, and on unsubscribe, the
 * jobs that run are detached and values that wait are dropped. Completes when the source has completed and all jobs are
 * over.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function submitMap<C extends FunctionContract>(
  client: ContractSubmitter,
  contract: C,
  options?: SubmitMapOptions,
): Operator<InputOf<C>, OutputOf<C>>;
export function submitMap(
  client: JobSubmitter,
  functionName: string,
  options?: SubmitMapOptions,
): Operator<JobPayload, Buffer>;
export function submitMap(
  client: { submit(target: never, input: unknown, options?: SubmitOptions): Job<unknown, unknown> },
  target: CallTarget,
  options: SubmitMapOptions = {},
): Operator<never, unknown> {
  const { concurrency, ordered, maxQueued, uniqueId, ...rest } = options;
  const own = { concurrency, ordered, maxQueued, uniqueId };
  const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
  const settings = parseOptions(schema, own, 'submitMap()', fail);
  const given: SubmitOptions = uniqueId === undefined ? rest : { ...rest, uniqueId };
  const each = Object.keys(given).length === 0 ? undefined : given;
  // The overloads pair it with a client that takes it.
  const submit = (data: unknown): Job<unknown, unknown> => client.submit(target as never, data, each);

  return (source) =>
    new Observable((subscriber) => {
      const queue = new Fifo<unknown>();
      const order = settings.ordered ? new InOrder<unknown>() : undefined;
      let exhausted = false;
      const endWhenDone = (): void => {
        if (exhausted && queue.size === 0 && window.running === 0) subscriber.complete();
      };
      const window: JobWindow<unknown, unknown> = new JobWindow(submit, (outcome, index) => {
        if (!outcome.ok) return subscriber.error(outcome.error);
        const ready = order === undefined ? [outcome.value] : order.accept(index, outcome.value);
        for (const value of ready) subscriber.next(value);
        if (queue.size > 0 && window.running < settings.concurrency) window.add(queue.take());
        endWhenDone();
      });
      subscriber.add(() => {
        queue.clear();
        window.cancel();
      });
      const next = (value: unknown): void => {
        if (window.running < settings.concurrency) window.add(value);
        else if (queue.size < settings.maxQueued) queue.push(value);
        else subscriber.error(tooMany(target, settings.maxQueued));
      };
      const complete = (): void => {
        exhausted = true;
        endWhenDone();
      };
      subscriber.add(source.subscribe({ next, complete, error: (error) => subscriber.error(error) }));
    });
}

/**
 * Of a job's events only its result: `client.submit$('f').pipe(takeResult())`. Errors with what the job rejects with.
 */
export function takeResult<O>(): Operator<JobEvent<O>, O> {
  return eachEvent((event, subscriber) => {
    if (!isLastEvent(event)) return;
    if (event.type === 'complete') {
      subscriber.next(event.value);
      subscriber.complete();
    } else subscriber.error(event.error);
  });
}

/** Calls `onProgress` whenever the worker says how far it is, and lets all events pass. What it throws is the error. */
export function withProgress<O>(
  onProgress: (progress: JobProgress) => void,
): Operator<JobEvent<O>, JobEvent<O>> {
  return eachEvent((event, subscriber) => {
    if (event.type === 'status') {
      const { numerator, denominator, fraction } = event;
      onProgress({ numerator, denominator, fraction });
    }
    subscriber.next(event);
  });
}

/** What is passed on to. */
interface Sink<T> {
  next(value: T): void;
  error(error: unknown): void;
  complete(): void;
}

function eachEvent<O, T>(onEvent: (event: JobEvent<O>, sink: Sink<T>) => void): Operator<JobEvent<O>, T> {
  return (source) =>
    new Observable((subscriber) =>
      source.subscribe({
        next: (event) => {
          try {
            onEvent(event, subscriber);
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
}

function tooMany(target: CallTarget, limit: number): OverflowError {
  const functionName = typeof target === 'string' ? target : target.name;
  const remedy = 'slow the source down, drop values of it, or read it with mapResults()';
  return new OverflowError(
    `too many values wait for their job "${functionName}"`,
    'maxQueued',
    limit,
    remedy,
  );
}
