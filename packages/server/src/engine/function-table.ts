import { GearmanFunction } from './gearman-function.ts';
import type { Job, Priority } from './job.ts';

/** All functions, and which of them have something to do. */
export class FunctionTable {
  readonly #maxFunctions: number;
  readonly #byName = new Map<string, GearmanFunction>();
  readonly #ready: readonly [Set<GearmanFunction>, Set<GearmanFunction>, Set<GearmanFunction>] = [
    new Set(),
    new Set(),
    new Set(),
  ];
  // Nobody works for them, no job is there: given up, the longest unused first, when the table is full.
  readonly #idle = new Set<GearmanFunction>();

  constructor(maxFunctions: number) {
    this.#maxFunctions = maxFunctions;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): GearmanFunction | undefined {
    return this.#byName.get(name);
  }

  values(): IterableIterator<GearmanFunction> {
    return this.#byName.values();
  }

  /** True when one has to go before another one can be made. */
  get full(): boolean {
    return this.#byName.size >= this.#maxFunctions;
  }

  /** The function that nobody has used for the longest time. */
  get longestIdle(): GearmanFunction | undefined {
    return this.#idle.values().next().value;
  }

  create(name: string): GearmanFunction {
    const fn = new GearmanFunction(name);
    this.#byName.set(name, fn);
    this.#idle.add(fn);
    return fn;
  }

  delete(fn: GearmanFunction): void {
    this.#byName.delete(fn.name);
    this.#idle.delete(fn);
  }

  /** Call after anything that may have begun or ended the use of a function. */
  noteUse(fn: GearmanFunction): void {
    if (fn.registrationCount === 0 && !fn.pinned && fn.total === 0) this.#idle.add(fn);
    else if (this.#idle.size > 0) this.#idle.delete(fn);
  }

  /** The functions that have runnable jobs of this priority. */
  ready(priority: Priority): ReadonlySet<GearmanFunction> {
    return this.#ready[priority];
  }

  /** Appends a job to its queue, or puts it in front. */
  queue(job: Job, where: 'head' | 'tail' | 'due'): void {
    const { fn, priority } = job;
    if (fn.ready(priority) === 0) this.#ready[priority].add(fn);
    if (where === 'tail') fn.pushBack(job);
    else if (where === 'head') fn.pushFront(job);
    else fn.pushDue(job);
  }

  /** Takes a job out of its queue. */
  unqueue(job: Job): void {
    const { fn, priority } = job;
    fn.remove(job);
    if (fn.ready(priority) === 0) this.#ready[priority].delete(fn);
  }
}
