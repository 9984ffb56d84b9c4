import { FAR_FUTURE, type Request, type Submit } from './script.ts';

/** What a script has made of one job, as far as both servers agree. */
export interface JobEntry {
  readonly name: string;
  readonly fn: number;
  readonly submit: Submit;
  /** Some submit of it was a background one. */
  background: boolean;
  readonly beganInBackground: boolean;
  /** Connections that wait for it; one that submitted twice is there twice. */
  clients: number[];
  worker: number | undefined;
  losses: number;
  /** gearmand has marked it as one that nobody waits for; it never takes that back. */
  doomed: boolean;
  cancelled: boolean;
  ended: boolean;
}

/** What gearmand remembers of a connection that wants to be woken. */
export interface SleepEntry {
  asleep: boolean;
  noopSent: boolean;
  /** A PRE_SLEEP was answered by NOOP, so that ours takes it for awake. */
  answered: boolean;
}

const PRIORITIES = { HIGH: 0, LOW: 2 } as const;

export function priorityOf({ packet }: Submit): number {
  const [, name] = /_(HIGH|LOW)/.exec(packet) ?? [];
  return name === 'HIGH' || name === 'LOW' ? PRIORITIES[name] : 1;
}

export function isBackground({ packet }: Submit): boolean {
  return /_BG$|_BACKGROUND$|_EPOCH$/.test(packet);
}

export function isLater(submit: Submit): boolean {
  return submit.packet === 'SUBMIT_JOB_EPOCH' && submit.epoch === FAR_FUTURE;
}

/** Keeps account of jobs and connections while a script is played: what rules for intended differences ask about. */
export class Ledger {
  readonly jobs: JobEntry[] = [];
  /** What each connection has registered for, the latest last. */
  readonly abilities = new Map<number, number[]>();
  readonly sleep = new Map<number, SleepEntry>();
  /** Functions of which a connection that had registered twice lost several jobs. */
  readonly shuffled = new Set<number>();
  readonly #jobRetries: number;

  /** @param jobRetries 0: any number */
  constructor(jobRetries: number) {
    this.#jobRetries = jobRetries;
  }

  sleepOf(slot: number): SleepEntry {
    let entry = this.sleep.get(slot);
    if (entry === undefined) {
      entry = { asleep: false, noopSent: false, answered: false };
      this.sleep.set(slot, entry);
    }
    return entry;
  }

  abilitiesOf(slot: number): number[] {
    return this.abilities.get(slot) ?? [];
  }

  job(name: string): JobEntry | undefined {
    return this.jobs.find((job) => job.name === name);
  }

  runBy(slot: number): JobEntry[] {
    return this.jobs.filter((job) => job.worker === slot && !job.ended);
  }

  awaitedBy(slot: number): JobEntry[] {
    return this.jobs.filter((job) => !job.ended && job.clients.includes(slot));
  }

  /** Jobs that gearmand may keep although they have ended for everybody. */
  doomed(): JobEntry[] {
    return this.jobs.filter((job) => job.doomed && !job.ended);
  }

  /** Jobs were submitted, and ours gave these answers. */
  noteSubmits(slot: number, requests: readonly Request[], replies: readonly string[]): void {
    const answers = replies.filter((reply) => isSubmitReply(reply));
    for (const request of requests) {
      if (request.type === 'submit') this.#noteSubmit(slot, request, answers.shift());
    }
  }

  /**
   * Requests were answered.
   *
   * @param jobs for each request the job that it was about
   * @param replies what their connection heard, after all that differs was taken out
   * @param isPreSleepAnswered true when gearmand answered a PRE_SLEEP by NOOP
   */
  note(
    slot: number,
    requests: readonly Request[],
    jobs: readonly string[],
    replies: readonly string[],
    isPreSleepAnswered: boolean,
  ): void {
    const grabbed = replies.filter((reply) => /^(?:JOB_ASSIGN|NO_JOB)/.test(reply));
    const done = replies.filter((reply) => /^"(?:OK|ERR)/.test(reply));
    requests.forEach((request, i) => {
      const job = this.job(jobs[i] ?? '');
      if (request.type === 'grab') this.#noteGrab(slot, grabbed.shift());
      else if (request.type === 'work') this.#noteWork(slot, request.packet, job);
      else if (request.type === 'can-do') this.abilities.set(slot, [...this.abilitiesOf(slot), request.fn]);
      else if (request.type === 'cant-do') this.#giveBack(slot, (fn) => fn === request.fn);
      else if (request.type === 'reset-abilities') this.#giveBack(slot, () => true);
      else if (request.type === 'pre-sleep') this.#notePreSleep(slot, isPreSleepAnswered);
      else if (request.type === 'cancel' && job !== undefined && done[0] === '"OK\\r\\n"') {
        job.doomed = true;
        job.cancelled = true;
      }
    });
  }

  /** What gearmand sent outside of answers. */
  noteNoop(slot: number): void {
    this.sleepOf(slot).noopSent = true;
  }

  noteDisconnect(slot: number): void {
    this.#giveBack(slot, () => true);
    for (const job of this.awaitedBy(slot)) {
      job.clients = job.clients.filter((client) => client !== slot);
      if (job.clients.length === 0) job.doomed = true;
    }
    this.sleep.delete(slot);
    this.abilities.delete(slot);
  }

  #noteSubmit(slot: number, submit: Submit, reply: string | undefined): void {
    const name = /^JOB_CREATED (job\d+)$/.exec(reply ?? '')?.[1];
    if (name === undefined) return;
    const background = isBackground(submit);
    const clients = background ? [] : [slot];
    const known = this.job(name);
    if (known !== undefined) {
      known.background ||= background;
      known.clients.push(...clients);
      return;
    }
    this.jobs.push({
      name,
      fn: submit.fn,
      submit,
      background,
      beganInBackground: background,
      clients,
      worker: undefined,
      losses: 0,
      doomed: false,
      cancelled: false,
      ended: false,
    });
  }

  #noteGrab(slot: number, reply: string | undefined): void {
    const entry = this.sleepOf(slot);
    entry.asleep = false;
    entry.noopSent = false;
    entry.answered = false;
    const job = this.job(/^JOB_ASSIGN\w* (job\d+)/.exec(reply ?? '')?.[1] ?? '');
    if (job !== undefined) job.worker = slot;
  }

  #noteWork(slot: number, packet: string, job: JobEntry | undefined): void {
    if (job?.worker === slot && /COMPLETE|FAIL|EXCEPTION/.test(packet)) job.ended = true;
  }

  #notePreSleep(slot: number, wasAnswered: boolean): void {
    const entry = this.sleepOf(slot);
    entry.answered = wasAnswered;
    if (!wasAnswered) entry.asleep = true;
  }

  #giveBack(slot: number, which: (fn: number) => boolean): void {
    const abilities = this.abilitiesOf(slot);
    const lost = this.runBy(slot).filter((job) => which(job.fn));
    for (const job of lost) {
      job.worker = undefined;
      job.ended = ++job.losses === this.#jobRetries;
      const isTwin = abilities.indexOf(job.fn) !== abilities.lastIndexOf(job.fn);
      if (isTwin && lost.filter((each) => each.fn === job.fn).length > 1) this.shuffled.add(job.fn);
    }
    this.abilities.set(
      slot,
      abilities.filter((fn) => !which(fn)),
    );
  }
}

function isSubmitReply(reply: string): boolean {
  return /^JOB_CREATED|^ERROR (?:QUEUE_ERROR|ARGUMENT_TOO_LARGE\|Unique)/.test(reply);
}
