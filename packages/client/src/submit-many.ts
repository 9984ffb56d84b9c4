import { GearmanError, InvalidArgumentError, type JobRef } from '@gearman/protocol';
import type { FunctionContract, InputOf } from '@gearman/protocol/payload';
import type { Job } from './job.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import type { JobPayload } from './streams/payload-source.ts';

/** One of many jobs: what `submit()` takes, by name. */
export interface SubmitItem {
  readonly functionName: string;
  readonly data?: JobPayload;
  readonly options?: SubmitOptions;
}

/** One of many jobs by its contract: what `submit()` takes. */
export type ContractItem<C extends FunctionContract, Options = SubmitOptions> = {
  readonly contract: C;
  readonly options?: Options;
} & (undefined extends InputOf<C> ? { readonly data?: InputOf<C> } : { readonly data: InputOf<C> });

/** One of many jobs, whichever way its function is named. */
export interface AnyItem<Options> {
  readonly functionName?: string;
  readonly contract?: FunctionContract;
  readonly data?: unknown;
  readonly options?: Options;
}

/** One of many background jobs: what `submitBackground()` takes, by name. */
export interface BackgroundItem {
  readonly functionName: string;
  readonly data?: JobPayload;
  readonly options?: BackgroundOptions;
}

/** Submits all, or none: nothing is sent before the end of this turn, so what was submitted can be taken back. */
export function submitAll<T, J extends Job<unknown, unknown>>(
  items: Iterable<T>,
  submit: (item: T) => J,
): J[] {
  const jobs: J[] = [];
  try {
    for (const item of items) jobs.push(submit(item));
  } catch (error) {
    for (const job of jobs) job.detach();
    if (!(error instanceof GearmanError)) throw error;
    throw new InvalidArgumentError(`submitMany(): item ${jobs.length}: ${error.message}`, { cause: error });
  }
  return jobs;
}

/** Submits all and waits for what becomes of each. */
export function submitAllInBackground<T>(
  items: Iterable<T>,
  submit: (item: T) => Promise<JobRef>,
): Promise<Outcome<JobRef>[]> {
  const waiting = Array.from(items, (item) =>
    submit(item).then(
      (value): Outcome<JobRef> => ({ ok: true, value }),
      (error: unknown): Outcome<JobRef> => {
        if (error instanceof GearmanError) return { ok: false, error };
        throw error;
      },
    ),
  );
  return Promise.all(waiting);
}
