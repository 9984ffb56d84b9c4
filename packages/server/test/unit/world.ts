import { latin1Slice } from '@gearman/protocol';
import type { OwnDedupRules } from '../../src/engine/dedup.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { HIGH, type Job, LOW, NORMAL, type Priority } from '../../src/engine/job.ts';
import type { OwnRules } from '../../src/engine/job-policy.ts';
import type { EngineClock } from '../../src/engine/job-timers.ts';
import { payloadBytes } from '../../src/engine/payload.ts';
import type { Peer, PeerPort } from '../../src/engine/peer.ts';

/** A clock that stands still until it is told otherwise. The two times differ, so that nobody mixes them up. */
export class StillClock implements EngineClock {
  wallMs = 1_700_000_000_000;
  monotonic = 5000;

  now(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.monotonic;
  }
}

const LETTERS: Readonly<Record<string, Priority>> = { high: HIGH, normal: NORMAL, low: LOW };

export interface SubmitWish {
  readonly unique?: string;
  readonly payload?: string;
  readonly priority?: 'high' | 'normal' | 'low';
  readonly background?: boolean;
  /** Not before this many seconds from now. */
  readonly inSeconds?: number;
  readonly reducer?: string;
  /** What it says beyond the protocol. */
  readonly rules?: OwnRules;
  readonly dedup?: OwnDedupRules;
}

/** A connection that writes down what it is told, one short line each. */
export class TestPeer implements PeerPort {
  readonly #world: World;
  readonly peer: Peer;
  #heard: string[] = [];

  constructor(world: World, exceptions: boolean) {
    this.#world = world;
    this.peer = world.engine.connect(this, '127.0.0.1', exceptions);
  }

  /** What it was told since the last call. */
  get heard(): string[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  noop(): void {
    this.#heard.push('noop');
  }

  data(handle: string, data: Uint8Array): void {
    this.#heard.push(`data ${this.#short(handle)} ${latin1Slice(data, 0)}`);
  }

  warning(handle: string, data: Uint8Array): void {
    this.#heard.push(`warning ${this.#short(handle)} ${latin1Slice(data, 0)}`);
  }

  status(handle: string, numerator: string, denominator: string): void {
    this.#heard.push(`status ${this.#short(handle)} ${numerator}/${denominator}`);
  }

  complete(handle: string, data: Uint8Array): void {
    this.#heard.push(`complete ${this.#short(handle)} ${latin1Slice(data, 0)}`);
  }

  fail(handle: string): void {
    this.#heard.push(`fail ${this.#short(handle)}`);
  }

  exception(handle: string, data: Uint8Array): void {
    this.#heard.push(`exception ${this.#short(handle)} ${latin1Slice(data, 0)}`);
  }

  settled(): void {
    this.#heard.push('settled');
  }

  // As a client

  /** @returns the number of the job, or why there is none */
  submit(functionName: string, wish: SubmitWish = {}): number | string {
    const { inSeconds } = wish;
    const job = this.#world.engine.submit(this.peer, {
      functionName,
      uniqueId: wish.unique ?? '',
      workload: Buffer.from(wish.payload ?? 'x', 'latin1'),
      priority: LETTERS[wish.priority ?? 'normal'] ?? NORMAL,
      background: wish.background ?? inSeconds !== undefined,
      runAtMs: inSeconds === undefined ? 0 : this.#world.clock.wallMs + inSeconds * 1000,
      reducer: wish.reducer,
      rules: wish.rules,
      dedup: wish.dedup,
    });
    if (typeof job === 'object' && job.state === 'ended' && wish.background !== true)
      this.#world.engine.results.tell(this, job.number, this.#world.handle(job.number));
    return typeof job === 'object' ? job.number : job;
  }

  background(functionName: string, wish: SubmitWish = {}): number | string {
    return this.submit(functionName, { ...wish, background: true });
  }

  // As a worker

  canDo(...functionNames: readonly string[]): this {
    for (const name of functionNames) this.#world.engine.canDo(this.peer, name, 0);
    return this;
  }

  canDoFor(functionName: string, timeoutMs: number): this {
    this.#world.engine.canDo(this.peer, functionName, timeoutMs);
    return this;
  }

  cantDo(functionName: string): void {
    this.#world.engine.cantDo(this.peer, functionName);
  }

  resetAbilities(): void {
    this.#world.engine.resetAbilities(this.peer);
  }

  sleep(): this {
    this.#world.engine.preSleep(this.peer);
    return this;
  }

  /** @returns the number of the job, or undefined for NO_JOB */
  grab(): number | undefined {
    return this.grabJob()?.number;
  }

  grabJob(): Job | undefined {
    return this.#world.engine.grab(this.peer);
  }

  /** Grabs until nothing is left, `function:payload` each. */
  drain(): string[] {
    const seen: string[] = [];
    for (let job = this.grabJob(); job !== undefined; job = this.grabJob()) {
      seen.push(`${job.fn.name}:${latin1Slice(payloadBytes(job.payload), 0)}`);
    }
    return seen;
  }

  workData(job: number, data = ''): boolean {
    return this.#world.engine.reports.data(this.peer, this.#world.handle(job), Buffer.from(data));
  }

  workWarning(job: number, data = ''): boolean {
    return this.#world.engine.reports.warning(this.peer, this.#world.handle(job), Buffer.from(data));
  }

  workStatus(job: number, numerator: string, denominator: string): boolean {
    return this.#world.engine.reports.status(this.peer, this.#world.handle(job), numerator, denominator);
  }

  finish(job: number, result = ''): boolean {
    return this.#world.engine.reports.complete(this.peer, this.#world.handle(job), Buffer.from(result));
  }

  giveUp(job: number): boolean {
    return this.#world.engine.reports.fail(this.peer, this.#world.handle(job));
  }

  throwException(job: number, data = ''): boolean {
    return this.#world.engine.reports.exception(this.peer, this.#world.handle(job), Buffer.from(data));
  }

  release(job: number, delayMs: number, counts: boolean): boolean {
    return this.#world.engine.reports.release(this.peer, this.#world.handle(job), delayMs, counts);
  }

  disconnect(): void {
    this.#world.engine.disconnect(this.peer);
  }

  #short(handle: string): string {
    return handle.replace(HANDLE_PREFIX, '');
  }
}

