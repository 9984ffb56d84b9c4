import type { Clock, Logger } from '@gearman/events';
import type { DeadLetters } from '../dead-letters.ts';
import type { Engine } from '../engine/engine.ts';
import type { CheckedLimits } from '../limits.ts';
import type { LogLevel } from '../options.ts';
import type { ResultDesk } from '../result-desk.ts';
import type { Spool } from '../spool/spool.ts';
import type { StoredJob } from '../store/store.ts';
import type { Congestion } from './congestion.ts';
import type { InputBudget } from './input-budget.ts';
import type { LimitLog, LimitName } from './limit-log.ts';
import type { OutputPool } from './output-pool.ts';
import type { ProgressWatch } from './progress-watch.ts';
import type { RefusalLog } from './refusal-log.ts';
import type { Session } from './session.ts';
import type { Turn } from './turn.ts';

/** What the sessions of one server share. */
export interface ServerContext {
  readonly engine: Engine;
  readonly deadLetters: DeadLetters;
  readonly results: ResultDesk;
  readonly turn: Turn;
  readonly watch: ProgressWatch;
  readonly congestion: Congestion;
  readonly input: InputBudget;
  /** Where large payloads go; undefined for into memory. */
  readonly spool: Spool | undefined;
  readonly output: OutputPool;
  readonly limits: CheckedLimits;
  readonly limitLog: LimitLog;
  /** Payloads in files that cannot be read. */
  readonly payloadLog: RefusalLog;
  readonly exceptions: boolean;
  readonly logLevel: LogLevel;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jobs as the store has them, which are parked; see `JobStore.read`. */
  readStored(numbers: readonly number[]): Promise<readonly StoredJob[]>;
  /** A peer broke a rule, or a limit. */
  peerError(session: Session, message: string, limit?: LimitName): void;
  /** The session is over. */
  closed(session: Session, reason: string): void;
}
