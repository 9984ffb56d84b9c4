import { Duplex } from 'node:stream';
import type { Observable } from '@gearman/events';
import type { JobRef } from '@gearman/protocol';
import type { Job } from '../job.ts';
import type { JobEvent } from '../job-events.ts';
import { READ_AHEAD_BYTES } from './job-readable.ts';
import { PayloadCollector, type PayloadLimits } from './payload-collector.ts';
import { type FeedLimit, ResultFeed } from './result-feed.ts';

/** What a stream needs to know of its job. */
export interface JobStreamSettings extends PayloadLimits, FeedLimit {
  /** Whether the server is told when the stream is destroyed before the job is over. */
  readonly cancelOnDestroy: boolean;
  /** The payload is there: the job can be sent. */
  readonly provide: (workload: Uint8Array) => void;
}

/**
 * A job as a Node stream: what is written is its payload, what is read is its result.
 *
 * The job is sent when the writing side ends: a job's packet begins with its size, and a job server hands out whole
 * payloads only. Until then the payload is kept in memory, up to `maxPayloadBytes`. The result comes as the worker sends
 * it, and is not kept.
 *
 * It is no promise; for the whole result use `text(stream)` and its siblings of `node:stream/consumers`. Whatever the
 * job would reject with is its `error` event; a stream whose errors nobody listens to does not end the process. A stream
 * that is destroyed before the job is over detaches from it, or, with `cancelOnAbort`, asks the server to cancel it.
 */
export class JobStream extends Duplex {
  /** The job itself: its state, progress, events and so on. Its value is only the last part of the result. */
  readonly job: Job;
  readonly #settings: JobStreamSettings;
  readonly #feed: ResultFeed;
  #collector: PayloadCollector | undefined;

  /** @internal use `client.submitStream()` */
  constructor(job: Job, settings: JobStreamSettings) {
    super({ readableHighWaterMark: Math.min(READ_AHEAD_BYTES, settings.maxBufferedBytes) });
    this.on('error', () => {});
    this.job = job;
    this.#settings = settings;
    this.#collector = new PayloadCollector(settings);
    this.#feed = new ResultFeed(this, job, settings);
    this.#feed.start();
  }

  get functionName(): string {
    return this.job.functionName;
  }

  /** The unique id it is sent with; empty for none. One that is made of the payload is known when that has ended. */
  get uniqueId(): string {
    return this.job.uniqueId;
  }

  /** The handle its server gave it; undefined until then. */
  get handle(): string | undefined {
    return this.job.handle;
  }

  /** Handle and server; undefined until it was created. */
  get ref(): JobRef | undefined {
    return this.job.ref;
  }

  /** Resolves with its reference when a server has taken it; rejects with the job's error if that never happens. */
  get created(): Promise<JobRef> {
    return this.job.created;
  }

  /** All that the job tells, as `job.events$`. */
  get events$(): Observable<JobEvent> {
    return this.job.events$;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    attempt(() => this.#collector?.push(chunk), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    attempt(() => {
      const workload = this.#collector?.end();
      this.#collector = undefined;
      if (workload !== undefined) this.#settings.provide(workload);
    }, callback);
  }

  override _read(): void {
    this.#feed.more();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#collector = undefined;
    this.#feed.stop();
    if (!this.job.done) this.#leave();
    callback(error);
  }

  #leave(): void {
    if (!this.#settings.cancelOnDestroy) this.job.detach();
    // Nobody waits for what the server made of it.
    else void this.job.cancel().catch(() => {});
  }
}

function attempt(step: () => void, callback: (error?: Error | null) => void): void {
  try {
    step();
  } catch (error) {
    // These are PayloadErrors.
    callback(error as Error);
    return;
  }
  callback();
}