const HANDLE_PREFIX = 'H:test:boot-';

/** An engine on a clock that stands still, and the ways tests talk to it. */
export class World {
  readonly clock = new StillClock();
  readonly engine: Engine;

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine({
      clock: this.clock,
      handlePrefix: HANDLE_PREFIX,
      jobRetries: -1,
      requeue: 'tail',
      workerWakeup: 0,
      wakeupLookMs: 100,
      noWorker: 'queue',
      maxFunctions: 1000,
      maxFunctionsPerConnection: 100,
      maxJobs: 1e6,
      maxQueueBytes: 1e9,
      maxSchedules: 100,
      maxScheduleBytes: 1000,
      timeZone: 'UTC',
      maxMemoryBytes: 1e9,
      ...options,
    });
  }

  peer(exceptions = false): TestPeer {
    return new TestPeer(this, exceptions);
  }

  handle(job: number): string {
    return HANDLE_PREFIX + job;
  }

  /** Time passes, and what becomes due on the way happens when it is due. */
  pass(ms: number): void {
    let left = ms;
    for (;;) {
      const delay = this.engine.nextDelayMs();
      if (delay === undefined || delay > left) break;
      this.#tick(delay);
      left -= delay;
      this.engine.advance();
    }
    this.#tick(left);
  }

  /** `known running numerator/denominator`, as STATUS_RES says it. */
  status(job: number | string): string {
    const found = this.engine.find(this.handle(Number(job)));
    return found === undefined ? 'unknown' : describe(found);
  }

  statusUnique(unique: string): string {
    const found = this.engine.findUnique(unique);
    return found === undefined ? 'unknown' : `${describe(found)} clients ${found.watcherCount}`;
  }

  /** `function total running workers`, as the text command `status` says it. */
  counts(): string[] {
    return [...this.engine.functions()].map(
      (fn) => `${fn.name} ${fn.total} ${fn.running} ${fn.registrationCount}`,
    );
  }

  #tick(ms: number): void {
    this.clock.monotonic += ms;
    this.clock.wallMs += ms;
  }
}

function describe(job: Job): string {
  return `${job.state} ${job.numerator}/${job.denominator}`;
}
