import type { Clock, Logger } from '@gearman/events';
import type { Engine } from '../engine/engine.ts';
import type { CheckedLimits, LogLevel } from '../options.ts';
import type { ProgressWatch } from './progress-watch.ts';
import type { Session } from './session.ts';
import type { Turn } from './turn.ts';

/** What the sessions of one server share. */
export interface ServerContext {
  readonly engine: Engine;
  readonly turn: Turn;
  readonly watch: ProgressWatch;
  readonly limits: CheckedLimits;
  readonly exceptions: boolean;
  readonly logLevel: LogLevel;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A peer broke a rule or a limit. */
  peerError(session: Session, message: string): void;
  /** The session is over. */
  closed(session: Session, reason: string): void;
}
