import type { Clock, Timer } from '@gearman/events';
import type { JobRef } from '@gearman/protocol';
import type { Steps } from './allowance.ts';
import type { JobOutcome, RunningJob } from './job.ts';

/** What `worker.workOnce()` did. */
export interface WorkOnceResult {
  readonly ref: JobRef;
  readonly functionName: string;
  /** `lost`: the server gives the job to another worker. */
  readonly outcome: JobOutcome;
}

/** One job, from whichever server has one first. */
export class Step {
  readonly done: Promise<WorkOnceResult | undefined>;
  readonly #steps: Steps;
  #resolve: (result: WorkOnceResult | undefined) => void = () => {};
  #timer: Timer | undefined;
  #expired = false;

  /** Grants one job; the caller hands it out. @param onEnd called before {@link done} resolves */
  constructor(steps: Steps, timeoutMs: number, clock: Clock, onEnd: () => void) {
    this.#steps = steps;
    this.done = new Promise((resolve) => {
      this.#resolve = (result) => {
        this.#timer?.cancel();
        // The worker may have been started meanwhile.
        if (!steps.unlimited) steps.grant(0);
        onEnd();
        resolve(result);
      };
    });
    steps.grant(1);
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.setTimer(timeoutMs, () => this.end(), { unref: true });
    }
  }

  /** A job is over, and it is the one. */
  onDone(job: RunningJob): void {
    const { ref, functionName, outcome = 'lost' } = job;
    this.#resolve({ ref, functionName, outcome });
  }

  /** A request was answered: after the time limit nothing may be out. */
  onQuiet(): void {
    if (this.#expired && !this.#steps.taken) this.#resolve(undefined);
  }

  /** Waits no longer for a job, only for the answer to a request that may bring one. */
  end(): void {
    this.#expired = true;
    this.#steps.close();
    this.onQuiet();
  }
}
