import type { LimitCounters } from './net/limit-log.ts';
import type { JobCounters } from './server-observer.ts';
import type { StoreStats } from './store/durability.ts';

/** What a server is doing, at one moment. */
export interface ServerStats {
  readonly connections: number;
  readonly functions: number;
  /** Jobs that have not ended. */
  readonly jobs: number;
  readonly runningJobs: number;
  readonly schedules: number;
  readonly sleepingWorkers: number;
  /** Results of jobs that are over, kept for those who ask. */
  readonly keptResults: number;
  /** How many of them had to go before their time since the start. */
  readonly droppedResults: number;
  /** Background jobs that failed for good and are kept. */
  readonly deadJobs: number;
  /** How many of them had to go since the start, because they were too old or too many. */
  readonly droppedDeadJobs: number;
  /** Submits that stand for later ones with the same id. */
  readonly dedupIds: number;
  /** What all jobs would take in memory, about. */
  readonly queueBytes: number;
  /** What they do take, about; less than `queueBytes` when some are parked. */
  readonly memoryBytes: number;
  /** Jobs that are in the store and of which only an index entry is in memory; see `limits.maxMemoryBytes`. */
  readonly parkedJobs: number;
  /** Bytes of messages that have not come whole yet. */
  readonly inputBytes: number;
  /** Bytes that peers have not read yet. */
  readonly outputBytes: number;
  /** Bytes of large payloads in files; see the option `spool`. */
  readonly spoolBytes: number;
  /** Peers since the start that did not get through the TLS handshake. */
  readonly failedHandshakes: number;
  /** Counts since the start. */
  readonly counters: Readonly<JobCounters>;
  /** How often each limit was reached since the start; at `outboxSoftBytes`, how often a worker had to wait. */
  readonly limits: Readonly<LimitCounters>;
  /** Undefined without a store. */
  readonly store: StoreStats | undefined;
}
