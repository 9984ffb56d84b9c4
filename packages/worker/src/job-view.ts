import type { JobRef } from '@gearman/protocol';
import type { DeadLetter } from './attempt.ts';
import type { RunningJob } from './job.ts';
import type { JobClient } from './job-client.ts';
import type { ReleaseOptions, WorkerJob } from './worker-job.ts';

/** What every view of a job shows as it is. Others have their own payload and result. */
export type CommonJob = Omit<WorkerJob, 'payload' | 'text' | 'stream' | 'write' | 'complete'>;

/** A job as some handlers see it. */
export abstract class JobView implements CommonJob {
  /** @internal */
  protected readonly job: RunningJob;

  constructor(job: RunningJob) {
    this.job = job;
  }

  get functionName(): string {
    return this.job.functionName;
  }

  get handle(): string {
    return this.job.handle;
  }

  get server(): string {
    return this.job.server;
  }

  get ref(): JobRef {
    return this.job.ref;
  }

  get uniqueId(): string {
    return this.job.uniqueId;
  }

  get reducer(): string | undefined {
    return this.job.reducer;
  }

  get attempt(): number {
    return this.job.attempt;
  }

  get maxAttempts(): number {
    return this.job.maxAttempts;
  }

  get deadline(): Date | undefined {
    return this.job.deadline;
  }

  get deadLetter(): DeadLetter | undefined {
    return this.job.deadLetter;
  }

  get signal(): AbortSignal {
    return this.job.signal;
  }

  get ended(): boolean {
    return this.job.ended;
  }

  get client(): JobClient {
    return this.job.client;
  }

  progress(numerator: number, denominator?: number): void {
    this.job.progress(numerator, denominator);
  }

  warn(message: Uint8Array | string): void {
    this.job.warn(message);
  }

  log(message: string, fields?: object): void {
    this.job.log(message, fields);
  }

  fail(reason?: string): void {
    this.job.fail(reason);
  }

  exception(error: unknown): void {
    this.job.exception(error);
  }

  release(options?: ReleaseOptions): void {
    this.job.release(options);
  }
}
