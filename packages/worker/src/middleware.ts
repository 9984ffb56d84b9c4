import type { EntryHandler } from './registry.ts';
import type { HandlerResult } from './result.ts';
import type { WorkerJob } from './worker-job.ts';

/**
 * Wraps the handlers of a worker. `next()` calls the rest and brings what the handler returned, or throws what it threw;
 * what the middleware returns takes its place.
 */
export type WorkerMiddleware = (
  job: WorkerJob,
  next: () => Promise<HandlerResult>,
) => HandlerResult | Promise<HandlerResult>;

/** The handler behind all of the middleware, the first of which sees a job first. */
export function wrap(handler: EntryHandler, chain: readonly WorkerMiddleware[]): EntryHandler {
  return chain.reduceRight<EntryHandler>(
    // Whatever the handler returns goes through; the worker looks at it.
    (inner, middleware) => (job) => middleware(job, async () => inner(job) as HandlerResult),
    handler,
  );
}
