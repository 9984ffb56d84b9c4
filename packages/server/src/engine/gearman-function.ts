import { type Alarm, AlarmHeap } from './alarm-heap.ts';
import type { Backlog } from './backlog.ts';
import { HIGH, type Job, LOW, NORMAL, type Priority } from './job.ts';
import type { JobRules } from './job-policy.ts';
import { JobQueue } from './job-queue.ts';
import type { Registration } from './peer.ts';

const UNLIMITED = 0;
/** Less urgent than any priority. */
export const NONE = 3;

/** A function: its queues, its sleeping workers, its counters. */
export class GearmanFunction {
  readonly name: string;
  /** Short for the name. */
  readonly id: number;
  /** Most jobs that a submit of each priority may find; 0 means no limit. */
  maxQueue: readonly [number, number, number] = [UNLIMITED, UNLIMITED, UNLIMITED];
  /** Jobs by coalescing key, from submit to end. */
  readonly uniques = new Map<string, Job>();
  /** The most urgent priority of which a worker could take a job now; see {@link noteUrgency}. */
  urgency: Priority | typeof NONE = NONE;
  running = 0;
  /** New jobs that are not durable yet. */
  storing = 0;
  /** By priority: jobs before their time, and jobs that wait for their next attempt. */
  readonly delayedOf: [high: number, normal: number, low: number] = [0, 0, 0];
  /** What waits behind each queue, if any of it is parked. */
  readonly backlogs: [Backlog | undefined, Backlog | undefined, Backlog | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  /** Jobs of all {@link backlogs}. */
  heldBack = 0;
  registrationCount = 0;
  /** Made or limited by an administrator: stays although nobody uses it. */
  pinned = false;
  /** Hands out no jobs, though there may be some; set by the function table. */
  paused = false;

  /** Sleeping workers, the longest asleep first. */
  firstSleeper: Registration | undefined = undefined;
  lastSleeper: Registration | undefined = undefined;
  /** Workers woken for this function in this round that have not asked for a job yet. */
  waking = 0;
  /** Counts up when those that did not answer are no longer waited for. */
  wakeRound = 0;
  look: Alarm<GearmanFunction> | undefined = undefined;

  readonly #queues = [new JobQueue(), new JobQueue(), new JobQueue()] as const;
  // Epoch jobs whose time has come, by their place in the normal queue: they run before jobs submitted after them.
  #due: AlarmHeap<Job> | undefined;

  /** What is said of its jobs beyond the protocol. */
  readonly rules: JobRules | undefined;

  constructor(name: string, id: number, rules?: JobRules) {
    this.name = name;
    this.id = id;
    this.rules = rules;
  }

  /** True when an administrator has set {@link maxQueue}. */
  get isLimited(): boolean {
    return this.maxQueue.some((limit) => limit !== UNLIMITED);
  }

  get delayed(): number {
    return this.delayedOf[0] + this.delayedOf[1] + this.delayedOf[2];
  }

  /** Jobs a worker could take now. */
  get runnable(): number {
    return this.#queues[0].size + this.#queues[1].size + this.#queues[2].size + (this.#due?.size ?? 0);
  }

  get total(): number {
    return this.runnable + this.delayed + this.running + this.storing + this.heldBack;
  }

  /** Jobs of one priority that no worker has, runnable or not. */
  waiting(priority: Priority): number {
    return this.ready(priority) + this.delayedOf[priority] + (this.backlogs[priority]?.size ?? 0);
  }

  /** Jobs of one priority that a worker could take now. */
  ready(priority: Priority): number {
    return this.#queues[priority].size + (priority === NORMAL ? (this.#due?.size ?? 0) : 0);
  }

  /** Call after anything that changed what is {@link ready}, or {@link paused}. */
  noteUrgency(): void {
    if (this.paused) this.urgency = NONE;
    else
      this.urgency =
        this.ready(HIGH) > 0 ? HIGH : this.ready(NORMAL) > 0 ? NORMAL : this.ready(LOW) > 0 ? LOW : NONE;
  }

  pushBack(job: Job): void {
    this.#queues[job.priority].pushBack(job);
  }

  pushFront(job: Job): void {
    this.#queues[job.priority].pushFront(job);
  }

  /** Queues an epoch job whose time has come at the place its submit gave it. */
  pushDue(job: Job): void {
    this.#due ??= new AlarmHeap();
    job.alarm = this.#due.add(job.order, job);
  }

  /** The first and the last of a queue, epoch jobs whose time has come apart. */
  ends(priority: Priority): Pick<JobQueue, 'head' | 'tail'> {
    return this.#queues[priority];
  }

  /** The epoch jobs whose time has come. */
  get dueJobs(): Job[] {
    return this.#due === undefined ? [] : [...this.#due.targets()];
  }

  /** The next job of one priority; it stays where it is. */
  peek(priority: Priority): Job | undefined {
    const queued = this.#queues[priority].head;
    if (priority !== NORMAL) return queued;
    const due = this.#due?.first;
    if (due === undefined) return queued;
    return queued === undefined || due.at < queued.order ? due.target : queued;
  }

  /** Takes out a queued job. */
  remove(job: Job): void {
    if (job.alarm === undefined) {
      this.#queues[job.priority].remove(job);
      return;
    }
    this.#due?.remove(job.alarm);
    job.alarm = undefined;
    if (this.#due?.size === 0) this.#due = undefined;
  }

  addSleeper(registration: Registration): void {
    if (registration.sleeping) return;
    registration.sleeping = true;
    registration.previousSleeper = this.lastSleeper;
    registration.nextSleeper = undefined;
    if (this.lastSleeper === undefined) this.firstSleeper = registration;
    else this.lastSleeper.nextSleeper = registration;
    this.lastSleeper = registration;
  }

  removeSleeper(registration: Registration): void {
    if (!registration.sleeping) return;
    registration.sleeping = false;
    const { previousSleeper, nextSleeper } = registration;
    if (previousSleeper === undefined) this.firstSleeper = nextSleeper;
    else previousSleeper.nextSleeper = nextSleeper;
    if (nextSleeper === undefined) this.lastSleeper = previousSleeper;
    else nextSleeper.previousSleeper = previousSleeper;
    registration.previousSleeper = undefined;
    registration.nextSleeper = undefined;
  }
}
