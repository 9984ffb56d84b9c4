import type { Priority } from '../../src/engine/job.ts';
import type { AttemptFailure } from '../../src/engine/retry-policy.ts';
import type { Fact } from './describe.ts';

/** The rules that a run is played with. */
export interface Rules {
  readonly jobRetries: number;
  readonly requeue: 'head' | 'tail';
  readonly workerWakeup: 'auto' | number;
  readonly wakeupLookMs: number;
  readonly noWorker: 'queue' | 'fail';
  readonly maxFunctions: number;
  readonly maxFunctionsPerConnection: number;
  readonly maxJobs: number;
  readonly maxQueueBytes: number;
  /** For the jobs of the function `f`; the others are as without. */
  readonly retry: RetryRule | undefined;
  readonly ttlMs: number | undefined;
  /** How many dead jobs are kept. */
  readonly maxDead: number | undefined;
  /** There is a store, and as many jobs as possible are there instead of in memory. The model does not know. */
  readonly parks: boolean;
}

/** What another attempt follows on, and how long after; every delay is the same. */
export interface RetryRule {
  readonly attempts: number;
  readonly delayMs: number;
  readonly on: readonly AttemptFailure[];
}

/** Where retries are tried out. */
export const RULED_FUNCTION = 'f';
export const MAX_DEAD_AGE_MS = 200_000;

/** What a submit says; payloads are byte strings here. */
export interface SubmitRequest {
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: string;
  readonly priority: Priority;
  readonly background: boolean;
  /** 0: now. */
  readonly runAtMs: number;
  readonly reducer: string | undefined;
}

export type WorkPacket = 'data' | 'warning' | 'status' | 'complete' | 'fail' | 'exception' | 'release';

export type Limits = readonly [high: number, normal: number, low: number];

/**
 * The job system, seen from outside. The model and the engine both are one; every answer is text, so that answers can
 * be compared. Peers are numbered from 1 in the order in which they connect.
 */
export interface JobSystem {
  connect(exceptions: boolean): number;
  disconnect(peer: number): void;
  setClientId(peer: number, id: string): void;
  wantExceptions(peer: number): void;
  wantStreaming(peer: number): void;
  canDo(peer: number, functionName: string, timeoutMs: number): string;
  cantDo(peer: number, functionName: string): void;
  resetAbilities(peer: number): void;
  preSleep(peer: number): void;
  grab(peer: number): string;
  submit(peer: number, request: SubmitRequest): string;
  work(peer: number, packet: WorkPacket, handle: string, text: string): string;
  cancel(handle: string): string;
  requeueDead(handle: string): string;
  deleteDead(handle: string): string;
  createFunction(name: string): string;
  dropFunction(name: string): string;
  setMaxQueue(name: string, limits: Limits): void;
  drain(): void;
  /** Time has passed: alarms that are due go off. */
  advance(): void;

  /** What peers and the observer heard since the last call, each in order. */
  takeEffects(): string[];
  /** Everything that is known of functions, jobs and peers. */
  describe(): Fact[];
}

/** The clock of a run, in whole milliseconds. */
export interface ModelClock {
  wallMs: number;
  monotonicMs: number;
}

/** What a job costs beside its payload and a client that waits for it, as the engine counts. */
export interface Costs {
  readonly jobBytes: number;
  readonly watcherBytes: number;
  /** What a dead job costs beside its texts and its payload. */
  readonly deadBytes: number;
}

export const UNIQUE_IDS = ['', '-', 'a', 'b', 'x'.repeat(64), 'x'.repeat(65)] as const;
