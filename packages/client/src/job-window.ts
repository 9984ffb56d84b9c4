import { GearmanError } from '@gearman/protocol';
import type { Job } from './job.ts';
import { type Outcome, whenOver } from './outcome.ts';

/** Submits the job for one input. What it throws is what became of that input. */
export type SubmitOne<I, O> = (input: I, index: number) => Job<O, unknown>;

/** Jobs for a row of inputs, of which somebody keeps a certain number running. */
export class JobWindow<I, O> {
  readonly #submit: SubmitOne<I, O>;
  readonly #onOver: (outcome: Outcome<O>, index: number) => void;
  readonly #running = new Set<Job<O, unknown>>();
  #added = 0;
  #cancelled = false;

  /** @param onOver hears what became of each input, at the latest when its job is over; nothing after {@link cancel} */
  constructor(submit: SubmitOne<I, O>, onOver: (outcome: Outcome<O>, index: number) => void) {
    this.#submit = submit;
    this.#onOver = onOver;
  }

  /** Jobs that are not over. */
  get running(): number {
    return this.#running.size;
  }

  /** Inputs so far. */
  get added(): number {
    return this.#added;
  }

  add(input: I): void {
    const index = this.#added++;
    let job: Job<O, unknown>;
    try {
      job = this.#submit(input, index);
    } catch (error) {
      if (!(error instanceof GearmanError)) throw error;
      this.#onOver({ ok: false, error }, index);
      return;
    }
    this.#running.add(job);
    whenOver(job, (outcome) => {
      this.#running.delete(job);
      if (!this.#cancelled) this.#onOver(outcome, index);
    });
  }

  /** Detaches from all that run. */
  cancel(): void {
    this.#cancelled = true;
    for (const job of [...this.#running]) job.detach();
  }
}
