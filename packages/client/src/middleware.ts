import type { JobRef } from '@gearman/protocol';
import type { Job } from './job.ts';
import type { SubmitOptions } from './options.ts';
import type { JobPayload } from './streams/payload-source.ts';

/** A submit on its way through the middleware. */
export interface JobRequest {
  /** `background` for all whose result nobody waits for: also `submitAt()` and `schedule()`. */
  readonly kind: 'foreground' | 'background';
  /** As the caller gave it, without the client's prefix. */
  readonly functionName: string;
  readonly data: JobPayload;
  /** The options of this call; what it leaves out, the client's defaults say. A background job takes fewer. */
  readonly options: SubmitOptions | undefined;
}

/**
 * Stands around every submit of a client: may look at the request, hand on another one, look at what came of it, refuse by
 * throwing.
 *
 * `next` hands the request on, to the middleware behind and at last to the client, and returns the job, or the promise of
 * its reference for a background job. Call it once, and return what it returns.
 */
export type ClientMiddleware = <R extends Job<unknown, unknown> | Promise<JobRef>>(
  request: JobRequest,
  next: (request: JobRequest) => R,
) => R;

/** Goes through all of them, the first added outermost, to `submit`. */
export function through<R extends Job<unknown, unknown> | Promise<JobRef>>(
  middleware: readonly ClientMiddleware[],
  request: JobRequest,
  submit: (request: JobRequest) => R,
  from = 0,
): R {
  const current = middleware[from];
  if (current === undefined) return submit(request);
  return current(request, (changed) => through(middleware, changed, submit, from + 1));
}
