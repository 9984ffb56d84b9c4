import { JobWindow, type SubmitOne } from './job-window.ts';
import type { Outcome } from './outcome.ts';

/** Where inputs come from. */
export type Inputs<I> = Iterable<I> | AsyncIterable<I>;

/** What a {@link MapRun} needs to know, and whom it tells. */
export interface MapRunOptions<I, O> {
  readonly items: Inputs<I>;
  readonly submit: SubmitOne<I, O>;
  /** Jobs at a time. */
  readonly concurrency: number;
  /** False while nobody could take more results: then no more inputs are read. */
  readonly wants: () => boolean;
  /** What became of an input; calls come in any order. */
  readonly onOver: (outcome: Outcome<O>, index: number) => void;
  /** All inputs are read and all jobs are over. */
  readonly onEnd: () => void;
  /** The inputs threw; the run is stopped. */
  readonly onError: (error: Error) => void;
}

/** Reads inputs one after the other, only as fast as there is room, and keeps jobs for them running. */
export class MapRun<I, O> {
  readonly #options: MapRunOptions<I, O>;
  readonly #iterator: Iterator<I> | AsyncIterator<I>;
  readonly #window: JobWindow<I, O>;
  #reading = false;
  #exhausted = false;
  #stopped = false;

  constructor(options: MapRunOptions<I, O>) {
    this.#options = options;
    const { items, submit, onOver } = options;
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#window = new JobWindow(submit, (outcome, index) => {
      onOver(outcome, index);
      this.more();
    });
  }

  /** Inputs read so far. */
  get started(): number {
    return this.#window.added;
  }

  /** There may be room for more. */
  more(): void {
    if (!this.#reading) void this.#read();
  }

  /** Ends it: reads nothing more and detaches from the jobs that run. Nobody is told anything after this. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#window.cancel();
    if (!this.#exhausted) this.#leave();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#hasRoom()) {
        const next = await this.#iterator.next();
        if (next.done === true) this.#exhausted = true;
        else if (!this.#stopped) this.#window.add(next.value);
      }
    } catch (error) {
      if (this.#stopped) return;
      this.stop();
      // Whatever the caller's inputs threw.
      this.#options.onError(error as Error);
    }
    this.#reading = false;
    if (this.#exhausted && !this.#stopped && this.#window.running === 0) {
      this.#stopped = true;
      this.#options.onEnd();
    }
  }

  #hasRoom(): boolean {
    const { concurrency, wants } = this.#options;
    return !this.#stopped && !this.#exhausted && this.#window.running < concurrency && wants();
  }

  /** As a `for await` loop that is left early: lets the inputs clean up, without waiting for an input that never comes. */
  #leave(): void {
    const left = this.#iterator.return?.();
    // Nobody is interested in the inputs any more, nor in how their end went wrong.
    if (left instanceof Promise) left.catch(() => {});
  }
}
