import { Handles, normalize } from './handles.ts';
import { INTENDED_DIFFERENCES } from './intended-differences.ts';
import { isLater, Ledger } from './ledger.ts';
import { Link } from './link.ts';
import type { Action, Outcome, Scene, Which } from './outcome.ts';
import { encode, Names } from './requests.ts';
import { type Request, type Script, SLOTS, type Step } from './script.ts';

/** How a script ended. */
export interface Result {
  /** Intended differences that showed, by name. */
  readonly met: readonly string[];
  readonly steps: number;
  readonly isComplete: boolean;
}

/** Two servers that are asked the same. */
export interface Pair {
  readonly theirs: { readonly port: number; readonly observer: Link };
  readonly ours: { readonly port: number; readonly observer: Link };
  readonly jobRetries: number;
  /** True when the servers wake workers by different rules. */
  readonly ignoresNoops: boolean;
}

const SIDES: readonly Which[] = ['theirs', 'ours'];
const COLLECTOR = SLOTS.length;
const MOST_GRABS = 40;

/** Plays a script to both servers, step by step. @throws Error at the first difference that is not intended */
export async function play(script: Script, pair: Pair, number: number): Promise<Result> {
  const duel = new Duel(script, pair, number);
  try {
    for (const step of script.steps) {
      await duel.take(step);
      if (duel.parted) break;
    }
    if (!duel.parted) await duel.drain();
    return duel.result;
  } finally {
    await duel.close();
  }
}

class Duel implements Scene {
  readonly script: Script;
  readonly names: Names;
  readonly ledger: Ledger;
  parted = false;
  readonly #pair: Pair;
  readonly #handles = { theirs: new Handles(), ours: new Handles() };
  readonly #links = new Map<number, { readonly name: string; readonly theirs: Link; readonly ours: Link }>();
  readonly #met: string[] = [];
  readonly #history: string[] = [];
  #opened = 0;

  constructor(script: Script, pair: Pair, number: number) {
    this.script = script;
    this.names = new Names(number);
    this.ledger = new Ledger(pair.jobRetries);
    this.#pair = pair;
  }

