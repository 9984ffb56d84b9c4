import { decodeText } from '@gearman/protocol';
import type { Fate } from './engine/afterlife.ts';
import type { Engine } from './engine/engine.ts';
import { HIGH, type Job, NORMAL } from './engine/job.ts';
import type { EngineObserver, JobEnd, RequeueReason } from './engine/observer.ts';
import type { Peer } from './engine/peer.ts';
import type { JobInfo, ServerEvent } from './server-events.ts';

/** Counts since the start of the server. */
export interface JobCounters {
  /** Jobs made; submits that merged into another job are not counted. */
  queued: number;
  assigned: number;
  requeued: number;
  complete: number;
  fail: number;
  exception: number;
  cancelled: number;
  'retries-used-up': number;
  'stream-broken': number;
  abandoned: number;
  expired: number;
  /** Background jobs that failed for good and are kept. */
  dead: number;
  /** Background jobs that failed for good and went on as jobs of another function. */
  moved: number;
}

/** Where events go. */
export interface EventSink {
  /** False when nobody would see an event of this type. */
  wants(type: ServerEvent['type']): boolean;
  send(event: ServerEvent): void;
}

/** Turns what happens in the engine into counters, and into events if somebody listens. */
export class ServerObserver implements EngineObserver {
  readonly counters: JobCounters = {
    queued: 0,
    assigned: 0,
    requeued: 0,
    complete: 0,
    fail: 0,
    exception: 0,
    cancelled: 0,
    'retries-used-up': 0,
    'stream-broken': 0,
    abandoned: 0,
    expired: 0,
    dead: 0,
    moved: 0,
  };
  readonly #sink: EventSink;
  readonly #handleOf: (job: Job) => string;

  constructor(sink: EventSink, engine: () => Engine) {
    this.#sink = sink;
    this.#handleOf = (job) => engine().handleOf(job);
  }

  jobQueued(job: Job): void {
    this.counters.queued++;
    if (this.#sink.wants('job-queued')) this.#sink.send({ type: 'job-queued', ...this.#infoOf(job) });
  }

  jobAssigned(job: Job, worker: Peer): void {
    this.counters.assigned++;
    if (!this.#sink.wants('job-assigned')) return;
    this.#sink.send({ type: 'job-assigned', connectionId: worker.id, ...this.#infoOf(job) });
  }

  jobRequeued(job: Job, reason: RequeueReason, delayMs: number): void {
    this.counters.requeued++;
    if (!this.#sink.wants('job-requeued')) return;
    const { retries } = job;
    this.#sink.send({ type: 'job-requeued', reason, retries, delayMs, ...this.#infoOf(job) });
  }

  jobEnded(job: Job, how: JobEnd, fate: Fate | undefined): void {
    this.counters[how]++;
    if (fate !== undefined) this.counters[fate]++;
    if (this.#sink.wants('job-ended'))
      this.#sink.send({ type: 'job-ended', how, fate, ...this.#infoOf(job) });
  }

  functionCreated(name: string): void {
    if (!this.#sink.wants('function-created')) return;
    this.#sink.send({ type: 'function-created', functionName: decodeText(name) });
  }

  functionDropped(name: string): void {
    if (!this.#sink.wants('function-dropped')) return;
    this.#sink.send({ type: 'function-dropped', functionName: decodeText(name) });
  }

  #infoOf(job: Job): JobInfo {
    return {
      handle: this.#handleOf(job),
      functionName: decodeText(job.fn.name),
      uniqueId: decodeText(job.uniqueId),
      priority: job.priority === HIGH ? 'high' : job.priority === NORMAL ? 'normal' : 'low',
      background: job.background,
    };
  }
}
