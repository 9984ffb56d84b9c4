import type { FunctionTable } from './function-table.ts';
import type { Job } from './job.ts';
import type { JobLife } from './job-life.ts';
import { findTwin, type JobTable } from './job-table.ts';
import { NOBODY, Peer } from './peer.ts';
import type { Submission, SubmitRefusal } from './submission.ts';
import type { Submissions } from './submissions.ts';

/** Where schedules get their jobs, their numbers and their memory. */
export class JobSource {
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #life: JobLife;
  readonly #submissions: Submissions;
  // Nobody: background jobs have nobody to answer.
  readonly #peer = new Peer(0, NOBODY, '', false);

  constructor(functions: FunctionTable, jobs: JobTable, life: JobLife, submissions: Submissions) {
    this.#functions = functions;
    this.#jobs = jobs;
    this.#life = life;
    this.#submissions = submissions;
  }

  get handlePrefix(): string {
    return this.#jobs.handlePrefix;
  }

  takeNumber(): number {
    return this.#jobs.takeNumber();
  }

  submit(submission: Submission): Job | SubmitRefusal {
    return this.#submissions.submit(this.#peer, submission);
  }

  /** The job that a submit would merge into. */
  twinOf(functionName: string, uniqueId: string, workload: Uint8Array): Job | undefined {
    const fn = this.#functions.get(functionName);
    return fn === undefined ? undefined : findTwin(fn, uniqueId, workload);
  }

  cancel(job: Job): void {
    this.#life.cancel(job);
  }

  /** Why nothing may come that takes this much memory. */
  refusal(sizeBytes: number): 'shutting-down' | 'memory-full' | undefined {
    if (this.#submissions.draining) return 'shutting-down';
    return this.#submissions.hasRoomFor(sizeBytes) ? undefined : 'memory-full';
  }

  /** All schedules together take this much now. */
  reserve(sizeBytes: number): void {
    this.#submissions.reservedBytes = sizeBytes;
  }
}
