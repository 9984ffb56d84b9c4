import { describeAssignment, type Fact, handleOf, releaseCounts, releaseMs } from './describe.ts';
import {
  type Costs,
  type JobSystem,
  type Limits,
  MAX_DEAD_AGE_MS,
  type ModelClock,
  type RetryRule,
  RULED_FUNCTION,
  type Rules,
  type SubmitRequest,
  type WorkPacket,
} from './job-system.ts';
import {
  type Ability,
  type Func,
  isAbandoned,
  type Member,
  ModelState,
  type Task,
  timeoutOf,
} from './model-state.ts';
import { ModelWakeUps } from './model-wake-ups.ts';

/** The job system as the documents describe it, in lists that are searched from end to end. */
export class Model implements JobSystem {
  readonly #rules: Rules;
  readonly #clock: ModelClock;
  readonly #costs: Costs;
  readonly #state = new ModelState();
  #lastMember = 0;
  #lastTask = 0;
  #lastPlace = 0;
  #firstPlace = 0;
  #draining = false;
  readonly #wakeUps: ModelWakeUps;
  #heard: string[] = [];
  #told: string[] = [];

  constructor(rules: Rules, clock: ModelClock, costs: Costs) {
    this.#rules = rules;
    this.#clock = clock;
    this.#costs = costs;
    this.#wakeUps = new ModelWakeUps(this.#state, rules, clock, (member) => this.#hear(member, 'noop'));
  }

