import type { DeadLimits } from './dead-set.ts';
import type { RulesOf } from './job-policy.ts';
import type { EngineClock } from './job-timers.ts';
import type { Ledger } from './ledger.ts';
import type { EngineObserver } from './observer.ts';
import type { WakeUpMode } from './wake-ups.ts';

/** The rules of the engine that can be chosen. */
export interface EngineOptions {
  readonly clock: EngineClock;
  /** What every handle begins with; must differ from every earlier server's. */
  readonly handlePrefix: string;
  readonly jobRetries: number;
  readonly requeue: 'head' | 'tail';
  readonly workerWakeup: WakeUpMode;
  readonly wakeupLookMs: number;
  /** What becomes of a foreground job that no worker could run. */
  readonly noWorker: 'queue' | 'fail';
  readonly maxFunctions: number;
  readonly maxFunctionsPerConnection: number;
  readonly maxJobs: number;
  readonly maxQueueBytes: number;
  /** What jobs may take in memory, however many there are. */
  readonly maxMemoryBytes: number;
  /** When they take more than this, some are parked; five eighths of `maxMemoryBytes` if it is not said. */
  readonly parkAboveBytes?: number | undefined;
  readonly maxSchedules: number;
  readonly maxScheduleBytes: number;
  /** The zone of schedules that name none; undefined: that of the process. */
  readonly timeZone?: string | undefined;
  readonly observer?: EngineObserver | undefined;
  /** Where it is written what has to be durable. Without, jobs are in memory only. */
  readonly ledger?: Ledger | undefined;
  /** What is said of the jobs of a function beyond the protocol. */
  readonly rulesOf?: RulesOf | undefined;
  /** How many background jobs that have failed for good are kept; undefined: none. */
  readonly dead?: DeadLimits | undefined;
  /** Memory of all results that are kept. */
  readonly maxResultBytes?: number | undefined;
  /** Jobs that stand for further submits; see `JobRules.dedup`. */
  readonly maxDedupIds?: number | undefined;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
}