  get result(): Result {
    return { met: this.#met, steps: this.#history.length, isComplete: !this.parted };
  }

  async take(step: Step): Promise<void> {
    const { slot } = step;
    if (step.type === 'send') {
      await this.request(slot, this.#allowed(slot, step.requests));
    } else if (step.type === 'ask') {
      await this.request(slot, this.#allowed(slot, [step.request]));
    } else if (this.#mayLeave(slot)) {
      await this.#leave(slot, step.type === 'offend' ? step.bytes : undefined);
    }
  }

  /** Lets a worker take whatever is left, so that what waits in both servers is compared, too. */
  async drain(): Promise<void> {
    for (let fn = 0; fn < 3 && !this.parted; fn++) {
      await this.request(COLLECTOR, [{ type: 'can-do', fn, timeout: undefined }]);
      for (let grabs = 0; grabs < MOST_GRABS && !this.parted; grabs++) {
        await this.request(COLLECTOR, [{ type: 'grab', packet: 'GRAB_JOB_ALL' }]);
        const [job] = this.ledger.runBy(COLLECTOR);
        if (this.parted || job === undefined) break;
        await this.request(COLLECTOR, [
          { type: 'work', packet: 'WORK_COMPLETE', job: 0, own: true, text: 'done', denominator: '' },
        ]);
      }
      if (!this.parted) await this.request(COLLECTOR, [{ type: 'cant-do', fn }]);
    }
  }

  async close(): Promise<void> {
    for (const { theirs, ours } of this.#links.values()) await Promise.all([theirs.close(), ours.close()]);
  }

  /** The lines of a listing about this script, asked on a connection of its own. */
  async list(which: Which, command: string): Promise<string[]> {
    const { observer } = this.#pair[which];
    observer.send(Buffer.from(`${command}\n`));
    await observer.barrier();
    if (observer.closed)
      throw new Error(`the connection to ${which === 'theirs' ? 'gearmand' : 'ours'} is gone`);
    const translated = observer.take().map((message) => this.#handles[which].translate(message));
    return normalize(translated, this.names.tag).slice(0, -1);
  }

  async request(slot: number, requests: readonly Request[]): Promise<void> {
    if (requests.length === 0) return;
    const link = await this.#link(slot);
    const jobs = requests.map((request) => this.#jobOf(slot, request));
    for (const which of SIDES) {
      const bytes = requests.map((request, i) =>
        encode(request, this.names, this.#handles[which], jobs[i] ?? '', link.name),
      );
      link[which].send(Buffer.concat(bytes));
    }
    await this.#settle({ type: 'requests', slot, requests, jobs });
  }

  /** What of these requests does not lead into a defect that ends the comparison; see `AVOIDED`. */
  #allowed(slot: number, requests: readonly Request[]): Request[] {
    const { profile } = this.script;
    const isSingle = profile !== 'several' && profile !== 'across';
    const allowed: Request[] = [];
    for (const request of requests) {
      if (endsJobs(request) && allowed.some(({ type }) => type === 'grab')) continue;
      if (request.type === 'can-do' && isSingle) allowed.push({ ...request, fn: SLOTS[slot] ?? 0 });
      else if (request.type !== 'drop-function' || !this.#hasJobs(request.fn)) allowed.push(request);
      // What comes of some requests can be told only when nothing comes behind them.
      if (this.#isUnclear(slot, request)) break;
    }
    return allowed;
  }

  #isUnclear(slot: number, request: Request): boolean {
    switch (request.type) {
      case 'pre-sleep':
        return true;
      case 'submit':
        return isLater(request) || this.ledger.doomed().length > 0;
      case 'cant-do':
      case 'reset-abilities':
        return this.ledger.runBy(slot).length > 1;
      default:
        return false;
    }
  }

  #hasJobs(fn: number): boolean {
    return this.ledger.jobs.some((job) => job.fn === fn && !job.ended);
  }

  #mayLeave(slot: number): boolean {
    if (!this.#links.has(slot)) return false;
    return this.script.profile === 'doomed' || this.ledger.awaitedBy(slot).length === 0;
  }

  /** Closes a connection, or makes both servers close it, and waits until they have seen to that. */
  async #leave(slot: number, offence: string | undefined): Promise<void> {
    const link = await this.#link(slot);
    this.#links.delete(slot);
    const outcome: Outcome = { theirs: [], ours: [] };
    for (const which of SIDES) {
      if (offence !== undefined) {
        link[which].send(Buffer.from(offence, 'latin1'));
        await link[which].barrier();
      }
      outcome[which][slot] = this.#taken(which, link[which]);
      if (offence !== undefined) outcome[which][slot]?.push(link[which].closed ? '(closed)' : '(open)');
      await link[which].close();
      for (let isListed = true; isListed; ) {
        const lines = await this.list(which, 'workers');
        isListed = lines.some((line) => line.includes(`${this.names.clientId(link.name, '')}`));
      }
    }
    const type = offence === undefined ? 'disconnect' : 'offend';
    await this.#settle({ type, slot, requests: [], jobs: [] }, outcome);
  }

  /** Waits until both servers have done what was asked, and compares what everybody heard. */
  async #settle(action: Action, before: Outcome = { theirs: [], ours: [] }): Promise<void> {
    const actor = this.#links.get(action.slot);
    if (actor !== undefined) await Promise.all(SIDES.map((which) => actor[which].barrier()));
    const barriers = [...this.#links.values()].flatMap((link) => SIDES.map((which) => link[which].barrier()));
    await Promise.all(barriers);
    const outcome: Outcome = { theirs: [], ours: [] };
    for (const which of SIDES) {
      for (let slot = 0; slot <= COLLECTOR; slot++) {
        const link = this.#links.get(slot);
        outcome[which][slot] = [
          ...(before[which][slot] ?? []),
          ...(link === undefined ? [] : this.#taken(which, link[which])),
        ];
        if (link?.[which].closed === true) outcome[which][slot]?.push('(closed)');
      }
    }
    this.#history.push(describe(action, outcome));
    const theirs = outcome.theirs.map((messages) => [...messages]);
    this.ledger.noteSubmits(action.slot, action.requests, outcome.ours[action.slot] ?? []);
    const toGrab = await this.#explain(action, outcome);
    this.#note(action, theirs, outcome);
    for (const slot of toGrab) {
      if (!this.parted) await this.request(slot, [{ type: 'grab', packet: 'GRAB_JOB' }]);
    }
    await this.#explainState(action);
  }

  /** @returns connections that have to ask for a job, so that both servers think the same of them again */
  async #explain(action: Action, outcome: Outcome): Promise<Set<number>> {
    const toGrab = new Set<number>();
    const { theirs, ours } = outcome;
    for (const { name, explain } of INTENDED_DIFFERENCES) {
      if (isSame(theirs, ours)) break;
      const verdict = (await explain?.(this, action, outcome)) ?? 'no';
      if (verdict === 'no') continue;
      this.#met.push(name);
      if (verdict === 'parted') {
        this.parted = true;
        return new Set();
      }
      for (const slot of verdict.toGrab) toGrab.add(slot);
    }
    if (!isSame(theirs, ours)) throw this.#error('gearmand and ours answer differently', outcome);
    return toGrab;
  }

  /** Differences that no answer has shown yet. */
  async #explainState(action: Action): Promise<void> {
    for (const { name, isInState } of INTENDED_DIFFERENCES) {
      if (this.parted || isInState === undefined) continue;
      if (!(await isInState(this, action))) continue;
      this.#met.push(name);
      this.parted = true;
    }
  }

  #note(action: Action, theirs: readonly string[][], { ours }: Outcome): void {
    if (this.parted) return;
    const { type, slot, requests, jobs } = action;
    const isPreSleepAnswered = requests.at(-1)?.type === 'pre-sleep' && theirs[slot]?.at(-1) === 'NOOP';
    theirs.forEach((messages, each) => {
      const noops = messages.filter((message) => message === 'NOOP').length;
      if (noops > (each === slot && isPreSleepAnswered ? 1 : 0)) this.ledger.noteNoop(each);
    });
    if (type === 'requests') this.ledger.note(slot, requests, jobs, ours[slot] ?? [], isPreSleepAnswered);
    else this.ledger.noteDisconnect(slot);
  }

  #jobOf(slot: number, request: Request): string {
    if (!('job' in request)) return '';
    const { jobs } = this.ledger;
    const own = request.type === 'work' && request.own ? this.ledger.runBy(slot) : [];
    const choice = own.length > 0 ? own : jobs;
    // One more than there are: a job that nobody has.
    return choice[request.job % (choice.length + (own.length > 0 ? 0 : 1))]?.name ?? 'none';
  }

  #taken(which: Which, link: Link): string[] {
    const translated = link.take().map((message) => this.#handles[which].translate(message));
    const messages = normalize(translated, this.names.tag);
    return this.#pair.ignoresNoops ? messages.filter((message) => message !== 'NOOP') : messages;
  }

  async #link(slot: number) {
    const open = this.#links.get(slot);
    if (open !== undefined) return open;
    const name = `${slot}.${++this.#opened}`;
    const [theirs, ours] = await Promise.all([
      Link.open(this.#pair.theirs.port),
      Link.open(this.#pair.ours.port),
    ]);
    const link = { name, theirs, ours };
    this.#links.set(slot, link);
    const hello = encode({ type: 'set-client-id', suffix: '' }, this.names, this.#handles.ours, '', name);
    for (const which of SIDES) link[which].send(hello);
    await Promise.all(SIDES.map((which) => link[which].barrier()));
    return link;
  }

  #error(what: string, outcome: Outcome): Error {
    const differing = outcome.theirs.flatMap((theirs, slot) => {
      const ours = outcome.ours[slot] ?? [];
      return isSame([theirs], [ours])
        ? []
        : [`connection ${slot}\n  gearmand: ${theirs}\n  ours:     ${ours}`];
    });
    return new Error(`${what}\n${differing.join('\n')}\nafter\n${this.#history.join('\n')}`);
  }
}

function endsJobs(request: Request): boolean {
  if (request.type === 'work') return /COMPLETE|FAIL|EXCEPTION/.test(request.packet);
  return request.type === 'cant-do' || request.type === 'reset-abilities';
}

function isSame(theirs: readonly (readonly string[])[], ours: readonly (readonly string[])[]): boolean {
  return theirs.every((messages, slot) => {
    const others = ours[slot] ?? [];
    return messages.length === others.length && messages.every((message, i) => message === others[i]);
  });
}

function describe({ type, slot, requests, jobs }: Action, { theirs }: Outcome): string {
  const asked = requests.map((request, i) => {
    const fields = Object.entries(request).filter(([key]) => key !== 'type' && key !== 'job');
    return `${request.type} ${jobs[i] ?? ''} ${fields.map(([, value]) => JSON.stringify(value)).join(' ')}`;
  });
  const heard = theirs.flatMap((messages, each) => messages.map((message) => `      ${each} ← ${message}`));
  return [`  ${slot} ${type}: ${asked.join(', ')}`, ...heard].join('\n');
}
