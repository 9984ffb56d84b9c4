import { randomUUID } from 'node:crypto';
import { type Clock, parseOptions, systemClock, type Timer, TypedEmitter } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import type { ForwardStore, StoredJob } from './forward-store.ts';
import type { RunningJob } from './job.ts';
import type { JobClient } from './job-client.ts';
import type { PartFunction, WorkerPart } from './worker-part.ts';

/** Options of `createStoreAndForward()`. */
export interface StoreAndForwardOptions {
  readonly store: ForwardStore;
  /** Submits the jobs when they are due. Not closed. */
  readonly client: JobClient;
  /** The function that takes jobs in. @defaultValue `'queue'` */
  readonly functionName?: string;
  /** The functions that jobs may be for. @defaultValue all */
  readonly functions?: readonly string[];
  /** How often a job is tried before it is dead, unless it says otherwise; 0 for no limit. @defaultValue 10 */
  readonly maxAttempts?: number;
  /** The pause after the first failure, in milliseconds; it doubles with each. @defaultValue 1000 */
  readonly minDelayMs?: number;
  /** The longest pause, in milliseconds. @defaultValue 600_000 */
  readonly maxDelayMs?: number;
  /** How many jobs may be under way at once. @defaultValue 64 */
  readonly concurrency?: number;
  /** How many jobs may be kept, the dead ones too; more are refused with an exception. @defaultValue 100_000 */
  readonly maxJobs?: number;
  /** Where time comes from. @defaultValue the system's clock */
  readonly clock?: Clock;
}

/** What becomes of the jobs. */
export type ForwardEvent =
  /** A job was stored, and its client told so. */
  | { readonly type: 'stored'; readonly job: StoredJob }
  /** A worker has done it, and it is no longer kept. */
  | { readonly type: 'forwarded'; readonly job: StoredJob }
  /** It failed and is tried again after a pause. */
  | { readonly type: 'retry'; readonly job: StoredJob; readonly error: unknown; readonly delayMs: number }
  /** It has failed too often. It is kept until {@link StoreAndForward.revive} or {@link StoreAndForward.remove}. */
  | { readonly type: 'dead'; readonly job: StoredJob; readonly error: unknown }
  /** The store failed. What it should have forgotten may run again. */
  | { readonly type: 'store-error'; readonly job: StoredJob; readonly error: unknown };

const count = z.number().int().min(1).max(1_000_000_000);
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const optionsSchema = z.strictObject({
  store: z.custom<ForwardStore>(isObject, 'must be a store'),
  client: z.custom<JobClient>(isObject, 'must be a client'),
  functionName: z.string().min(1).default('queue'),
  functions: z.array(z.string().min(1)).optional(),
  maxAttempts: z.number().int().nonnegative().default(10),
  minDelayMs: z.number().positive().default(1000),
  maxDelayMs: z.number().positive().default(600_000),
  concurrency: count.default(64),
  maxJobs: count.default(100_000),
  clock: z.custom<Clock>(isObject, 'must be a clock').default(systemClock),
});

/** What a client sends, as JSON. */
const requestSchema = z.strictObject({
  function: z.string().min(1).max(512),
  /** As text, */
  payload: z.string().optional(),
  /** or bytes in base64. */
  payloadBase64: z.base64().optional(),
  unique: z.string().optional(),
  /** Not before: milliseconds since 1970. */
  runAt: z.number().nonnegative().optional(),
  /** Not before: milliseconds from now. */
  delayMs: z.number().nonnegative().optional(),
  maxAttempts: z.number().int().nonnegative().optional(),
});

/** These say that a worker has had the job and did not do it. After any other failure nobody has. */
const FAILED = new Set(['ERR_GEARMAN_JOB_FAILED', 'ERR_GEARMAN_JOB_EXCEPTION']);

/**
 * Gives any job server durable background jobs with retries, back-off, delays and a dead set: takes jobs in by a function
 * of its own, stores them, tells the client so, and submits them in the foreground until a worker has done them. Mount it:
 * `worker.mount(createStoreAndForward({ … }))`.
 *
 * A job is done at least once: twice if this process ends between the result and the store's word. One process per store.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function createStoreAndForward(options: StoreAndForwardOptions): StoreAndForward {
  return new StoreAndForward(options);
}

/** See {@link createStoreAndForward}. */
export class StoreAndForward extends TypedEmitter<ForwardEvent> implements WorkerPart {
  readonly name = 'store-and-forward';
  readonly functions: readonly PartFunction[];
  readonly setup: () => Promise<void> = () => this.#load();
  readonly #options: z.output<typeof optionsSchema>;
  readonly #jobs = new Map<string, StoredJob>();
  // Due first.
  readonly #waiting: StoredJob[] = [];
  readonly #running = new Set<Promise<void>>();
  #reserved = 0;
  #timer: Timer | undefined;
  #closed = false;

