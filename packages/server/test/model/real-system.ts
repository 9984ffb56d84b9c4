import type { DeadJob } from '../../src/engine/dead-set.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { GearmanFunction } from '../../src/engine/gearman-function.ts';
import { HIGH, type Job, LOW, NORMAL } from '../../src/engine/job.ts';
import type { JobRules } from '../../src/engine/job-policy.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { payloadBytes } from '../../src/engine/payload.ts';
import type { Peer, PeerPort } from '../../src/engine/peer.ts';
import type { StoredJob } from '../../src/store/store.ts';
import { MemoryPlace } from '../support/memory-store.ts';
import {
  describeAssignment,
  describeFunction,
  describeJob,
  describePeer,
  type Fact,
  HANDLE_PREFIX,
  numberOf,
  releaseCounts,
  releaseMs,
} from './describe.ts';
import {
  type JobSystem,
  type Limits,
  MAX_DEAD_AGE_MS,
  type ModelClock,
  RULED_FUNCTION,
  type Rules,
  type SubmitRequest,
  UNIQUE_IDS,
  type WorkPacket,
} from './job-system.ts';

/** The engine, driven and described like the model. */
export class RealSystem implements JobSystem {
  readonly engine: Engine;
  /** The jobs that had not ended when the engine was last described. */
  living: readonly Job[] = [];
  /** And those of them that were not in memory. */
  parked: readonly StoredJob[] = [];
  readonly #ledger: Ledger | undefined;
  readonly #place = new MemoryPlace();
  readonly #peers = new Map<number, Peer>();
  #heard: string[] = [];
  #told: string[] = [];
  #ticks = 0;

  constructor(rules: Rules, clock: ModelClock) {
    const { retry, ttlMs, maxDead } = rules;
    const backoff = { type: 'fixed', factor: 1, maxMs: 1e6, jitter: 0 } as const;
    const ruled: JobRules = {
      ttlMs,
      retry: retry && { ...retry, backoff: { ...backoff, delayMs: retry.delayMs } },
    };
    // A job that comes back wakes somebody; otherwise nobody was woken who registered after it was submitted. And without a
    // store dead jobs are in memory.
    const parks = rules.parks && rules.workerWakeup === 'auto' && maxDead === undefined;
    this.#ledger = parks ? new Ledger(() => {}) : undefined;
    this.engine = new Engine({
      ...rules,
      ...{ maxSchedules: 10, maxScheduleBytes: 1000 },
      ...{ ledger: this.#ledger, maxMemoryBytes: 1_000_000, parkAboveBytes: 0 },
      rulesOf: (name) => (name === RULED_FUNCTION ? ruled : undefined),
      dead: maxDead === undefined ? undefined : { max: maxDead, maxAgeMs: MAX_DEAD_AGE_MS, maxBytes: 1e6 },
      handlePrefix: HANDLE_PREFIX,
      clock: {
        // Half a millisecond ahead, so that what is due at a millisecond is due in all of it.
        // Whichever of two alarms of one millisecond goes off first is right. So that the model need not follow, no two
        // are of one moment: what was decided first comes first.
        monotonicMs: () => clock.monotonicMs + this.#tick(),
        now: () => clock.wallMs + 0.5 + this.#tick(),
      },
      observer: {
        jobQueued: (job) => this.#told.push(`job ${this.engine.handleOf(job)} queued `),
        jobAssigned: (job, worker) =>
          this.#told.push(`job ${this.engine.handleOf(job)} assigned ${worker.id}`),
        jobRequeued: (job, reason, delayMs) =>
          this.#told.push(`job ${this.engine.handleOf(job)} requeued ${reason} ${delayMs}`),
        jobEnded: (job, how, fate) =>
          this.#told.push(
            `job ${this.engine.handleOf(job)} ended ${how}${fate === undefined ? '' : ` ${fate}`}`,
          ),
        functionCreated: (name) => this.#told.push(`function ${name} created`),
        functionDropped: (name) => this.#told.push(`function ${name} dropped`),
      },
    });
  }

  connect(exceptions: boolean): number {
    const peer = this.engine.connect(
      this.#port(() => peer),
      '127.0.0.1',
      exceptions,
    );
    this.#peers.set(peer.id, peer);
    return peer.id;
  }

  disconnect(id: number): void {
    const peer = this.peer(id);
    this.#peers.delete(id);
    this.engine.disconnect(peer);
  }

  setClientId(id: number, clientId: string): void {
    this.engine.setClientId(this.peer(id), clientId);
  }

  wantExceptions(id: number): void {
    this.peer(id).exceptions = true;
  }

