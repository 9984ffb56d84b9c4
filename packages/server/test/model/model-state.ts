import type { Priority } from '../../src/engine/job.ts';
import { describeFunction, describeJob, describePeer, type Fact } from './describe.ts';
import {
  type Costs,
  type Limits,
  MAX_DEAD_AGE_MS,
  type ModelClock,
  type SubmitRequest,
  UNIQUE_IDS,
} from './job-system.ts';

export interface Func {
  readonly name: string;
  limits: Limits;
  pinned: boolean;
  /** Since when nobody uses it. */
  idleSince: number | undefined;
  wakeRound: number;
  /** When woken workers that have not answered are given up, and when that was decided. */
  lookAtMs: number | undefined;
  lookSetAt: number;
}

export interface Ability {
  readonly fn: Func;
  readonly timeoutMs: number;
  readonly madeAt: number;
  asleepSince: number;
}

export interface Member {
  readonly id: number;
  clientId: string;
  exceptions: boolean;
  streaming: boolean;
  sleep: 'awake' | 'asleep' | 'woken';
  wokenFor: { readonly fn: Func; readonly round: number } | undefined;
  /** In the order of their turns. */
  abilities: Ability[];
}

export interface Task {
  readonly number: number;
  readonly fn: Func;
  readonly request: SubmitRequest;
  background: boolean;
  state: 'delayed' | 'queued' | 'running' | 'cancelled';
  /** Its place among all jobs: smaller is earlier. */
  place: number;
  retries: number;
  numerator: number;
  denominator: number;
  worker: Member | undefined;
  grabbedAt: number;
  timeoutAtMs: number | undefined;
  /** When it may run if it is delayed, and what was decided when. */
  dueAtMs: number;
  dueSetAt: number;
  expiresAtMs: number | undefined;
  /** When it came: for one that was dead, the last time. */
  readonly enteredAt: number;
  /** The newest first; a client that submitted twice is there twice. */
  clients: { readonly member: Member; readonly since: number }[];
}

/** A background job that failed for good. */
export interface Dead {
  readonly task: Task;
  readonly reason: string;
  readonly detail: string;
  readonly diedAtMs: number;
}

export const PRIORITIES: readonly Priority[] = [0, 1, 2];
const LONGEST_WALL_WAIT_MS = 60_000;

/** All that the model knows, in lists, and what can be asked of it; every answer is found by looking through them. */
export class ModelState {
  functions: Func[] = [];
  members: Member[] = [];
  /** In the order of their submits. */
  tasks: Task[] = [];
  /** In the order of their deaths. */
  dead: Dead[] = [];
  #moment = 0;

  /** Counts whatever happens, to tell what was first. */
  now(): number {
    return ++this.#moment;
  }

  abilitiesFor(fn: Func): Ability[] {
    return this.members.flatMap((member) => member.abilities).filter((ability) => ability.fn === fn);
  }

  /** The jobs of a function that have not ended. */
  living(fn: Func): Task[] {
    return this.tasks.filter((task) => task.fn === fn && task.state !== 'cancelled');
  }

  /** The jobs of a function that a worker could take, the first first. */
  runnable(fn: Func, priority?: Priority): Task[] {
    return this.living(fn)
      .filter((task) => task.state === 'queued')
      .filter((task) => priority === undefined || task.request.priority === priority)
      .sort((a, b) => a.place - b.place);
  }

  /** The jobs that a connection runs, also cancelled ones, the newest first. */
  heldBy(member: Member): Task[] {
    const held = this.tasks.filter((task) => task.worker === member);
    return held.sort((a, b) => b.grabbedAt - a.grabbedAt);
  }

  /** What a connection waits for, the newest first. */
  attachmentsOf(member: Member): { readonly task: Task; readonly since: number }[] {
    const all = this.tasks.flatMap((task) => task.clients.map((client) => ({ ...client, task })));
    return all.filter((each) => each.member === member).sort((a, b) => b.since - a.since);
  }

  /** What a connection runs next: all high jobs before all normal ones; within a priority its functions take turns. */
  nextTurn(member: Member): { readonly ability: Ability; readonly task: Task } | undefined {
    for (const priority of PRIORITIES) {
      for (const ability of member.abilities) {
        const [task] = this.runnable(ability.fn, priority);
        if (task !== undefined) return { ability, task };
      }
    }
    return undefined;
  }

  sleepers(fn: Func): Member[] {
    const asleep = this.members.filter((member) => member.sleep === 'asleep');
    if (asleep.length === 0) return [];
    const places = asleep.flatMap((member) =>
      member.abilities
        .filter((ability) => ability.fn === fn)
        .map(({ asleepSince }) => ({ member, asleepSince })),
    );
    return [...new Set(places.sort((a, b) => a.asleepSince - b.asleepSince).map(({ member }) => member))];
  }

  waking(fn: Func): number {
    return this.members.filter(({ wokenFor }) => wokenFor?.fn === fn && wokenFor.round === fn.wakeRound)
      .length;
  }

