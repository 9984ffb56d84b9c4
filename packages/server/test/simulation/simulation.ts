import type { JobStore, StoredJob } from '@gearman/server';
import type { Fate } from '../../src/engine/afterlife.ts';
import { Engine } from '../../src/engine/engine.ts';
import { type Job, NORMAL } from '../../src/engine/job.ts';
import { type Commit, Ledger, type LedgerBatch } from '../../src/engine/ledger.ts';
import type { Peer } from '../../src/engine/peer.ts';
import type { Submission } from '../../src/engine/submission.ts';
import { makeHandlePrefix } from '../../src/handle-prefix.ts';
import { HandleNumbers } from '../../src/store/handle-numbers.ts';
import { MemoryPlace } from '../support/memory-store.ts';
import { StillClock } from '../unit/world.ts';
import { ExpectedOrder } from './expected-order.ts';
import { PlannedRuns } from './planned-runs.ts';
import {
  ATTEMPTS,
  FULL,
  FUNCTIONS,
  LETTERS,
  MEMORIES,
  PRIORITIES,
  RULES,
  randomFrom,
  SILENT,
} from './setting.ts';

/** A background submit and what its client knows. */
interface Submit {
  readonly number: number;
  answer: 'none' | 'stored' | 'refused';
}

/**
 * The engine on a clock that stands still and a store that takes its time, refuses and is killed, all as a seed says; and
 * what must hold whatever happens. The place is what a disk would hold at each moment.
 */
export class Simulation {
  readonly problems: string[] = [];
  readonly #random: () => number;
  readonly #clock = new StillClock();
  readonly #place = new MemoryPlace();
  #engine: Engine;
  #ledger: Ledger;
  readonly #memory: (typeof MEMORIES)[number];
  #underWay: LedgerBatch | undefined;
  /** What is being read; with what the store had at the beginning, if that is what comes. */
  #reading: { readonly numbers: readonly number[]; readonly found: StoredJob[] | undefined } | undefined;
  /** What waited for a parked job that is back. */
  #goOn: (() => void)[] = [];
  #clients: Peer[] = [];
  #workers: Peer[] = [];
  #submits: Submit[] = [];
  readonly #handles = new Set<string>();
  readonly #bornBackground = new Set<number>();
  readonly #over = new Set<number>();
  readonly #overForGood = new Set<number>();
  readonly #planned = new PlannedRuns((problem) => this.#complain(problem));
  /** From jobs that failed for good to those that they went on as. */
  readonly #letters = new Map<number, number>();
  readonly #order = new ExpectedOrder();
  /** How many workers have lost a job, if any have. */
  readonly #attempts = new Map<number, number>();
  /** How often things happened, so that a test can see that they did. */
  readonly counts = {
    stored: 0,
    refused: 0,
    crashes: 0,
    restored: 0,
    ran: 0,
    planned: 0,
    retried: 0,
    died: 0,
    moved: 0,
    revived: 0,
    parked: 0,
    recalled: 0,
  };

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.#memory = MEMORIES[seed % MEMORIES.length] ?? MEMORIES[0];
    [this.#engine, this.#ledger] = this.#boot();
  }

  run(steps: number): this {
    for (let i = 0; i < steps && this.problems.length === 0; i++) this.#step();
    if (this.problems.length === 0) this.#end();
    return this;
  }