  /** @internal use {@link createStoreAndForward} */
  constructor(options: StoreAndForwardOptions) {
    super();
    this.#options = parseOptions(
      optionsSchema,
      options,
      'createStoreAndForward()',
      (message) => new InvalidArgumentError(message),
    );
    const run = (job: RunningJob): Promise<string> => this.#take(job.payload);
    this.functions = [{ functionName: this.#options.functionName, run, options: {} }];
  }

  /** The jobs that are kept, dead ones too. */
  get jobs(): readonly StoredJob[] {
    return [...this.#jobs.values()];
  }

  /** Tries a dead job again, from its first attempt on. Returns false when there is none. Rejects with what the store does. */
  async revive(id: string): Promise<boolean> {
    const dead = this.#jobs.get(id);
    if (dead?.deadReason === undefined) return false;
    const { deadReason: _, ...rest } = dead;
    const job = { ...rest, attempts: 0, runAtMs: this.#options.clock.now() };
    await this.#options.store.put(job);
    this.#jobs.set(id, job);
    this.#schedule(job);
    return true;
  }

  /** Forgets a job that is dead. Returns false when there is none. Rejects with what the store does. */
  async remove(id: string): Promise<boolean> {
    if (this.#jobs.get(id)?.deadReason === undefined) return false;
    await this.#options.store.delete(id);
    return this.#jobs.delete(id);
  }

  /** Submits no more jobs; resolves when those under way have ended. What is left stays in the store. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await Promise.all(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(): Promise<void> {
    for (const job of await this.#options.store.load()) {
      if (this.#jobs.has(job.id)) continue;
      this.#jobs.set(job.id, job);
      if (job.deadReason === undefined) this.#schedule(job);
    }
  }

  /** Returns the id of the stored job, for its client. */
  async #take(payload: Uint8Array): Promise<string> {
    const { clock, functions, maxAttempts, maxJobs, store } = this.#options;
    const wanted = parseOptions(
      requestSchema,
      JSON.parse(Buffer.from(payload).toString('utf8')),
      this.#options.functionName,
      (message) => new InvalidArgumentError(message),
    );
    if (functions !== undefined && !functions.includes(wanted.function)) {
      throw new InvalidArgumentError(`no jobs are taken for "${wanted.function}"`);
    }
    if (this.#jobs.size + this.#reserved >= maxJobs) {
      throw new InvalidArgumentError(`${maxJobs} jobs are kept already; try again later`);
    }
    const job: StoredJob = {
      id: randomUUID(),
      functionName: wanted.function,
      payload: wanted.payloadBase64 ?? Buffer.from(wanted.payload ?? '').toString('base64'),
      ...(wanted.unique !== undefined && { uniqueId: wanted.unique }),
      runAtMs: wanted.runAt ?? clock.now() + (wanted.delayMs ?? 0),
      attempts: 0,
      maxAttempts: wanted.maxAttempts ?? maxAttempts,
    };
    this.#reserved++;
    try {
      await store.put(job);
    } finally {
      this.#reserved--;
    }
    this.#jobs.set(job.id, job);
    this.emit({ type: 'stored', job });
    this.#schedule(job);
    return job.id;
  }

  #schedule(job: StoredJob): void {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiting[middle]?.runAtMs ?? 0) <= job.runAtMs) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, job);
    this.#goOn();
  }

  #goOn(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock, concurrency } = this.#options;
    while (!this.#closed && this.#running.size < concurrency) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const delayMs = next.runAtMs - clock.now();
      if (delayMs > 0) {
        this.#timer = clock.setTimer(delayMs, () => this.#goOn(), { unref: true });
        return;
      }
      this.#waiting.shift();
      const run = this.#forward(next).then(() => {
        this.#running.delete(run);
        this.#goOn();
      });
      this.#running.add(run);
    }
  }

  /** Never rejects. */
  async #forward(job: StoredJob): Promise<void> {
    const { client, store } = this.#options;
    const { uniqueId } = job;
    try {
      const payload = Buffer.from(job.payload, 'base64');
      await client.submit(job.functionName, payload, uniqueId === undefined ? {} : { uniqueId });
    } catch (error) {
      await this.#afterFailure(job, error);
      return;
    }
    this.#jobs.delete(job.id);
    await this.#inStore(job, () => store.delete(job.id));
    this.emit({ type: 'forwarded', job });
  }

  async #afterFailure(job: StoredJob, error: unknown): Promise<void> {
    const { clock, store, minDelayMs, maxDelayMs } = this.#options;
    const attempts = job.attempts + (hasFailed(error) ? 1 : 0);
    const isDead = job.maxAttempts > 0 && attempts >= job.maxAttempts;
    const delayMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.max(0, attempts - 1));
    const runAtMs = clock.now() + delayMs;
    const next: StoredJob = { ...job, attempts, runAtMs, ...(isDead && { deadReason: String(error) }) };
    this.#jobs.set(job.id, next);
    await this.#inStore(next, () => store.put(next));
    if (isDead) this.emit({ type: 'dead', job: next, error });
    else {
      this.emit({ type: 'retry', job: next, error, delayMs });
      this.#schedule(next);
    }
  }

  /** What is known here goes on also when the store fails; after a restart the job runs again. */
  async #inStore(job: StoredJob, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.emit({ type: 'store-error', job, error });
    }
  }
}

function hasFailed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && FAILED.has(String(error.code));
}
