import { InvalidArgumentError } from '@gearman/protocol';
import { toParts } from '../result-parts.ts';
import { sizeOf } from './entry.ts';
import type { CacheableJob } from './options.ts';

/** How a handler that runs for several jobs ended. */
export type Outcome =
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'fail'; readonly reason: string | undefined }
  | { readonly type: 'error'; readonly error: unknown };

/** What of a job is used here; chunks are what the handler, which knows their type, has written. */
export interface FlightJob extends Omit<CacheableJob, 'write'> {
  write(chunk: unknown): Promise<void>;
}

/**
 * One run of a handler for all jobs that want the same. What it tells goes to each of them, what it wrote before a job
 * came is sent to that later. Its signal aborts when no job is left.
 */
export class Flight {
  /** What the handler wrote so far. */
  readonly chunks: unknown[] = [];
  /** Chunks and result together, about. */
  sizeBytes = 0;
  readonly #maxBytes: number;
  readonly #members = new Map<FlightJob, Promise<void>>();
  readonly #controller = new AbortController();
  #told: Outcome | undefined;

  /** @param maxBytes what it may have written while others can still join */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** False when the handler has written more than is kept: a job that comes now would miss some of it. */
  get canJoin(): boolean {
    return this.sizeBytes <= this.#maxBytes;
  }

  /** Makes a job take part until {@link outcome} has come, or its signal aborts. */
  join(job: FlightJob): void {
    const replay = async (): Promise<void> => {
      for (const chunk of [...this.chunks]) await job.write(chunk);
    };
    this.#members.set(job, this.chunks.length === 0 ? Promise.resolve() : replay());
    const { signal } = job;
    const leave = (): void => {
      this.#members.delete(job);
      if (this.#members.size === 0) this.#controller.abort(signal.reason);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }

  /** Resolves when everything that was written has been sent for this job. */
  async sent(job: FlightJob): Promise<void> {
    await this.#members.get(job);
  }

  /** Runs the handler. Never rejects. @param first the job it gets to see */
  async run(handler: (job: never) => unknown, first: FlightJob): Promise<Outcome> {
    const view = this.#viewOf(first);
    try {
      // The handler and its job fit: both came from the same registration.
      const result = await this.#takeParts(await handler(view as never));
      this.#told ??= { type: 'result', result };
    } catch (error) {
      this.#told ??= { type: 'error', error };
    }
    return this.#told;
  }

  /** A result that comes in parts is what the handler could have written. */
  async #takeParts(returned: unknown): Promise<unknown> {
    if (returned instanceof Error) throw returned;
    const parts = toParts(returned);
    if (parts === undefined) return returned;
    const { signal } = this.#controller;
    const onAbort = (): void => parts.cancel(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      // What a generator returns at its end is a result like any other.
      if (isGenerator(returned)) return await this.#drainGenerator(returned);
      await parts.each((part) => this.#write(part));
      signal.throwIfAborted();
      return undefined;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #drainGenerator(generator: AsyncGenerator<unknown, unknown>): Promise<unknown> {
    for (;;) {
      this.#controller.signal.throwIfAborted();
      const { done, value } = await generator.next();
      if (done === true) return value;
      await this.#write(value);
    }
  }

  async #write(chunk: unknown): Promise<void> {
    this.sizeBytes += sizeOf(chunk);
    if (this.canJoin) this.chunks.push(chunk);
    else this.chunks.length = 0;
    const sent = [...this.#members].map(([job, before]) => {
      const next = before.then(() => job.write(chunk));
      this.#members.set(job, next);
      // Who waits for it later hears of it as well.
      next.catch(() => {});
      return next;
    });
    await Promise.all(sent);
  }

  #end(outcome: Outcome): void {
    this.#told ??= outcome;
  }

  #each(call: (job: FlightJob) => void): void {
    for (const job of this.#members.keys()) call(job);
  }

  /** The job as the handler sees it. */
  #viewOf(first: FlightJob): object {
    const { signal } = this.#controller;
    const hasEnded = (): boolean => this.#told !== undefined || signal.aborted;
    const own: Readonly<Record<PropertyKey, unknown>> = {
      signal,
      progress: (...numbers: [number, number?]) => this.#each((job) => job.progress(...numbers)),
      warn: (message: string) => this.#each((job) => job.warn(message)),
      write: (chunk: unknown) => this.#write(chunk),
      complete: (result?: unknown) => this.#end({ type: 'result', result }),
      fail: (reason?: string) => this.#end({ type: 'fail', reason }),
      exception: (error: unknown) => this.#end({ type: 'error', error }),
      stream: () => {
        throw new InvalidArgumentError('a cached handler cannot take the stream of its job');
      },
    };
    return new Proxy(first, {
      get(target, property) {
        if (property === 'ended') return hasEnded();
        if (property in own) return own[property];
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

function isGenerator(value: unknown): value is AsyncGenerator<unknown, unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value && 'next' in value;
}
