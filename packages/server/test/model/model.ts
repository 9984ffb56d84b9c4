import type { Priority } from '../../src/engine/job.ts';
import { describeAssignment, describeFunction, describeJob, describePeer, handleOf } from './describe.ts';
import {
  type Costs,
  type JobSystem,
  type Limits,
  type ModelClock,
  type Rules,
  type SubmitRequest,
  UNIQUE_IDS,
  type WorkPacket,
} from './job-system.ts';

interface Func {
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

interface Ability {
  readonly fn: Func;
  readonly timeoutMs: number;
  readonly madeAt: number;
  asleepSince: number;
}

interface Member {
  readonly id: number;
  clientId: string;
  exceptions: boolean;
  sleep: 'awake' | 'asleep' | 'woken';
  wokenFor: { readonly fn: Func; readonly round: number } | undefined;
  /** In the order of their turns. */
  abilities: Ability[];
}

interface Task {
  readonly number: number;
  readonly fn: Func;
  readonly request: SubmitRequest;
  background: boolean;
  state: 'delayed' | 'queued' | 'running' | 'cancelled';
  /** Its place among all jobs: smaller is earlier. */
  place: number;
  retries: number;
  progress: readonly [numerator: number, denominator: number];
  worker: Member | undefined;
  grabbedAt: number;
  timeoutAtMs: number | undefined;
  /** The newest first; a client that submitted twice is there twice. */
  clients: { readonly member: Member; readonly since: number }[];
}

const PRIORITIES: readonly Priority[] = [0, 1, 2];
const LONGEST_WALL_WAIT_MS = 60_000;

/** The job system as the documents describe it, in lists that are searched from end to end. */
export class Model implements JobSystem {
  readonly #rules: Rules;
  readonly #clock: ModelClock;
  readonly #costs: Costs;
  #functions: Func[] = [];
  #members: Member[] = [];
  /** In the order of their submits. */
  #tasks: Task[] = [];
  #lastMember = 0;
  #lastTask = 0;
  #lastPlace = 0;
  #firstPlace = 0;
  #draining = false;
  /** Counts whatever happens, to tell what was first. */
  #moment = 0;
  #heard: string[] = [];
  #told: string[] = [];

  constructor(rules: Rules, clock: ModelClock, costs: Costs) {
    this.#rules = rules;
    this.#clock = clock;
    this.#costs = costs;
  }

  connect(exceptions: boolean): number {
    const id = ++this.#lastMember;
    this.#members.push({ id, clientId: '-', exceptions, sleep: 'awake', wokenFor: undefined, abilities: [] });
    return id;
  }

  disconnect(peer: number): void {
    const member = this.#member(peer);
    this.#members = this.#members.filter((each) => each !== member);
    const attachments = this.#tasks.flatMap((task) => task.clients.map((client) => ({ ...client, task })));
    const own = attachments.filter((attachment) => attachment.member === member);
    for (const { task, since } of own.sort((a, b) => b.since - a.since)) {
      task.clients = task.clients.filter((client) => client.since !== since);
      // Of a running job the worker cannot be told.
      if (isAbandoned(task) && task.state !== 'running') this.#end(task, 'abandoned');
    }
    const wokenFor = this.#wakeUp(member);
    this.#withdraw(member, () => true, 'worker-lost');
    if (wokenFor !== undefined) this.#refill(wokenFor);
  }

  setClientId(peer: number, id: string): void {
    this.#member(peer).clientId = id.slice(0, 127);
  }

  wantExceptions(peer: number): void {
    this.#member(peer).exceptions = true;
  }