  wantStreaming(id: number): void {
    this.peer(id).streaming = true;
  }

  canDo(id: number, functionName: string, timeoutMs: number): string {
    return this.engine.canDo(this.peer(id), functionName, timeoutMs) === undefined ? 'done' : 'refused';
  }

  cantDo(id: number, functionName: string): void {
    this.engine.cantDo(this.peer(id), functionName);
  }

  resetAbilities(id: number): void {
    this.engine.resetAbilities(this.peer(id));
  }

  preSleep(id: number): void {
    this.engine.preSleep(this.peer(id));
  }

  grab(id: number): string {
    const job = this.engine.grab(this.peer(id));
    if (job === undefined) return 'no job';
    const workload = Buffer.from(payloadBytes(job.payload)).toString('latin1');
    return describeAssignment(job.number, job.fn.name, job.uniqueId, job.reducer, workload);
  }

  submit(id: number, request: SubmitRequest): string {
    const { runAtMs } = request;
    const submission = {
      ...request,
      workload: Buffer.from(request.workload, 'latin1'),
      runAtMs: runAtMs === 0 ? 0 : runAtMs + this.#tick(),
    };
    const job = this.engine.submit(this.peer(id), submission);
    if (typeof job === 'number' && !request.background) {
      this.#recall(job);
      return this.submit(id, request);
    }
    if (typeof job === 'number') return HANDLE_PREFIX + job;
    return typeof job === 'string' ? job : this.engine.handleOf(job);
  }

  #recall(number: number): void {
    let isBack = false;
    const goOn = (): void => {
      isBack = true;
    };
    this.engine.parking?.recall(number, { goOn });
    this.#settle();
    if (!isBack) throw new Error(`${number} did not come back`);
  }

  /** Everything is stored and read at once, and nothing fails. */
  #settle(): void {
    for (;;) {
      const taken = this.#ledger?.take();
      if (taken !== undefined) {
        this.#place.apply(taken.batch);
        this.engine.settle(taken, undefined);
      }
      const numbers = this.engine.parking?.take();
      if (numbers !== undefined) this.engine.parking?.deliver(this.#place.read(numbers));
      if (taken === undefined && numbers === undefined) return;
    }
  }

  work(id: number, packet: WorkPacket, handle: string, text: string): string {
    return this.#work(this.peer(id), packet, handle, text) ? 'done' : 'not found';
  }

  cancel(handle: string): string {
    const parked = this.engine.parking?.find(handle) ?? 0;
    if (parked > 0) this.#recall(parked);
    return this.engine.cancel(handle) ? 'done' : 'unknown';
  }

  requeueDead(handle: string): string {
    return this.engine.afterlife.requeue(numberOf(handle), undefined) ? 'done' : 'not dead';
  }

  deleteDead(handle: string): string {
    return this.engine.afterlife.delete(numberOf(handle)) ? 'done' : 'not dead';
  }

  createFunction(name: string): string {
    return this.engine.createFunction(name) ? 'done' : 'refused';
  }

  dropFunction(name: string): string {
    return this.engine.dropFunction(name);
  }

  setMaxQueue(name: string, limits: Limits): void {
    this.engine.setMaxQueue(name, limits);
  }

  drain(): void {
    this.engine.drain();
  }

  advance(): void {
    this.engine.advance();
  }

  takeEffects(): string[] {
    this.#settle();
    const effects = [...this.#heard, ...this.#told];
    this.#heard = [];
    this.#told = [];
    return effects;
  }

  describe(): Fact[] {
    const { engine } = this;
    const delayMs = engine.nextDelayMs();
    const facts: Fact[] = ['jobs', engine.jobCount, 'running', engine.runningCount];
    facts.push('asleep', engine.sleeperCount, 'bytes', engine.sizeBytes);
    facts.push('next in', delayMs === undefined ? undefined : Math.round(delayMs + 0.25), 'by unique id');
    for (const uniqueId of UNIQUE_IDS) {
      const parked = engine.parking?.findUnique(uniqueId) ?? 0;
      facts.push(Math.max(engine.findUnique(uniqueId)?.number ?? 0, parked) || undefined);
    }
    facts.push('dead', ...[...(engine.afterlife.dead?.values() ?? [])].flatMap(describeDead));
    for (const fn of engine.functions()) describeFn(facts, fn);
    const pages = [...engine.pages()];
    this.living = pages.flatMap(({ jobs }) => jobs.filter(({ state }) => state !== 'cancelled'));
    this.parked = this.#place.read(pages.flatMap(({ parked }) => parked));
    const all = [...this.living, ...this.parked].sort((a, b) => a.number - b.number);
    for (const job of all) {
      if ('fn' in job) describe(facts, job);
      else describeParked(facts, job);
    }
    for (const peer of engine.peers) describeConnection(facts, peer);
    return facts;
  }

  peer(id: number): Peer {
    const peer = this.#peers.get(id);
    if (peer === undefined) throw new Error(`there is no peer ${id}`);
    return peer;
  }

  #work(peer: Peer, packet: WorkPacket, handle: string, text: string): boolean {
    switch (packet) {
      case 'data':
        return this.engine.reports.data(peer, handle, Buffer.from(text));
      case 'warning':
        return this.engine.reports.warning(peer, handle, Buffer.from(text));
      case 'status':
        return this.engine.reports.status(peer, handle, text, '100');
      case 'complete':
        return this.engine.reports.complete(peer, handle, Buffer.from(text));
      case 'fail':
        return this.engine.reports.fail(peer, handle);
      case 'exception':
        return this.engine.reports.exception(peer, handle, Buffer.from(text));
      case 'release':
        return this.engine.reports.release(peer, handle, releaseMs(text), releaseCounts(text));
    }
  }

  #port(peer: () => Peer): PeerPort {
    const hear = (what: string): void => {
      this.#heard.push(`peer ${peer().id}: ${what}`);
    };
    const bytes = (data: Uint8Array): string => Buffer.from(data).toString();
    return {
      noop: () => hear('noop'),
      data: (handle, data) => hear(`data ${handle} ${bytes(data)}`),
      warning: (handle, data) => hear(`warning ${handle} ${bytes(data)}`),
      status: (handle, numerator) => hear(`status ${handle} ${numerator}`),
      complete: (handle, data) => hear(`complete ${handle} ${bytes(data)}`),
      fail: (handle) => hear(`fail ${handle}`),
      exception: (handle, data) => hear(`exception ${handle} ${bytes(data)}`),
      settled: () => hear('settled'),
    };
  }

  #tick(): number {
    this.#ticks += 2 ** -20;
    return this.#ticks;
  }
}