  connect(exceptions: boolean): number {
    const id = ++this.#lastMember;
    this.#state.members.push({
      id,
      clientId: '-',
      exceptions,
      streaming: false,
      sleep: 'awake',
      wokenFor: undefined,
      abilities: [],
    });
    return id;
  }

  disconnect(peer: number): void {
    const member = this.#member(peer);
    this.#state.members = this.#state.members.filter((each) => each !== member);
    const wokenFor = this.#wakeUps.wakeUp(member);
    this.#withdraw(member, () => true);
    for (const { task, since } of this.#state.attachmentsOf(member)) {
      task.clients = task.clients.filter((client) => client.since !== since);
      // Of a running job the worker cannot be told.
      if (isAbandoned(task) && task.state !== 'running') this.#end(task, 'abandoned');
    }
    this.#giveBackAll(member, () => true, 'worker-lost');
    this.#wakeUps.refill(wokenFor);
  }

  setClientId(peer: number, id: string): void {
    this.#member(peer).clientId = id.slice(0, 127);
  }

  wantExceptions(peer: number): void {
    this.#member(peer).exceptions = true;
  }

  wantStreaming(peer: number): void {
    this.#member(peer).streaming = true;
  }

  canDo(peer: number, functionName: string, timeoutMs: number): string {
    const member = this.#member(peer);
    if (member.abilities.length >= this.#rules.maxFunctionsPerConnection) return 'refused';
    const fn = this.#function(functionName);
    if (fn === undefined) return 'refused';
    member.abilities.unshift({ fn, timeoutMs, madeAt: this.#state.now(), asleepSince: this.#state.now() });
    this.#noteUse(fn);
    if (member.sleep === 'asleep') this.#wakeUps.refill(fn);
    return 'done';
  }

  cantDo(peer: number, functionName: string): void {
    this.#withdraw(this.#member(peer), (fn) => fn.name === functionName);
    this.#giveBackAll(this.#member(peer), (fn) => fn.name === functionName, 'function-withdrawn');
  }

  resetAbilities(peer: number): void {
    this.#withdraw(this.#member(peer), () => true);
    this.#giveBackAll(this.#member(peer), () => true, 'function-withdrawn');
  }

  preSleep(peer: number): void {
    const member = this.#member(peer);
    if (this.#state.nextTurn(member) !== undefined) {
      const wokenFor = this.#wakeUps.wakeUp(member);
      this.#hear(member, 'noop');
      this.#wakeUps.refill(wokenFor);
    } else if (member.sleep !== 'asleep') {
      this.#wakeUps.fallAsleep(member);
    }
  }

  grab(peer: number): string {
    const member = this.#member(peer);
    const wokenFor = this.#wakeUps.wakeUp(member);
    this.#expire();
    const turn = this.#state.nextTurn(member);
    if (turn !== undefined) {
      const { ability, task } = turn;
      member.abilities = [...member.abilities.filter((each) => each !== ability), ability];
      task.state = 'running';
      task.expiresAtMs = undefined;
      task.worker = member;
      task.grabbedAt = this.#state.now();
      const timeoutMs = newestAbility(member, task.fn)?.timeoutMs ?? 0;
      task.timeoutAtMs = timeoutMs > 0 ? this.#clock.monotonicMs + timeoutMs : undefined;
      this.#tell('assigned', task, member.id);
    }
    this.#wakeUps.refill(wokenFor);
    if (turn === undefined) return 'no job';
    const { uniqueId, reducer, workload } = turn.task.request;
    return describeAssignment(turn.task.number, turn.task.fn.name, uniqueId, reducer, workload);
  }

  submit(peer: number, request: SubmitRequest): string {
    const { functionName, uniqueId, reducer, workload, priority, background, runAtMs } = request;
    if (uniqueId.length > 64) return 'unique-too-large';
    if (reducer !== undefined && reducer.length > 64) return 'reducer-too-large';
    if (this.#member(peer).streaming && !background && uniqueId !== '') return 'unique-in-stream';
    if (this.#draining) return 'shutting-down';
    const fn = this.#function(functionName);
    if (fn === undefined) return 'too-many-functions';
    const twin = this.#state.living(fn).find((task) => haveSameKey(task.request, request));
    const jobs = this.#state.tasks.length;
    const isOrphan = twin === undefined && !background && this.#state.abilitiesFor(fn).length === 0;
    if (isOrphan && this.#rules.noWorker === 'fail') return 'no-worker';
    if (twin === undefined && jobs >= this.#rules.maxJobs) return 'too-many-jobs';
    if (
      this.#state.sizeBytes(this.#costs) + (twin === undefined ? workload.length : 0) >
      this.#rules.maxQueueBytes
    )
      return 'memory-full';
    if (twin !== undefined) {
      if (background) twin.background = true;
      else this.#attach(twin, peer);
      return handleOf(twin.number);
    }
    if (fn.limits[priority] > 0 && this.#state.living(fn).length >= fn.limits[priority]) return 'queue-full';
    const task: Task = {
      number: ++this.#lastTask,
      fn,
      request,
      background,
      state: runAtMs > this.#clock.wallMs ? 'delayed' : 'queued',
      place: ++this.#lastPlace,
      retries: 0,
      numerator: 0,
      denominator: 0,
      worker: undefined,
      grabbedAt: 0,
      timeoutAtMs: undefined,
      dueAtMs: runAtMs,
      dueSetAt: this.#state.now(),
      expiresAtMs: this.#expiryOf(fn, runAtMs),
      enteredAt: this.#state.now(),
      clients: [],
    };
    this.#state.tasks.push(task);
    if (!background) this.#attach(task, peer);
    if (task.state === 'queued') this.#wakeUps.jobReady(fn);
    this.#noteUse(fn);
    this.#tell('queued', task);
    return handleOf(task.number);
  }

  work(peer: number, packet: WorkPacket, handle: string, text: string): string {
    const task = this.#state.tasks.find(
      (each) => handleOf(each.number) === handle && each.worker?.id === peer,
    );
    if (task === undefined) return 'not found';
    if (packet === 'status') [task.numerator, task.denominator] = [Number(text), 100];
    if (packet === 'release') return this.#release(task, text);
    if ((packet === 'fail' || packet === 'exception') && this.#retries(task, packet)) return 'done';
    const isEnd = packet === 'complete' || packet === 'fail' || packet === 'exception';
    for (const { member } of task.clients) {
      const isFailure = packet === 'fail' || (packet === 'exception' && !member.exceptions);
      this.#hear(member, isFailure ? `fail ${handle}` : `${packet} ${handle} ${text}`);
    }
    if (!isEnd) return 'done';
    if (task.state === 'cancelled') this.#remove(task);
    else
      this.#end(task, packet, packet === 'complete' ? undefined : packet, packet === 'exception' ? text : '');
    return 'done';
  }

  #release(task: Task, text: string): string {
    const attempts = this.#retryOf(task)?.attempts ?? Number.POSITIVE_INFINITY;
    if (task.state === 'cancelled') {
      this.#remove(task);
      return 'done';
    }
    if (releaseCounts(text)) task.retries++;
    if (isAbandoned(task)) {
      this.#end(task, 'abandoned');
    } else if (releaseCounts(text) && task.retries >= attempts) {
      this.#failAll(task);
      this.#end(task, 'retries-used-up', 'fail');
    } else {
      this.#putBack(task, 'released', releaseMs(text));
    }
    return 'done';
  }

  requeueDead(handle: string): string {
    const dead = this.#state.dead.find(({ task }) => handleOf(task.number) === handle);
    if (dead === undefined) return 'not dead';
    const { request, fn: old } = dead.task;
    const { maxJobs, maxQueueBytes } = this.#rules;
    const sizeBytes = this.#state.sizeBytes(this.#costs) + request.workload.length;
    if (this.#state.tasks.length >= maxJobs || sizeBytes > maxQueueBytes) return 'not dead';
    // It may have been forgotten meanwhile; a dead job brings it back whatever the limits say.
    const fn = this.#state.functions.find(({ name }) => name === old.name) ?? this.#makeFunction(old.name);
    if (this.#state.living(fn).some((task) => haveSameKey(task.request, request))) return 'not dead';
    this.#state.dead = this.#state.dead.filter((each) => each !== dead);
    const task: Task = {
      ...{ number: dead.task.number, fn, request, background: true, state: 'queued' },
      ...{ place: ++this.#lastPlace, retries: 0, numerator: 0, denominator: 0, worker: undefined },
      ...{ grabbedAt: 0, timeoutAtMs: undefined, dueAtMs: 0, dueSetAt: 0, clients: [] },
      expiresAtMs: this.#expiryOf(fn, 0),
      enteredAt: this.#state.now(),
    };
    this.#state.tasks.push(task);
    this.#state.tasks.sort((a, b) => a.number - b.number);
    this.#wakeUps.jobReady(fn);
    this.#noteUse(fn);
    this.#tell('queued', task);
    return 'done';
  }

  deleteDead(handle: string): string {
    const { dead } = this.#state;
    this.#state.dead = dead.filter(({ task }) => handleOf(task.number) !== handle);
    return this.#state.dead.length < dead.length ? 'done' : 'not dead';
  }

  cancel(handle: string): string {
    const task = this.#state.tasks.find(
      (each) => handleOf(each.number) === handle && each.state !== 'cancelled',
    );
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
    const fn = this.#state.functions.find((each) => each.name === name);
    if (fn === undefined) return 'unknown';
    const jobs = this.#state.living(fn);
    if (this.#state.abilitiesFor(fn).length > 0 || jobs.some((task) => task.state === 'running'))
      return 'in-use';
    if (jobs.length > 0) return 'has-jobs';
    this.#forgetFunction(fn);
    return 'dropped';
  }

  setMaxQueue(name: string, limits: Limits): void {
    const fn = this.#state.functions.find((each) => each.name === name);
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
    const starting = this.#state.tasks.filter(
      (task) => task.state === 'delayed' && task.dueAtMs <= wallMs + 0.5,
    );
    for (const task of starting.sort((a, b) => a.dueAtMs - b.dueAtMs || a.dueSetAt - b.dueSetAt)) {
      task.state = 'queued';
      if (task.retries > 0 || task.request.priority !== 1) task.place = this.#newPlace(task);
      this.#wakeUps.jobReady(task.fn);
    }
    this.#expire();
    this.#purge();
    const late = this.#state.tasks.filter(
      (task) => task.state === 'running' && timeoutOf(task) <= monotonicMs,
    );
    for (const task of late.sort((a, b) => timeoutOf(a) - timeoutOf(b) || a.grabbedAt - b.grabbedAt)) {
      this.#giveBack(task, 'timeout');
    }
    this.#wakeUps.look();
  }

  takeEffects(): string[] {
    const effects = [...this.#heard, ...this.#told];
    this.#heard = [];
    this.#told = [];
    return effects;
  }

  describe(): Fact[] {
    return this.#state.describe(this.#clock, this.#costs);
  }

  #member(id: number): Member {
    const member = this.#state.members.find((each) => each.id === id);
    if (member === undefined) throw new Error(`there is no peer ${id}`);
    return member;
  }

  // Functions

  #function(name: string): Func | undefined {
    const known = this.#state.functions.find((fn) => fn.name === name);
    if (known !== undefined) return known;
    if (this.#state.functions.length >= this.#rules.maxFunctions) {
      const [longestIdle] = this.#state.functions
        .filter((fn) => fn.idleSince !== undefined)
        .sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0));
      if (longestIdle === undefined) return undefined;
      this.#forgetFunction(longestIdle);
    }
    return this.#makeFunction(name);
  }

  #makeFunction(name: string): Func {
    const fn: Func = {
      name,
      limits: [0, 0, 0],
      pinned: false,
      idleSince: this.#state.now(),
      wakeRound: 0,
      lookAtMs: undefined,
      lookSetAt: 0,
    };
    this.#state.functions.push(fn);
    this.#told.push(`function ${name} created`);
    return fn;
  }

  #forgetFunction(fn: Func): void {
    this.#state.functions = this.#state.functions.filter((each) => each !== fn);
    this.#told.push(`function ${fn.name} dropped`);
  }

  #noteUse(fn: Func): void {
    const isIdle =
      this.#state.abilitiesFor(fn).length === 0 && !fn.pinned && this.#state.living(fn).length === 0;
    if (!isIdle) fn.idleSince = undefined;
    else fn.idleSince ??= this.#state.now();
  }

  // Jobs

  #end(task: Task, how: string, reason?: string, detail = ''): void {
    this.#remove(task);
    const isKept = reason !== undefined && task.background && this.#rules.maxDead !== undefined;
    this.#tell('ended', task, isKept ? `${how} dead` : how);
    if (isKept) {
      if (how === 'fail' || how === 'exception') task.retries++;
      this.#state.dead.push({ task, reason, detail, diedAtMs: this.#clock.wallMs + 0.5 });
      this.#purge();
    }
    this.#noteUse(task.fn);
  }

  #purge(): void {
    const oldest = this.#clock.wallMs + 0.5 - MAX_DEAD_AGE_MS;
    const { dead } = this.#state;
    // The clock may have gone back, so that the oldest is not the first to go.
    while (
      dead.length > (this.#rules.maxDead ?? 0) ||
      (dead[0]?.diedAtMs ?? Number.POSITIVE_INFINITY) <= oldest
    )
      dead.shift();
  }

  #expire(): void {
    const now = this.#clock.wallMs + 0.5;
    const late = this.#state.tasks.filter(
      ({ state, expiresAtMs }) =>
        (state === 'queued' || state === 'delayed') && (expiresAtMs ?? now + 1) <= now,
    );
    for (const task of late.sort(
      (a, b) => (a.expiresAtMs ?? 0) - (b.expiresAtMs ?? 0) || a.enteredAt - b.enteredAt,
    )) {
      this.#failAll(task);
      this.#end(task, 'expired', 'expired');
    }
  }

  #expiryOf(fn: Func, runAtMs: number): number | undefined {
    const { ttlMs } = this.#rules;
    if (ttlMs === undefined || fn.name !== RULED_FUNCTION) return undefined;
    return (runAtMs > this.#clock.wallMs ? runAtMs : this.#clock.wallMs + 0.5) + ttlMs;
  }

  #retryOf({ fn }: Task): RetryRule | undefined {
    return fn.name === RULED_FUNCTION ? this.#rules.retry : undefined;
  }

  /** A worker has failed at a job: does it run again? */
  #retries(task: Task, failure: 'fail' | 'exception'): boolean {
    const rule = this.#retryOf(task);
    if (task.state === 'cancelled' || rule === undefined || !rule.on.includes(failure)) return false;
    if (isAbandoned(task) || (task.worker?.streaming === true && !task.background)) return false;
    if (task.retries + 1 >= rule.attempts) return false;
    task.retries++;
    this.#putBack(task, failure, rule.delayMs);
    return true;
  }

  #putBack(task: Task, reason: string, delayMs: number): void {
    task.worker = undefined;
    task.numerator = 0;
    task.denominator = 0;
    task.state = delayMs > 0 ? 'delayed' : 'queued';
    task.dueAtMs = this.#clock.wallMs + 0.5 + delayMs;
    task.dueSetAt = this.#state.now();
    if (delayMs === 0) task.place = this.#newPlace(task);
    this.#tell('requeued', task, `${reason} ${delayMs}`);
    if (delayMs === 0) this.#wakeUps.jobReady(task.fn);
  }

  #newPlace({ retries }: Task): number {
    return this.#rules.requeue === 'head' && retries > 0 ? --this.#firstPlace : ++this.#lastPlace;
  }

  #remove(task: Task): void {
    this.#state.tasks = this.#state.tasks.filter((each) => each !== task);
  }

  #giveBack(task: Task, reason: string): void {
    if (task.state === 'cancelled') {
      this.#remove(task);
      return;
    }
    task.retries++;
    const { jobRetries } = this.#rules;
    const rule = this.#retryOf(task);
    const isRuled = rule?.on.includes(reason === 'timeout' ? 'timeout' : 'lost') === true;
    const most = isRuled ? rule.attempts : jobRetries;
    if (isAbandoned(task)) {
      this.#end(task, 'abandoned');
    } else if (task.worker?.streaming === true && !task.background) {
      this.#failAll(task);
      this.#end(task, 'stream-broken');
    } else if (most >= 0 && task.retries >= most) {
      this.#failAll(task);
      this.#end(task, 'retries-used-up', reason);
    } else {
      this.#putBack(task, reason, isRuled ? rule.delayMs : 0);
    }
  }

  /** A connection does not run some of its functions any more. */
  #withdraw(member: Member, which: (fn: Func) => boolean): void {
    const oldestFirst = member.abilities.filter(({ fn }) => which(fn)).sort((a, b) => a.madeAt - b.madeAt);
    for (const fn of new Set(oldestFirst.map((ability) => ability.fn))) {
      member.abilities = member.abilities.filter((ability) => ability.fn !== fn);
      if (member.wokenFor?.fn === fn) {
        member.wokenFor = undefined;
        this.#wakeUps.refill(fn);
      }
      this.#noteUse(fn);
    }
  }

  /** Jobs that a connection runs go back, the newest first. */
  #giveBackAll(member: Member, which: (fn: Func) => boolean, reason: string): void {
    for (const task of this.#state.heldBy(member)) if (which(task.fn)) this.#giveBack(task, reason);
  }

  #attach(task: Task, peer: number): void {
    task.clients.unshift({ member: this.#member(peer), since: this.#state.now() });
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
}

function newestAbility(member: Member, fn: Func): Ability | undefined {
  return member.abilities.filter((ability) => ability.fn === fn).sort((a, b) => b.madeAt - a.madeAt)[0];
}

/** An empty id never merges; `-` stands for the payload, and an empty payload never merges either. */
function haveSameKey(one: SubmitRequest, other: SubmitRequest): boolean {
  if (one.uniqueId === '' || one.uniqueId !== other.uniqueId) return false;
  return one.uniqueId !== '-' || (one.workload !== '' && one.workload === other.workload);
}