  #step(): void {
    const dice = this.#random();
    if (dice < 0.34) this.#submit();
    else if (dice < 0.347) this.#planned.submit(this.#engine, this.#random);
    else if (dice < 0.35) this.#planned.change(this.#engine, this.#random);
    else if (dice < 0.55) this.#grab();
    else if (dice < 0.7) this.#report();
    else if (dice < 0.73) this.#leave();
    else if (dice < 0.75) this.#cancel();
    else if (dice < 0.77) this.#lookAfterDead();
    else if (dice < 0.795) this.#pass(this.#random() * 3000);
    else if (dice < 0.8) this.#setClock();
    else if (dice < 0.9) this.#commit();
    else if (dice < 0.99) this.#read();
    else this.#crash();
  }

  // The server's life

  #boot(): [Engine, Ledger] {
    const ledger = new Ledger(() => {});
    const observer = {
      jobQueued: (job: Job) => this.#queued(job),
      jobAssigned: () => {},
      jobRequeued: ({ number, retries }: Job, _: string, delayMs: number) => {
        this.#attempts.set(number, retries);
        if (delayMs > 0) this.counts.retried++;
      },
      jobEnded: (job: Job, _: string, fate: Fate | undefined) => {
        this.#over.add(job.number);
        this.#order.delete(job.number);
        this.#attempts.delete(job.number);
        if (fate === 'dead') this.counts.died++;
        this.#letters.delete(job.number);
        if (fate === 'moved') this.#moved(job);
      },
      functionCreated: () => {},
      functionDropped: () => {},
    };
    const engine = new Engine({
      ...{ clock: this.#clock, handlePrefix: 'H:none:0-', ledger, observer, random: this.#random },
      ...{ rulesOf: (name: string) => RULES[name], dead: { max: 1000, maxBytes: 1e6, maxAgeMs: 1e9 } },
      ...{ jobRetries: 3, requeue: 'tail', workerWakeup: 'auto', wakeupLookMs: 100, noWorker: 'queue' },
      ...{ maxFunctions: 10, maxFunctionsPerConnection: 10, maxJobs: 1000, maxQueueBytes: 1e6 },
      ...{ maxSchedules: 3, maxScheduleBytes: 100, timeZone: 'UTC' },
      ...this.#memory,
    });
    const { jobs, settings, lastNumber } = this.#place;
    for (const [key, value] of settings) engine.restoreSetting(key, value);
    this.#order.clear();
    this.#attempts.clear();
    for (const job of [...jobs.values()].sort((a, b) => a.number - b.number)) {
      const { number, functionName, priority, runAtMs, attempts } = job;
      engine.restore(job);
      if (job.state === 'dead') continue;
      this.#attempts.set(number, attempts);
      const isFuture = runAtMs > this.#clock.wallMs;
      // What has failed before goes behind the others when its time comes.
      if (isFuture && (attempts > 0 || priority !== NORMAL)) continue;
      this.#order.add({ number, priority, fn: { name: functionName } }, isFuture ? runAtMs : 0);
    }
    this.counts.restored += jobs.size;
    if (engine.jobCount + deadCount(engine) !== jobs.size) this.#complain('a restart lost jobs');
    const numbers = new HandleNumbers(engine, ledger);
    const content: Awaited<ReturnType<JobStore['open']>> = { jobs: none(), settings, lastNumber };
    numbers.adopt(content, makeHandlePrefix('H:sim', this.#clock.now()));
    const first = ledger.take();
    if (first !== undefined && this.#settle(engine, first) !== undefined)
      numbers.leap(Math.ceil(this.#random() * 1e9));
    this.#workers = [this.#newWorker(engine), this.#newWorker(engine)];
    this.#clients = [this.#newClient(engine), this.#newClient(engine)];
    return [engine, ledger];
  }

  /** What is under way may have reached the disk, or not. */
  #crash(): void {
    this.counts.crashes++;
    if (this.#underWay !== undefined && this.#random() < 0.5) this.#apply(this.#underWay, undefined);
    this.#underWay = undefined;
    this.#reading = undefined;
    this.#goOn = [];
    for (const { number, answer } of this.#submits) this.#checkPromise(number, answer);
    for (const [job, letter] of this.#letters) {
      const { jobs } = this.#place;
      if (!jobs.has(job) && !jobs.has(letter) && !this.#over.has(letter))
        this.#complain(`${job} went on as ${letter} and was lost`);
    }
    // What is over and not recorded runs once more.
    for (const { number, state } of this.#place.jobs.values())
      if (state !== 'dead') this.#over.delete(number);
    this.#submits = this.#submits.filter(({ answer }) => answer === 'stored');
    this.#planned.crash(this.#place.settings);
    [this.#engine, this.#ledger] = this.#boot();
  }

  #commit(): void {
    if (this.#underWay === undefined) {
      this.#underWay = this.#ledger.take();
    } else {
      const taken = this.#underWay;
      this.#underWay = undefined;
      this.#settle(this.#engine, taken);
    }
  }

  /** A read begins, or ends, and sometimes fails; what comes is from its beginning or from its end. */
  #read(): void {
    const { parking } = this.#engine;
    if (this.#reading === undefined) {
      const numbers = parking?.take();
      if (numbers === undefined) return;
      this.#reading = { numbers, found: this.#random() < 0.5 ? this.#place.read(numbers) : undefined };
      return;
    }
    const { numbers, found = this.#place.read(numbers) } = this.#reading;
    this.#reading = undefined;
    if (this.#random() < 0.15) parking?.fail();
    else this.#deliver(found);
  }

  #deliver(found: readonly StoredJob[]): void {
    const lost = this.#engine.parking?.deliver(found);
    if (lost?.length !== 0) this.#complain(`${lost} were parked and are not in the store`);
    const waiting = this.#goOn;
    this.#goOn = [];
    for (const goOn of waiting) goOn();
    this.counts.recalled += waiting.length;
    this.#checkJobs(this.#engine);
  }

  /** Does something again when a parked job is back. */
  #recall(number: number, again: () => void): void {
    const { parking } = this.#engine;
    parking?.recall(number, {
      goOn: () => {
        if (this.#engine.parking === parking) this.#goOn.push(again);
      },
    });
  }

  #settle(engine: Engine, taken: LedgerBatch): Error | undefined {
    const refused = this.#random() < 0.15 ? FULL : undefined;
    this.#apply(taken, refused);
    engine.settle(taken, refused);
    this.#checkJobs(engine);
    return refused;
  }

  #apply({ batch }: LedgerBatch, refused: Error | undefined): void {
    this.#place.apply(
      refused === undefined ? batch : { ...batch, puts: [], changes: [], settings: new Map() },
    );
    for (const number of batch.dones) this.#overForGood.add(number);
    if (refused === undefined) this.counts.planned += this.#planned.stored(batch.puts);
  }

  // Clients

  #submit(): void {
    const dice = this.#random();
    const background = dice < 0.75;
    const client = this.#one(this.#clients);
    const uniqueId = this.#random() < 0.4 ? `u${Math.floor(this.#random() * 6)}` : '';
    const runAtMs =
      background && this.#random() < 0.15 ? this.#clock.wallMs + this.#random() * 4000 - 1000 : 0;
    this.#send(client, {
      ...{ functionName: this.#one(FUNCTIONS), uniqueId, workload: Buffer.from('x'), background, runAtMs },
      ...{ priority: runAtMs > 0 ? 1 : this.#one(PRIORITIES), reducer: undefined },
    });
  }

  #send(client: Peer, submission: Submission): void {
    if (!client.connected) return;
    const { background } = submission;
    const before = this.#engine.lastNumber;
    const job = this.#engine.submit(client, submission);
    if (typeof job === 'string') {
      if (job !== 'no-memory' || this.#engine.memoryBytes < this.#memory.maxMemoryBytes - 400)
        this.#complain(`a submit was refused: ${job}`);
      return;
    }
    if (typeof job === 'number') {
      if (!background) this.#recall(job, () => this.#send(client, submission));
      else this.#answer({ number: job, answer: 'none' }, 'stored');
      return;
    }
    if (job.number > before) this.#born(job, background);
    if (background) this.#answer({ number: job.number, answer: 'none' }, job.commit);
  }

  #born(job: Job, background: boolean): void {
    const handle = this.#engine.handleOf(job);
    if (this.#handles.has(handle)) this.#complain(`${handle} was given twice`);
    this.#handles.add(handle);
    if (background) this.#bornBackground.add(job.number);
  }

  #answer(submit: Submit, commit: Commit | 'stored' | undefined): void {
    this.#submits.push(submit);
    const { number } = submit;
    if (commit === undefined) {
      this.#complain(`${number} is in no commit`);
    } else if (commit === 'stored') {
      submit.answer = 'stored';
      this.#checkPromise(number, submit.answer);
    } else {
      commit.waiters.add({
        decided: () => {
          if (submit.answer !== 'none') this.#complain(`${number} was answered twice`);
          submit.answer = commit.outcome === 'stored' ? 'stored' : 'refused';
          this.counts[submit.answer]++;
          // What clients wait for goes on as a foreground job, which runs while a later submit makes it durable.
          if (submit.answer === 'refused') this.#bornBackground.delete(number);
          this.#checkPromise(number, submit.answer);
        },
      });
    }
  }

  #cancel(): void {
    const { number } = this.#submits.length > 0 ? this.#one(this.#submits) : { number: 0 };
    const handle = this.#engine.handlePrefix + number;
    const parked = this.#engine.parking?.find(handle) ?? 0;
    if (parked === 0) this.#engine.cancel(handle);
    else this.#recall(parked, () => this.#engine.cancel(handle));
  }

  // Workers

  #grab(): void {
    const job = this.#engine.grab(this.#one(this.#workers));
    if (job === undefined) return;
    const { number, background, fn, retries } = job;
    if (fn.name === 'mail' && retries >= ATTEMPTS) this.#complain(`${number} has too many attempts`);
    if (this.#engine.afterlife.dead?.get(number) !== undefined) this.#complain(`${number} is dead and runs`);
    if (this.#overForGood.has(number)) this.#complain(`${number} is over for good and ran again`);
    if (background && this.#bornBackground.has(number) && !this.#place.jobs.has(number))
      this.#complain(`${number} ran before it was durable`);
    if (job.uniqueId.includes('@') && !this.#place.jobs.has(number))
      this.#complain(`${job.uniqueId} ran before it was durable`);
    const earlier = this.#order.take(number);
    if (earlier !== undefined) this.#complain(`${number} ran before ${earlier}`);
    const attempts = this.#attempts.get(number) ?? 0;
    if (retries !== attempts) this.#complain(`${number} has lost ${attempts} workers, not ${retries}`);
  }

  #report(): void {
    const worker = this.#one(this.#workers);
    const job = worker.running.head;
    if (job === undefined) return;
    const handle = this.#engine.handleOf(job);
    this.counts.ran++;
    const dice = this.#random();
    if (dice < 0.6) this.#engine.reports.complete(worker, handle, Buffer.alloc(0));
    else if (dice < 0.75) this.#engine.reports.fail(worker, handle);
    else if (dice < 0.9) this.#engine.reports.exception(worker, handle, Buffer.from('why'));
    else this.#engine.reports.release(worker, handle, this.#random() * 1000, this.#random() < 0.5);
  }

  /** The place of a job that lives again may change until the store knows of it. */
  #queued(job: Job): void {
    if (this.#ledger?.owes(job) === true) return;
    this.#order.add(job, job.state === 'delayed' ? (job.alarm?.at ?? 0) : 0);
  }

  #moved({ number, commit }: Job): void {
    this.counts.moved++;
    const letter = this.#engine.lastNumber + 1;
    // Of one that is not stored yet nobody was told that it is kept.
    if (commit === 'stored') this.#letters.set(number, letter);
  }

  /** An administrator lets one dead job live again, or go. */
  #lookAfterDead(): void {
    const dead = [...(this.#engine.afterlife.dead?.values() ?? [])];
    if (dead.length > 0) this.#endDeath(this.#one(dead).number, this.#random() < 0.3);
  }

  #endDeath(number: number, mustGo = false): void {
    const { afterlife } = this.#engine;
    this.#letters.delete(number);
    if (!mustGo && afterlife.requeue(number, this.#place.jobs.get(number)?.payload)) {
      this.counts.revived++;
      this.#over.delete(number);
    } else {
      // Another job has its unique id, or nobody wants it any more.
      afterlife.delete(number);
      this.#over.add(number);
    }
  }

  #leave(): void {
    const peers = this.#random() < 0.5 ? this.#workers : this.#clients;
    this.#engine.disconnect(peers.shift() ?? this.#newClient(this.#engine));
    const isWorkers = peers === this.#workers;
    peers.push(isWorkers ? this.#newWorker(this.#engine) : this.#newClient(this.#engine));
  }

  #pass(ms: number): void {
    this.#clock.wallMs += ms;
    this.#clock.monotonic += ms;
    this.#engine.advance();
    this.#order.setTime(this.#clock.wallMs);
  }

  /** Somebody sets the wall clock, in either direction. */
  #setClock(): void {
    this.#clock.wallMs += Math.round((this.#random() - 0.5) * 20_000);
    this.#engine.advance();
  }

  // What must hold

  /** Whoever was told that a job is kept has it kept until it is over; whoever was refused is not surprised later. */
  #checkPromise(number: number, answer: Submit['answer']): void {
    const isKept = this.#place.jobs.has(number);
    if (answer === 'stored' && !isKept && !this.#over.has(number)) this.#complain(`${number} was lost`);
    const others = this.#submits.filter((submit) => submit.number === number && submit.answer !== 'refused');
    if (answer === 'refused' && isKept && others.length === 0)
      this.#complain(`${number} was refused and is kept`);
  }

  /** What is in memory is a background job if, and only if, the store has it or is about to. */
  #checkJobs(engine: Engine): void {
    for (const { number, background, commit } of engine.jobs()) {
      if (background !== (commit !== undefined))
        this.#complain(`${number} is neither background nor foreground`);
    }
    let total = 0;
    for (const fn of engine.functions()) total += fn.total;
    let parked = 0;
    for (const page of engine.pages()) {
      parked += page.parked.length;
      total -= page.parked.length + page.jobs.filter(({ state }) => state !== 'cancelled').length;
      for (const number of page.parked)
        if (!this.#place.jobs.has(number)) this.#complain(`${number} is parked and not in the store`);
    }
    if (total !== 0) this.#complain(`functions count ${total} jobs too many`);
    if (parked !== engine.parking?.count) this.#complain('parked jobs are miscounted');
    this.counts.parked += parked;
  }

  /** The disk is fine again, and workers run what is there: nothing may be left anywhere. */
  #end(): void {
    // Brings what was refused before along, too.
    this.#ledger.set('last', 'setting');
    this.#commitAll();
    // Runs that were refused are tried again after some seconds.
    for (let i = 0; i < 8; i++) {
      this.#pass(2000);
      this.#commitAll();
    }
    this.#planned.end(this.#engine, this.#clock.wallMs - 10_000, this.#memory.parkAboveBytes === undefined);
    this.#commitAll();
    for (const job of this.#engine.jobs()) {
      const stored = job.commit === 'stored' ? this.#place.jobs.get(job.number)?.attempts : job.retries;
      if (stored !== job.retries) this.#complain(`${job.number} has ${stored} attempts, not ${job.retries}`);
    }
    for (const { number, attempts } of this.#engine.afterlife.dead?.values() ?? []) {
      const stored = this.#place.jobs.get(number);
      if (stored?.state !== 'dead' || stored.attempts !== attempts)
        this.#complain(`${number} is not stored as dead`);
    }
    for (const peer of [...this.#clients, ...this.#workers]) this.#engine.disconnect(peer);
    this.#workers = [this.#newWorker(this.#engine)];
    // Longer than the clock may have gone back.
    this.#pass(60_000);
    while (
      this.#underWay !== undefined ||
      this.#ledger.hasWork ||
      this.#engine.jobCount + deadCount(this.#engine) > 0
    ) {
      for (const { number } of [...(this.#engine.afterlife.dead?.values() ?? [])]) this.#endDeath(number);
      const before = this.#engine.jobCount + Number(this.#ledger.hasWork);
      const taken = this.#underWay ?? this.#ledger.take();
      this.#underWay = undefined;
      if (taken !== undefined) {
        this.#apply(taken, undefined);
        this.#engine.settle(taken, undefined);
      }
      if (this.#reading === undefined) this.#read();
      if (this.#reading !== undefined) {
        const { numbers } = this.#reading;
        this.#reading = undefined;
        this.#deliver(this.#place.read(numbers));
      }
      for (let job = this.#engine.grab(this.#one(this.#workers)); job !== undefined; ) {
        this.#engine.reports.complete(this.#one(this.#workers), this.#engine.handleOf(job), Buffer.alloc(0));
        job = this.#engine.grab(this.#one(this.#workers));
      }
      if (taken === undefined && before === this.#engine.jobCount) {
        this.#complain('jobs are stuck');
        return;
      }
    }
    for (const { number, answer } of this.#submits) {
      if (answer === 'none') this.#complain(`${number} was never answered`);
      if (answer === 'stored' && !this.#over.has(number)) this.#complain(`${number} never ran`);
    }
    for (const fn of this.#engine.functions())
      if (fn.total !== 0) this.#complain(`${fn.name} counts ${fn.total}`);
    if (this.#place.jobs.size > 0) this.#complain(`${this.#place.jobs.size} jobs stayed in the store`);
    const { sizeBytes, memoryBytes } = this.#engine;
    if (sizeBytes !== 0 || memoryBytes !== 0)
      this.#complain(`${sizeBytes} and ${memoryBytes} bytes are left`);
  }

  #commitAll(): void {
    let taken = this.#underWay ?? this.#ledger.take();
    this.#underWay = undefined;
    for (; taken !== undefined; taken = this.#ledger.take()) {
      this.#apply(taken, undefined);
      this.#engine.settle(taken, undefined);
    }
  }

  #complain(problem: string): void {
    this.problems.push(problem);
  }

  #newClient(engine: Engine): Peer {
    return engine.connect(SILENT, '127.0.0.1', false);
  }

  #newWorker(engine: Engine): Peer {
    const peer = this.#newClient(engine);
    for (const name of [...FUNCTIONS, LETTERS]) engine.canDo(peer, name, 2000);
    return peer;
  }

  #one<T>(of: readonly T[]): T {
    const one = of[Math.floor(this.#random() * of.length)];
    if (one === undefined) throw new Error('there is none');
    return one;
  }
}

function deadCount({ afterlife }: Engine): number {
  return afterlife.dead?.size ?? 0;
}

async function* none(): AsyncGenerator<never, void, undefined> {}