  sizeBytes({ jobBytes, watcherBytes, deadBytes }: Costs): number {
    const ofDead = this.dead.reduce((sum, { task: { fn, request }, detail }) => {
      const { workload, uniqueId } = request;
      return sum + deadBytes + fn.name.length + workload.length + uniqueId.length + detail.length;
    }, 0);
    return this.tasks.reduce(
      (sum, task) => sum + jobBytes + task.request.workload.length + watcherBytes * task.clients.length,
      ofDead,
    );
  }

  #nextDelayMs({ wallMs, monotonicMs }: ModelClock): number | undefined {
    const onWallClock = [
      ...this.tasks.filter((task) => task.state === 'delayed').map((task) => task.dueAtMs - wallMs),
      ...this.tasks
        .filter((task) => task.state === 'delayed' || task.state === 'queued')
        .map((task) => (task.expiresAtMs ?? Number.POSITIVE_INFINITY) - wallMs),
      ...this.dead.slice(0, 1).map(({ diedAtMs }) => diedAtMs + MAX_DEAD_AGE_MS - wallMs),
    ].filter(Number.isFinite);
    const delays = [
      // Moments end in .5 where the engine's clock does, so that waits are whole.
      ...onWallClock.map((delay) => Math.min(Math.floor(delay), LONGEST_WALL_WAIT_MS)),
      ...this.tasks.filter((task) => task.state === 'running').map((task) => timeoutOf(task) - monotonicMs),
      ...this.functions.map((fn) => (fn.lookAtMs ?? Number.POSITIVE_INFINITY) - monotonicMs),
    ];
    const next = Math.min(...delays);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(0, next);
  }

  describe(clock: ModelClock, costs: Costs): Fact[] {
    const living = this.tasks.filter((task) => task.state !== 'cancelled');
    const running = living.filter((task) => task.state === 'running');
    const asleep = this.members.filter((member) => member.sleep === 'asleep');
    const facts: Fact[] = ['jobs', this.tasks.length, 'running', running.length, 'asleep', asleep.length];
    facts.push('bytes', this.sizeBytes(costs), 'next in', this.#nextDelayMs(clock), 'by unique id');
    for (const id of UNIQUE_IDS) {
      const isFindable = id !== '' && id !== '-';
      const [newest] = living
        .filter((task) => isFindable && task.request.uniqueId === id)
        .sort((a, b) => b.enteredAt - a.enteredAt);
      facts.push(newest?.number);
    }
    facts.push(
      'dead',
      ...this.dead.flatMap(({ task, reason, detail }) => [
        ...[task.number, task.fn.name, reason, detail, task.retries],
      ]),
    );
    for (const fn of this.functions) this.#describeFunction(facts, fn);
    for (const task of living) describeTask(facts, task);
    for (const member of this.members) this.#describeMember(facts, member);
    return facts;
  }

  #describeFunction(facts: Fact[], fn: Func): void {
    const ready = [0, 0, 0];
    const counts = { delayed: 0, queued: 0, running: 0, cancelled: 0 };
    for (const task of this.tasks) {
      if (task.fn !== fn) continue;
      counts[task.state]++;
      if (task.state === 'queued') ready[task.request.priority] = (ready[task.request.priority] ?? 0) + 1;
    }
    describeFunction(facts, {
      name: fn.name,
      ready,
      delayed: counts.delayed,
      running: counts.running,
      total: counts.delayed + counts.queued + counts.running,
      abilities: this.abilitiesFor(fn).length,
      limits: fn.limits,
      pinned: fn.pinned,
      sleepers: this.sleepers(fn).map((member) => member.id),
      waking: this.waking(fn),
    });
  }

  #describeMember(facts: Fact[], member: Member): void {
    const { id, clientId, exceptions, streaming, sleep, wokenFor, abilities } = member;
    const held = this.tasks
      .filter((task) => task.worker === member)
      .sort((a, b) => b.grabbedAt - a.grabbedAt);
    describePeer(facts, {
      id,
      clientId,
      exceptions,
      streaming,
      sleep,
      wokenFor: wokenFor?.fn.name,
      turns: abilities.flatMap((ability) => [ability.fn.name, ability.timeoutMs]),
      newestFirst: [...abilities].sort((a, b) => b.madeAt - a.madeAt).map((ability) => ability.fn.name),
      running: held.filter((task) => task.state === 'running').map((task) => task.number),
      cancelled: held.filter((task) => task.state === 'cancelled').map((task) => task.number),
    });
  }
}

/** Nobody waits for it any more. */
export function isAbandoned(task: Task): boolean {
  return !task.background && task.clients.length === 0;
}

export function timeoutOf(task: Task): number {
  return task.timeoutAtMs ?? Number.POSITIVE_INFINITY;
}

function describeTask(facts: Fact[], task: Task): void {
  describeJob(facts, {
    number: task.number,
    functionName: task.fn.name,
    uniqueId: task.request.uniqueId,
    priority: task.request.priority,
    state: task.state,
    background: task.background,
    retries: task.retries,
    numerator: task.numerator,
    denominator: task.denominator,
    worker: task.worker?.id,
    clients: task.clients.map(({ member }) => member.id),
  });
}
