import { decodeOptions, type Packet } from '@gearman/protocol';

/** What a dead letter was, and why it died: see `deadLetterTo` of the server. */
export interface DeadLetter {
  /** The function of which it was a job. */
  readonly functionName: string;
  /** Its handle there. */
  readonly handle: string;
  /** How its last attempt came to nothing: `fail`, `exception`, `timeout`, `worker-lost`, … */
  readonly reason: string;
  /** What its worker said of that; the beginning of it if it is long. */
  readonly detail: string;
  readonly attempts: number;
}

/** Which run of a job this is. */
export interface Attempt {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly deadline: Date | undefined;
  readonly deadLetter: DeadLetter | undefined;
}

const ONLY: Attempt = { attempt: 1, maxAttempts: 1, deadline: undefined, deadLetter: undefined };

/** What a server says about the attempt. What it does not say, or says in another form, is as without. */
export function readAttempt(packet: Packet<'JOB_ASSIGN_WITH'> | undefined): Attempt {
  if (packet === undefined) return ONLY;
  const options: Readonly<Record<string, unknown>> = { ...decodeOptions(packet.options) };
  const { attempt, maxAttempts, deadlineMs, deadLetter } = options;
  return {
    attempt: typeof attempt === 'number' ? attempt : 1,
    maxAttempts: typeof maxAttempts === 'number' ? maxAttempts : 1,
    deadline: typeof deadlineMs === 'number' ? new Date(deadlineMs) : undefined,
    deadLetter: isDeadLetter(deadLetter) ? deadLetter : undefined,
  };
}

function isDeadLetter(value: unknown): value is DeadLetter {
  if (typeof value !== 'object' || value === null) return false;
  const { functionName, handle, reason, detail, attempts } = value as Partial<
    Record<keyof DeadLetter, unknown>
  >;
  const texts = [functionName, handle, reason, detail];
  return texts.every((text) => typeof text === 'string') && typeof attempts === 'number';
}