  canDo(peer: number, functionName: string, timeoutMs: number): string {
    const member = this.#member(peer);
    if (member.abilities.length >= this.#rules.maxFunctionsPerConnection) return 'refused';
    const fn = this.#function(functionName);
    if (fn === undefined) return 'refused';
    member.abilities.unshift({ fn, timeoutMs, madeAt: this.#now(), asleepSince: this.#now() });
    this.#noteUse(fn);
    if (member.sleep === 'asleep') this.#refill(fn);
    return 'done';
  }

  cantDo(peer: number, functionName: string): void {
    this.#withdraw(this.#member(peer), (fn) => fn.name === functionName, 'function-withdrawn');
  }

  resetAbilities(peer: number): void {
    this.#withdraw(this.#member(peer), () => true, 'function-withdrawn');
  }

  preSleep(peer: number): void {
    const member = this.#member(peer);
    if (this.#nextTurn(member) !== undefined) {
      const wokenFor = this.#wakeUp(member);
      this.#hear(member, 'noop');
      if (wokenFor !== undefined) this.#refill(wokenFor);
    } else if (member.sleep !== 'asleep') {
      member.wokenFor = undefined;
      member.sleep = 'asleep';
      for (const ability of member.abilities) ability.asleepSince = this.#now();
    }
  }

  grab(peer: number): string {
    const member = this.#member(peer);
    const wokenFor = this.#wakeUp(member);
    const turn = this.#nextTurn(member);
    if (turn !== undefined) {
      const { ability, task } = turn;
      member.abilities = [...member.abilities.filter((each) => each !== ability), ability];
      task.state = 'running';
      task.worker = member;
      task.grabbedAt = this.#now();
      const timeoutMs = newestAbility(member, task.fn)?.timeoutMs ?? 0;
      task.timeoutAtMs = timeoutMs > 0 ? this.#clock.monotonicMs + timeoutMs : undefined;
      this.#tell('assigned', task, member.id);
    }
    if (wokenFor !== undefined) this.#refill(wokenFor);
    if (turn === undefined) return 'no job';
    const { uniqueId, reducer, workload } = turn.task.request;
    return describeAssignment(turn.task.number, turn.task.fn.name, uniqueId, reducer, workload);
  }

  submit(peer: number, request: SubmitRequest): string {
    const { functionName, uniqueId, reducer, workload, priority, background, runAtMs } = request;
    if (uniqueId.length > 64) return 'unique-too-large';
    if (reducer !== undefined && reducer.length > 64) return 'reducer-too-large';
    if (this.#draining) return 'shutting-down';
    const fn = this.#function(functionName);
    if (fn === undefined) return 'too-many-functions';
    const twin = this.#living(fn).find((task) => haveSameKey(task.request, request));
    if (this.#sizeBytes() + (twin === undefined ? workload.length : 0) > this.#rules.maxQueueBytes)
      return 'memory-full';
    if (twin !== undefined) {
      if (background) twin.background = true;
      else this.#attach(twin, peer);
      return handleOf(twin.number);
    }
    if (fn.limits[priority] > 0 && this.#living(fn).length >= fn.limits[priority]) return 'queue-full';
    const task: Task = {
      number: ++this.#lastTask,
      fn,
      request,
      background,
      state: runAtMs > this.#clock.wallMs ? 'delayed' : 'queued',
      place: ++this.#lastPlace,
      retries: 0,
      progress: [0, 0],
      worker: undefined,
      grabbedAt: 0,
      timeoutAtMs: undefined,
      clients: [],
    };
    this.#tasks.push(task);
    if (!background) this.#attach(task, peer);
    if (task.state === 'queued') this.#wakeFor(fn);
    this.#noteUse(fn);
    this.#tell('queued', task);
    return handleOf(task.number);
  }

  work(peer: number, packet: WorkPacket, handle: string, text: string): string {
    const task = this.#tasks.find((each) => handleOf(each.number) === handle && each.worker?.id === peer);
    if (task === undefined) return 'not found';
    if (packet === 'status') task.progress = [Number(text), 100];
    const isEnd = packet === 'complete' || packet === 'fail' || packet === 'exception';
    for (const { member } of task.clients) {
      const isFailure = packet === 'fail' || (packet === 'exception' && !member.exceptions);
      this.#hear(member, isFailure ? `fail ${handle}` : `${packet} ${handle} ${text}`);
    }
    if (!isEnd) return 'done';
    if (task.state === 'cancelled') this.#remove(task);
    else this.#end(task, packet);
    return 'done';
  }

  cancel(handle: string): string {
    const task = this.#tasks.find((each) => handleOf(each.number) === handle && each.state !== 'cancelled');
    if (task === undefined) return 'unknown';
    this.#failAll(task);
    if (task.worker === undefined) {
      this.#end(task, 'cancelled');
    } else {
      // The worker cannot be told; what it still says about the job is swallowed.
      task.state = 'cancelled';
      task.clients = [];
      this.#noteUse(task.fn);
      this.#tell('ended', task, 'cancelled');
    }
    return 'done';
  }

  createFunction(name: string): string {
    const fn = this.#function(name);
    if (fn === undefined) return 'refused';
    fn.pinned = true;
    this.#noteUse(fn);
    return 'done';
  }

  dropFunction(name: string): string {
    const fn = this.#functions.find((each) => each.name === name);
    if (fn === undefined) return 'unknown';
    const jobs = this.#living(fn);
    if (this.#abilitiesFor(fn).length > 0 || jobs.some((task) => task.state === 'running')) return 'in-use';
    if (jobs.length > 0) return 'has-jobs';
    this.#forgetFunction(fn);
    return 'dropped';
  }

  setMaxQueue(name: string, limits: Limits): void {
    const fn = this.#functions.find((each) => each.name === name);
    if (fn === undefined) return;
    fn.limits = limits;
    fn.pinned = true;
    this.#noteUse(fn);
  }

  drain(): void {
    this.#draining = true;
  }

  advance(): void {
    const { wallMs, monotonicMs } = this.#clock;
    const starting = this.#tasks.filter((task) => task.state === 'delayed' && task.request.runAtMs <= wallMs);
    for (const task of starting.sort((a, b) => a.request.runAtMs - b.request.runAtMs)) {
      task.state = 'queued';
      this.#wakeFor(task.fn);
    }
    const late = this.#tasks.filter((task) => task.state === 'running' && timeoutOf(task) <= monotonicMs);
    for (const task of late.sort((a, b) => timeoutOf(a) - timeoutOf(b) || a.grabbedAt - b.grabbedAt)) {
      this.#giveBack(task, 'timeout');
    }
    const looks = this.#functions.filter((fn) => fn.lookAtMs !== undefined && fn.lookAtMs <= monotonicMs);
    for (const fn of looks.sort((a, b) => (a.lookAtMs ?? 0) - (b.lookAtMs ?? 0) || a.lookSetAt - b.lookSetAt)) {
      const unanswered = this.#waking(fn);
      fn.lookAtMs = undefined;
      fn.wakeRound++;
      this.#wakeSome(fn, Math.min(unanswered, this.#runnable(fn).length));
    }
  }

  takeEffects(): string[] {
    const effects = [...this.#heard, ...this.#told];
    this.#heard = [];
    this.#told = [];
    return effects;
  }

  describe(): string[] {
    const living = this.#tasks.filter((task) => task.state !== 'cancelled');
    const byId = UNIQUE_IDS.map((id) => living.findLast((task) => id.length > 1 || id > '-' ? task.request.uniqueId === id : false));
    return [
      `jobs ${this.#tasks.length}, running ${living.filter((task) => task.state === 'running').length}`,
      `asleep ${this.#members.filter((member) => member.sleep === 'asleep').length}`,
      `bytes ${this.#sizeBytes()}, next in ${this.#nextDelayMs()} ms`,
      `by unique id: ${byId.map((task) => task?.number).join(' ')}`,
      ...this.#functions.map((fn) => this.#describeFunction(fn)),
      ...living.map((task) => describeTask(task)),
      ...this.#members.map((member) => this.#describeMember(member)),
    ];
  }

  #member(id: number): Member {
    const member = this.#members.find((each) => each.id === id);
    if (member === undefined) throw new Error(`there is no peer ${id}`);
    return member;
  }

  // Functions

  #function(name: string): Func | undefined {
    const known = this.#functions.find((fn) => fn.name === name);
    if (known !== undefined) return known;
    if (this.#functions.length >= this.#rules.maxFunctions) {
      const [longestIdle] = this.#functions
        .filter((fn) => fn.idleSince !== undefined)
        .sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0));
      if (longestIdle === undefined) return undefined;
      this.#forgetFunction(longestIdle);
    }
    const fn: Func = {
      name,
      limits: [0, 0, 0],
      pinned: false,
      idleSince: this.#now(),
      wakeRound: 0,
      lookAtMs: undefined,
      lookSetAt: 0,
    };
    this.#functions.push(fn);
    this.#told.push(`function ${name} created`);
    return fn;
  }

  #forgetFunction(fn: Func): void {
    this.#functions = this.#functions.filter((each) => each !== fn);
    this.#told.push(`function ${fn.name} dropped`);
  }

  #noteUse(fn: Func): void {
    const isIdle = this.#abilitiesFor(fn).length === 0 && !fn.pinned && this.#living(fn).length === 0;
    if (!isIdle) fn.idleSince = undefined;
    else fn.idleSince ??= this.#now();
  }

  #abilitiesFor(fn: Func): Ability[] {
    return this.#members.flatMap((member) => member.abilities).filter((ability) => ability.fn === fn);
  }

  // Jobs

  /** The jobs of a function that have not ended. */
  #living(fn: Func): Task[] {
    return this.#tasks.filter((task) => task.fn === fn && task.state !== 'cancelled');
  }