const describeDead = ({ number, functionName, reason, detail, attempts }: DeadJob): Fact[] => [
  ...[number, functionName, reason, detail, attempts],
];

function describeFn(facts: Fact[], fn: GearmanFunction): void {
  const sleepers: number[] = [];
  for (let each = fn.firstSleeper; each !== undefined; each = each.nextSleeper) {
    if (!sleepers.includes(each.peer.id)) sleepers.push(each.peer.id);
  }
  describeFunction(facts, {
    name: fn.name,
    ready: ([HIGH, NORMAL, LOW] as const).map(
      (priority) => fn.ready(priority) + (fn.backlogs[priority]?.size ?? 0),
    ),
    delayed: fn.delayed,
    running: fn.running,
    total: fn.total,
    abilities: fn.registrationCount,
    limits: fn.maxQueue,
    pinned: fn.pinned,
    sleepers,
    waking: fn.waking,
  });
}

function describe(facts: Fact[], job: Job): void {
  const clients: number[] = [];
  for (let each = job.watchers; each !== undefined; each = each.nextOfJob) clients.push(each.peer.id);
  describeJob(facts, {
    number: job.number,
    functionName: job.fn.name,
    uniqueId: job.uniqueId,
    priority: job.priority,
    state: job.state,
    background: job.background,
    retries: job.retries,
    numerator: job.numerator,
    denominator: job.denominator,
    worker: job.worker?.id,
    clients,
  });
}

function describeParked(facts: Fact[], job: StoredJob): void {
  describeJob(facts, {
    ...{ number: job.number, functionName: job.functionName, uniqueId: job.uniqueId },
    ...{ priority: job.priority, state: 'queued', background: true, retries: job.attempts },
    ...{ numerator: 0, denominator: 0, worker: undefined, clients: [] },
  });
}

function describeConnection(facts: Fact[], peer: Peer): void {
  const turns: Fact[] = [];
  for (let each = peer.firstTurn; each !== undefined; each = each.nextTurn)
    turns.push(each.fn.name, each.timeoutMs);
  const running: number[] = [];
  const cancelled: number[] = [];
  for (let each = peer.running.head; each !== undefined; each = each.next) {
    (each.state === 'cancelled' ? cancelled : running).push(each.number);
  }
  describePeer(facts, {
    id: peer.id,
    clientId: peer.clientId,
    exceptions: peer.exceptions,
    streaming: peer.streaming,
    sleep: peer.sleep,
    wokenFor: peer.wokenFor?.name,
    turns,
    newestFirst: peer.newestFirst().map(({ fn }) => fn.name),
    running,
    cancelled,
  });
}
