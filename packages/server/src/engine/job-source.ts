import type { FunctionTable } from './function-table.ts';
import type { Job } from './job.ts';
import type { JobLife } from './job-life.ts';
import { findParkedTwin, findTwin, type JobTable } from './job-table.ts';
import type { Parking } from './parking.ts';
import { NOBODY, Peer } from './peer.ts';
import type { Submission, Submitted } from './submission.ts';
import type { Submissions } from './submissions.ts';

/** What {@link JobSource} needs. */
export interface JobSourceParts {
  readonly functions: FunctionTable;
  readonly jobs: JobTable;
  readonly life: JobLife;
  readonly parking: Parking | undefined;
}

/** Where schedules get their jobs, their numbers and their memory. */
export class JobSource {
  readonly #functions: FunctionTable;
  readonly #jobs: JobTable;
  readonly #life: JobLife;
  readonly #parking: Parking | undefined;
  readonly #submissions: Submissions;
  // Nobody: background jobs have nobody to answer.
  readonly #peer = new Peer(0, NOBODY, '', false);

  constructor({ functions, jobs, life, parking }: JobSourceParts, submissions: Submissions) {
    this.#functions = functions;
    this.#jobs = jobs;
    this.#life = life;
    this.#parking = parking;
    this.#submissions = submissions;
  }

  get handlePrefix(): string {
    return this.#jobs.handlePrefix;
  }

  takeNumber(): number {
    return this.#jobs.takeNumber();
  }

  /** A schedule has rules of its own for runs that are too many: no earlier job stands for a run. */
  submit(submission: Submission): Submitted {
    return this.#submissions.submit(this.#peer, submission, false);
  }

  /** The job that a submit would merge into; the number of a parked one. */
  twinOf(functionName: string, uniqueId: string, workload: Uint8Array): Job | number | undefined {
    const fn = this.#functions.get(functionName);
    if (fn === undefined) return undefined;
    const parked = findParkedTwin(this.#jobs, fn, uniqueId, workload);
    return parked > 0 ? parked : findTwin(fn, uniqueId, workload);
  }

  cancel(twin: Job | number): void {
    if (typeof twin === 'number') this.#parking?.drop(twin);
    else this.#life.cancel(twin);
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