  /** The jobs of a function that a worker could take, the first first. */
  #runnable(fn: Func, priority?: Priority): Task[] {
    return this.#living(fn)
      .filter((task) => task.state === 'queued')
      .filter((task) => priority === undefined || task.request.priority === priority)
      .sort((a, b) => a.place - b.place);
  }

  #end(task: Task, how: string): void {
    this.#remove(task);
    this.#tell('ended', task, how);
    this.#noteUse(task.fn);
  }

  #remove(task: Task): void {
    this.#tasks = this.#tasks.filter((each) => each !== task);
  }

  #giveBack(task: Task, reason: string): void {
    if (task.state === 'cancelled') {
      this.#remove(task);
      return;
    }
    task.retries++;
    const { jobRetries, requeue } = this.#rules;
    if (isAbandoned(task)) {
      this.#end(task, 'abandoned');
    } else if (jobRetries >= 0 && task.retries >= jobRetries) {
      this.#failAll(task);
      this.#end(task, 'retries-used-up');
    } else {
      task.state = 'queued';
      task.worker = undefined;
      task.progress = [0, 0];
      task.place = requeue === 'head' ? --this.#firstPlace : ++this.#lastPlace;
      this.#tell('requeued', task, reason);
      this.#wakeFor(task.fn);
    }
  }

  /** A connection does not run some of its functions any more; their jobs go back, the newest first. */
  #withdraw(member: Member, which: (fn: Func) => boolean, reason: string): void {
    const oldestFirst = member.abilities.filter(({ fn }) => which(fn)).sort((a, b) => a.madeAt - b.madeAt);
    for (const fn of new Set(oldestFirst.map((ability) => ability.fn))) {
      member.abilities = member.abilities.filter((ability) => ability.fn !== fn);
      if (member.wokenFor?.fn === fn) {
        member.wokenFor = undefined;
        this.#refill(fn);
      }
      this.#noteUse(fn);
    }
    const held = this.#tasks.filter((task) => task.worker === member && which(task.fn));
    for (const task of held.sort((a, b) => b.grabbedAt - a.grabbedAt)) this.#giveBack(task, reason);
  }

  /** All high jobs before all normal ones; within a priority the functions take turns. */
  #nextTurn(member: Member): { readonly ability: Ability; readonly task: Task } | undefined {
    for (const priority of PRIORITIES) {
      for (const ability of member.abilities) {
        const [task] = this.#runnable(ability.fn, priority);
        if (task !== undefined) return { ability, task };
      }
    }
    return undefined;
  }

  // Waking

  #sleepers(fn: Func): Member[] {
    const asleep = this.#members.filter((member) => member.sleep === 'asleep');
    const places = asleep.flatMap((member) =>
      member.abilities.filter((ability) => ability.fn === fn).map(({ asleepSince }) => ({ member, asleepSince })),
    );
    return [...new Set(places.sort((a, b) => a.asleepSince - b.asleepSince).map(({ member }) => member))];
  }

  #waking(fn: Func): number {
    return this.#members.filter(({ wokenFor }) => wokenFor?.fn === fn && wokenFor.round === fn.wakeRound).length;
  }

  /** A job has become runnable. */
  #wakeFor(fn: Func): void {
    const { workerWakeup } = this.#rules;
    if (workerWakeup === 'auto') this.#refill(fn);
    else this.#wakeSome(fn, workerWakeup === 0 ? this.#members.length : workerWakeup);
  }

  /** With `auto`, somebody is on the way to every runnable job. */
  #refill(fn: Func): void {
    if (this.#rules.workerWakeup !== 'auto') return;
    this.#wakeSome(fn, this.#runnable(fn).length - this.#waking(fn));
  }

  #wakeSome(fn: Func, most: number): void {
    for (const member of this.#sleepers(fn).slice(0, Math.max(0, most))) {
      member.sleep = 'woken';
      member.wokenFor = { fn, round: fn.wakeRound };
      if (this.#rules.workerWakeup === 'auto' && fn.lookAtMs === undefined) {
        fn.lookAtMs = this.#clock.monotonicMs + this.#rules.wakeupLookMs;
        fn.lookSetAt = this.#now();
      }
      this.#hear(member, 'noop');
    }
  }

  /** @returns the function for which it had been woken */
  #wakeUp(member: Member): Func | undefined {
    const fn = member.wokenFor?.fn;
    member.sleep = 'awake';
    member.wokenFor = undefined;
    return fn;
  }

  // Telling

  #attach(task: Task, peer: number): void {
    task.clients.unshift({ member: this.#member(peer), since: this.#now() });
  }

  #failAll(task: Task): void {
    for (const { member } of task.clients) this.#hear(member, `fail ${handleOf(task.number)}`);
  }

  #hear(member: Member, what: string): void {
    this.#heard.push(`peer ${member.id}: ${what}`);
  }

  #tell(what: string, task: Task, detail: string | number = ''): void {
    this.#told.push(`job ${handleOf(task.number)} ${what} ${detail}`);
  }

  // Numbers

  #now(): number {
    return ++this.#moment;
  }

  #sizeBytes(): number {
    const { jobBytes, watcherBytes } = this.#costs;
    return this.#tasks.reduce(
      (sum, task) => sum + jobBytes + task.request.workload.length + watcherBytes * task.clients.length,
      0,
    );
  }

  #nextDelayMs(): number | undefined {
    const { wallMs, monotonicMs } = this.#clock;
    const delays = [
      ...this.#tasks
        .filter((task) => task.state === 'delayed')
        .map((task) => Math.min(task.request.runAtMs - wallMs, LONGEST_WALL_WAIT_MS)),
      ...this.#tasks.filter((task) => task.state === 'running').map((task) => timeoutOf(task) - monotonicMs),
      ...this.#functions.map((fn) => (fn.lookAtMs ?? Number.POSITIVE_INFINITY) - monotonicMs),
    ];
    const next = Math.min(...delays);
    return next === Number.POSITIVE_INFINITY ? undefined : Math.max(0, next);
  }

  #describeFunction(fn: Func): string {
    const living = this.#living(fn);
    return describeFunction({
      name: fn.name,
      ready: PRIORITIES.map((priority) => this.#runnable(fn, priority).length),
      delayed: living.filter((task) => task.state === 'delayed').length,
      running: living.filter((task) => task.state === 'running').length,
      total: living.length,
      abilities: this.#abilitiesFor(fn).length,
      limits: fn.limits,
      pinned: fn.pinned,
      sleepers: this.#sleepers(fn).map((member) => member.id),
      waking: this.#waking(fn),
    });
  }

  #describeMember(member: Member): string {
    const held = this.#tasks
      .filter((task) => task.worker === member)
      .sort((a, b) => b.grabbedAt - a.grabbedAt);
    return describePeer({
      ...member,
      wokenFor: member.wokenFor?.fn.name,
      turns: member.abilities.map((ability) => [ability.fn.name, ability.timeoutMs]),
      newestFirst: [...member.abilities].sort((a, b) => b.madeAt - a.madeAt).map((ability) => ability.fn.name),
      running: held.filter((task) => task.state === 'running').map((task) => task.number),
      cancelled: held.filter((task) => task.state === 'cancelled').map((task) => task.number),
    });
  }
}

/** Nobody waits for it any more. */
function isAbandoned(task: Task): boolean {
  return !task.background && task.clients.length === 0;
}

function timeoutOf(task: Task): number {
  return task.timeoutAtMs ?? Number.POSITIVE_INFINITY;
}

function newestAbility(member: Member, fn: Func): Ability | undefined {
  return member.abilities.filter((ability) => ability.fn === fn).sort((a, b) => b.madeAt - a.madeAt)[0];
}

/** An empty id never merges; `-` stands for the payload, and an empty payload never merges either. */
function haveSameKey(one: SubmitRequest, other: SubmitRequest): boolean {
  if (one.uniqueId === '' || one.uniqueId !== other.uniqueId) return false;
  return one.uniqueId !== '-' || (one.workload !== '' && one.workload === other.workload);
}

function describeTask(task: Task): string {
  return describeJob({
    ...task,
    functionName: task.fn.name,
    uniqueId: task.request.uniqueId,
    priority: task.request.priority,
    worker: task.worker?.id,
    clients: task.clients.map(({ member }) => member.id),
  });
}
