import type { Duplex, Readable } from 'node:stream';
import { createPayloadStream } from './job-stream.ts';
import { JobView } from './job-view.ts';
import type { EntryHandler, StreamHandler } from './registry.ts';
import { isThenable } from './result.ts';
import type { StreamJob } from './worker-job.ts';

/** A job whose payload is a stream: everything else is the job's. */
class JobWithStream extends JobView implements StreamJob {
  #payload: Readable | undefined;
  /** True once the handler has taken the job as a stream, by which it ends then. */
  taken = false;

  get payload(): Readable {
    this.#payload ??= createPayloadStream(this.job.payload);
    return this.#payload;
  }

  stream(): Duplex {
    this.taken = true;
    return this.job.stream();
  }

  write(chunk: Uint8Array | string): Promise<void> {
    return this.job.write(chunk);
  }

  complete(result?: Uint8Array | string): void {
    this.job.complete(result);
  }
}

/** A handler of stream jobs as the worker calls it. */
export function withStreamPayload(handler: StreamHandler): EntryHandler {
  return (job) => handler(new JobWithStream(job));
}

/**
 * The same for `registerStream()`: a handler that returns nothing leaves the job open, but one that promises nothing has
 * ended when its promise has, unless it took the job as a stream.
 */
export function withOpenStream(handler: StreamHandler): EntryHandler {
  return (job) => {
    const view = new JobWithStream(job);
    const result: unknown = handler(view);
    if (!isThenable(result)) return result;
    return Promise.resolve(result).then((value) => value ?? (view.taken ? undefined : ''));
  };
}
