import { parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { MapError } from './collection-errors.ts';
import { JobCancelledError } from './errors.ts';
import { InOrder } from './in-order.ts';
import type { SubmitOne } from './job-window.ts';
import { type Inputs, MapRun } from './map-run.ts';
import type { SubmitOptions } from './options.ts';
import type { Outcome } from './outcome.ts';

/** Options of `client.mapResults()`: how many jobs at a time, and whatever `submit()` takes. */
export interface MapResultsOptions extends Omit<SubmitOptions, 'uniqueId'> {
  /** How many jobs run at a time, from 1. @defaultValue 16 */
  readonly concurrency?: number;
  /** `'payload'` makes one job of equal inputs that run at the same time. @defaultValue as `generateUnique` says */
  readonly uniqueId?: 'payload';
}

/** Options of `client.map()`. */
export interface MapOptions extends MapResultsOptions {
  /**
   * What the first failure does: true gives the whole map up; false lets all others run to their end first, and then
   * rejects with `ERR_GEARMAN_MAP`, which has the results, too.
   *
   * @defaultValue true
   */
  readonly stopOnError?: boolean;
}

/** Options of `client.map()` that makes one value of all results. */
export interface MapToOneOptions<A, O> extends MapResultsOptions {
  /** Called with one result after the other, in the order of the inputs; what it returns is passed to the next call. */
  readonly reduce: (accumulator: A, result: O, index: number) => A | Promise<A>;
  /** What the first call gets. */
  readonly initial: A;
}

/** The parts of a map's options: its own, and those of each job. */
export interface MapSettings {
  readonly concurrency: number;
  readonly stopOnError: boolean;
  readonly signal: AbortSignal | undefined;
  readonly submit: SubmitOptions;
}

const DEFAULT_CONCURRENCY = 16;

const schema = z.strictObject({
  concurrency: z.number().int().positive().default(DEFAULT_CONCURRENCY),
  stopOnError: z.boolean().default(true),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'must be an AbortSignal').optional(),
  uniqueId: z.literal('payload').optional(),
  reduce: z.function().optional(),
});

/** Checks the options of a map; those of each job are left to check. @throws InvalidArgumentError */
export function parseMapOptions(
  options: MapOptions & Partial<MapToOneOptions<never, never>>,
  where: string,
): MapSettings {
  const { concurrency, stopOnError, signal, uniqueId, reduce, initial: _, ...rest } = options;
  const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
  const own = parseOptions(schema, { concurrency, stopOnError, signal, uniqueId, reduce }, where, fail);
  if (reduce !== undefined && stopOnError === false) {
    throw fail(`${where}: stopOnError: must not be false with reduce, which needs every result`);
  }
  return { ...own, signal, submit: uniqueId === undefined ? rest : { ...rest, uniqueId } };
}

/** What a map works on. */
export interface MapTask<I, O> {
  readonly functionName: string;
  readonly items: Inputs<I>;
  readonly submit: SubmitOne<I, O>;
  readonly settings: MapSettings;
}

/** All results, in the order of the inputs. */
export function mapToArray<I, O>({ functionName, items, submit, settings }: MapTask<I, O>): Promise<O[]> {
  const { concurrency, stopOnError, signal } = settings;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(aborted(functionName, signal.reason));
    const outcomes: Outcome<O>[] = [];
    let failed = false;
    const finish = (settle: () => void): void => {
      run.stop();
      unlisten();
      settle();
    };
    const run: MapRun<I, O> = new MapRun({
      items,
      submit,
      concurrency,
      wants: () => true,
      onOver: (outcome, index) => {
        outcomes[index] = outcome;
        if (outcome.ok) return;
        failed = true;
        if (stopOnError) finish(() => reject(outcome.error));
      },
      onEnd: () =>
        finish(() => {
          if (failed) reject(new MapError(outcomes));
          else resolve(outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])));
        }),
      onError: (error) => finish(() => reject(error)),
    });
    const unlisten = whenAborted(signal, (cause) => finish(() => reject(aborted(functionName, cause))));
    run.more();
  });
}

/** One result after the other, in the order of the inputs, of which no more are read than results are taken. */
export async function* mapInOrder<I, O>(task: MapTask<I, O>): AsyncGenerator<O, void, void> {
  const { functionName, items, submit, settings } = task;
  const { concurrency, signal } = settings;
  if (signal?.aborted === true) throw aborted(functionName, signal.reason);
  const order = new InOrder<O>();
  const ready: O[] = [];
  let taken = 0;
  let end: { readonly error?: unknown } | undefined;
  let wake = (): void => {};
  const finish = (how: { readonly error?: unknown }): void => {
    end ??= how;
    run.stop();
    wake();
  };
  const run: MapRun<I, O> = new MapRun({
    items,
    submit,
    concurrency,
    wants: () => run.started - taken < concurrency,
    onOver: (outcome, index) => {
      if (outcome.ok) ready.push(...order.accept(index, outcome.value));
      else finish({ error: outcome.error });
      wake();
    },
    onEnd: () => finish({}),
    onError: (error) => finish({ error }),
  });
  const unlisten = whenAborted(signal, (cause) => finish({ error: aborted(functionName, cause) }));
  try {
    for (;;) {
      run.more();
      // Errors go first: they have ended what was still missing.
      if (end !== undefined && 'error' in end) throw end.error;
      if (ready.length > 0) {
        taken++;
        // Whoever has it may take long: the next job need not wait for that.
        run.more();
        // There is one: that was asked before.
        yield ready.shift() as O;
      } else if (end !== undefined) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unlisten();
    run.stop();
  }
}

/** All results made into one value, one after the other, in the order of the inputs. */
export async function mapToOne<I, O, A>(
  task: MapTask<I, O>,
  reduce: (accumulator: A, result: O, index: number) => A | Promise<A>,
  initial: A,
): Promise<A> {
  let accumulator = initial;
  let index = 0;
  for await (const result of mapInOrder(task)) accumulator = await reduce(accumulator, result, index++);
  return accumulator;
}

function aborted(functionName: string, cause: unknown): JobCancelledError {
  return new JobCancelledError(functionName, 'was mapped over inputs until its signal was aborted', true, {
    cause,
  });
}

/** Calls back when the signal is aborted; the result stops listening. */
function whenAborted(signal: AbortSignal | undefined, listener: (cause: unknown) => void): () => void {
  if (signal === undefined) return () => {};
  const onAbort = (): void => listener(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
