import type { Backlog } from './backlog.ts';
import { GearmanFunction, NONE } from './gearman-function.ts';
import { HIGH, type Job, LOW, NORMAL, type Priority } from './job.ts';
import type { RulesOf } from './job-policy.ts';
import type { EngineObserver } from './observer.ts';
import type { WakeUps } from './wake-ups.ts';

const PRIORITIES: readonly Priority[] = [HIGH, NORMAL, LOW];

/** All functions, and which of them have something to do. */
export class FunctionTable {
  readonly #maxFunctions: number;
  readonly #wakeUps: WakeUps;
  readonly #observer: EngineObserver | undefined;
  readonly #rulesOf: RulesOf | undefined;
  readonly #byName = new Map<string, GearmanFunction>();
  readonly #ready: readonly [Set<GearmanFunction>, Set<GearmanFunction>, Set<GearmanFunction>] = [
    new Set(),
    new Set(),
    new Set(),
  ];
  // Nobody works for them, no job is there: given up, the longest unused first, when the table is full.
  readonly #idle = new Set<GearmanFunction>();
  #lastId = 0;
  /** Queues that get short and have parked jobs behind them. */
  readonly hungry = new Set<Backlog>();
  /** Functions that hand out no jobs. */
  readonly paused = new Set<GearmanFunction>();

  constructor(
    maxFunctions: number,
    wakeUps: WakeUps,
    observer: EngineObserver | undefined,
    rulesOf: RulesOf | undefined,
  ) {
    this.#maxFunctions = maxFunctions;
    this.#wakeUps = wakeUps;
    this.#observer = observer;
    this.#rulesOf = rulesOf;
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

  /** The function of this name. If it has to be made and there are too many, it takes the place of an unused one. */
  use(name: string): GearmanFunction | undefined {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= this.#maxFunctions) {
      const longestIdle: GearmanFunction | undefined = this.#idle.values().next().value;
      if (longestIdle === undefined) return undefined;
      this.forget(longestIdle);
    }
    return this.#make(name);
  }

  /** The function of this name; how many there are does not matter. */
  restore(name: string): GearmanFunction {
    return this.#byName.get(name) ?? this.#make(name);
  }

  #make(name: string): GearmanFunction {
    this.#observer?.functionCreated(name);
    const fn = new GearmanFunction(name, ++this.#lastId, this.#rulesOf?.(name));
    this.#byName.set(name, fn);
    this.#idle.add(fn);
    return fn;
  }

  /** Drops a function that nobody uses. */
  forget(fn: GearmanFunction): void {
    this.#wakeUps.forget(fn);
    this.#byName.delete(fn.name);
    this.paused.delete(fn);
    this.#idle.delete(fn);
    this.#observer?.functionDropped(fn.name);
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

  /** How many functions have runnable jobs; one with several priorities counts several times. */
  get readyCount(): number {
    const [high, normal, low] = this.#ready;
    return high.size + normal.size + low.size;
  }

  /** The most urgent priority of which there is a runnable job. */
  get urgency(): Priority | typeof NONE {
    const [high, normal, low] = this.#ready;
    return high.size > 0 ? HIGH : normal.size > 0 ? NORMAL : low.size > 0 ? LOW : NONE;
  }

  /** Lets a function hand out no jobs. It stays although nobody uses it. */
  pause(fn: GearmanFunction): void {
    fn.pinned = true;
    fn.paused = true;
    this.paused.add(fn);
    for (const ready of this.#ready) ready.delete(fn);
    fn.noteUrgency();
    this.noteUse(fn);
  }

  /** Lets it hand out jobs again, and wakes workers for those that are there. */
  resume(fn: GearmanFunction): void {
    fn.paused = false;
    this.paused.delete(fn);
    for (const priority of PRIORITIES) if (fn.ready(priority) > 0) this.#ready[priority].add(fn);
    fn.noteUrgency();
    this.feedAll(fn);
    this.#wakeUps.jobsReady(fn);
  }

  /**
   * Appends a job to its queue, or puts it in front.
   *
   * @returns false when a worker cannot take it yet, because parked ones come before it
   */
  queue(job: Job, where: 'head' | 'tail' | 'due'): boolean {
    const { fn, priority } = job;
    const backlog = fn.backlogs[priority];
    if (backlog?.precedes(job) === true) {
      backlog.hold(job);
      fn.heldBack++;
      return false;
    }
    if (fn.ready(priority) === 0 && !fn.paused) this.#ready[priority].add(fn);
    if (where === 'tail') fn.pushBack(job);
    else if (where === 'head') fn.pushFront(job);
    else fn.pushDue(job);
    if (priority < fn.urgency) fn.noteUrgency();
    return true;
  }

  /** Takes a job out of its queue. */
  unqueue(job: Job): void {
    const { fn, priority } = job;
    const backlog = fn.backlogs[priority];
    if (backlog?.precedes(job) === true) {
      backlog.remove(job);
      fn.heldBack--;
      return;
    }
    this.leaveQueue(job);
    if (backlog !== undefined) this.feed(backlog);
  }

  /** Takes a job out of its queue that is in it, though by now one before it is parked. */
  leaveQueue(job: Job): void {
    const { fn, priority } = job;
    fn.remove(job);
    if (fn.ready(priority) > 0) return;
    this.#ready[priority].delete(fn);
    if (priority === fn.urgency) fn.noteUrgency();
  }

  /** Notes that a queue needs some of its parked jobs, if it does. */
  feed(backlog: Backlog): void {
    if (backlog.isHungry) this.hungry.add(backlog);
  }

  /** A connection runs this function from now on. */
  feedAll(fn: GearmanFunction): void {
    if (fn.heldBack === 0) return;
    for (const backlog of fn.backlogs) if (backlog !== undefined) this.feed(backlog);
  }
}
