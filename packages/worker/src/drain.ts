import type { Connection } from '@gearman/pool';
import type { GrabLoop } from './grab-loop.ts';
import type { RunningJob } from './job.ts';

/** What a {@link Drain} is about. */
export interface DrainOptions {
  readonly loops: Iterable<GrabLoop>;
  /** The jobs that must have ended before their connection is told. */
  readonly concerns: (job: RunningJob) => boolean;
  readonly tell: (connection: Connection) => void;
  /** Called once, when every connection has been told, just before {@link Drain.done} resolves. */
  readonly onDone?: () => void;
}

/**
 * Takes functions back from servers without losing what runs: each connection is told once no request for a job is in
 * flight on it and none of the jobs concerned runs there.
 *
 * @see gearmand `PROTOCOL`, "CANT_DO"; the server requeues the running jobs of the function it names
 */
export class Drain {
  /** Resolves when every connection has been told, or the drain was cancelled. */
  readonly done: Promise<void>;
  readonly #loops: Set<GrabLoop>;
  readonly #options: DrainOptions;
  #resolve: () => void = () => {};

  constructor(options: DrainOptions) {
    this.#loops = new Set(options.loops);
    this.#options = options;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Looks at all connections for the first time. */
  start(): this {
    if (this.#loops.size === 0) this.#finish();
    for (const loop of [...this.#loops]) this.check(loop);
    return this;
  }

  /** True while this loop may not ask for jobs. */
  holds(loop: GrabLoop): boolean {
    return this.#loops.has(loop);
  }

  /** Tells the loop's connection if it is time. */
  check(loop: GrabLoop): void {
    if (!this.#loops.has(loop) || loop.inFlight > 0) return;
    for (const job of loop.jobs) if (this.#options.concerns(job)) return;
    this.#release(loop);
  }

  /** Tells all that are left, now. */
  force(): void {
    for (const loop of [...this.#loops]) this.#release(loop);
  }

  /** Tells nobody any more. */
  cancel(): void {
    this.#loops.clear();
    this.#resolve();
  }

  #release(loop: GrabLoop): void {
    this.#loops.delete(loop);
    this.#options.tell(loop.connection);
    if (this.#loops.size === 0) this.#finish();
  }

  #finish(): void {
    this.#options.onDone?.();
    this.#resolve();
  }
}
