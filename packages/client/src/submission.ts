import type { ClosedError, Connection, NoServersError, ReplyHandler, UnsupportedError } from '@gearman/pool';
import type { FunctionName, Packet, UniqueId } from '@gearman/protocol';
import type { Attempts } from './attempts.ts';
import type { OverflowError } from './collection-errors.ts';
import type { JobSettings } from './job-settings.ts';
import type { Priority } from './options.ts';

const FOREGROUND = { high: 'SUBMIT_JOB_HIGH', normal: 'SUBMIT_JOB', low: 'SUBMIT_JOB_LOW' } as const;
const BACKGROUND = {
  high: 'SUBMIT_JOB_HIGH_BG',
  normal: 'SUBMIT_JOB_BG',
  low: 'SUBMIT_JOB_LOW_BG',
} as const;

/** The packets that submit a job. */
export type SubmitPacket = Packet<
  | (typeof FOREGROUND)[keyof typeof FOREGROUND]
  | (typeof BACKGROUND)[keyof typeof BACKGROUND]
  | 'SUBMIT_JOB_EPOCH'
  | 'SUBMIT_JOB_SCHED'
  | 'SUBMIT_SCHEDULE'
  | 'SUBMIT_REDUCE_JOB'
  | 'SUBMIT_REDUCE_JOB_BACKGROUND'
  | 'SUBMIT_JOB_WITH'
>;

/** What a server answers that has a job for a submit; JOB_MERGED: that of an earlier one. */
export type CreatedPacket = Packet<'JOB_CREATED' | 'JOB_MERGED'>;

/** The packet that submits a job. */
export function submitPacket(
  background: boolean,
  priority: Priority,
  functionName: FunctionName,
  uniqueId: UniqueId,
  workload: Uint8Array,
): SubmitPacket {
  const type = (background ? BACKGROUND : FOREGROUND)[priority];
  return { type, magic: 'REQ', functionName, uniqueId, workload };
}

/** What sending needs of {@link Attempts}. */
export type SendableAttempts = Pick<Attempts, 'begin' | 'current' | 'packet' | 'server' | 'within'>;

/** A job on its way to a server, as the dispatcher sees it. It ends with a call of `Dispatcher.settle()`. */
export interface Submission extends ReplyHandler<CreatedPacket> {
  /** What to send. Forgotten once it was sent: a payload may be large. */
  packet: SubmitPacket | undefined;
  readonly settings: JobSettings;
  /** For a job that may be tried more than once. */
  readonly attempts: SendableAttempts | undefined;
  /** When {@link onDeadline} is due, on the clock's monotonic scale. */
  deadlineMs: number;
  /** The packet was handed to this connection. */
  onSent(connection: Connection): void;
  onDeadline(): void;
  onAbort(reason: unknown): void;
  /** No server will ever take it, or it is one too many. */
  onUnsendable(error: NoServersError | OverflowError | ClosedError | UnsupportedError): void;
  /** The client closes. Whoever can still hope for an answer may stay a little. */
  onClosing(error: ClosedError): void;
  /** The client is closed, or its pool: now it must end. */
  onClosed(error: ClosedError): void;
}
