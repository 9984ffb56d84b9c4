import {
  type AnswerKind,
  endsAnswer,
  type GearmanError,
  type Packet,
  ProtocolError,
  type RequestType,
  type ResponseType,
} from '@gearman/protocol';

const JOB_CREATED = ['JOB_CREATED'] as const;

/** Which packets answer which request. Requests that are not here are not answered. */
export const REPLIES = {
  ECHO_REQ: ['ECHO_RES'],
  OPTION_REQ: ['OPTION_RES'],
  GET_STATUS: ['STATUS_RES'],
  GET_STATUS_UNIQUE: ['STATUS_RES_UNIQUE'],
  GRAB_JOB: ['JOB_ASSIGN', 'JOB_ASSIGN_WITH', 'NO_JOB'],
  GRAB_JOB_UNIQ: ['JOB_ASSIGN_UNIQ', 'JOB_ASSIGN_WITH', 'NO_JOB'],
  GRAB_JOB_ALL: ['JOB_ASSIGN_ALL', 'JOB_ASSIGN_UNIQ', 'JOB_ASSIGN_WITH', 'NO_JOB'],
  SUBMIT_JOB: JOB_CREATED,
  SUBMIT_JOB_BG: JOB_CREATED,
  SUBMIT_JOB_HIGH: JOB_CREATED,
  SUBMIT_JOB_HIGH_BG: JOB_CREATED,
  SUBMIT_JOB_LOW: JOB_CREATED,
  SUBMIT_JOB_LOW_BG: JOB_CREATED,
  SUBMIT_JOB_SCHED: JOB_CREATED,
  SUBMIT_SCHEDULE: JOB_CREATED,
  SUBMIT_JOB_EPOCH: JOB_CREATED,
  SUBMIT_REDUCE_JOB: JOB_CREATED,
  SUBMIT_REDUCE_JOB_BACKGROUND: JOB_CREATED,
  SUBMIT_JOB_WITH: ['JOB_CREATED', 'JOB_MERGED'],
} as const satisfies Partial<Record<RequestType, readonly ResponseType[]>>;

/** A request that is answered. */
export type AnsweredRequest = keyof typeof REPLIES;
/** The packet that answers it, when it is not an ERROR. */
export type ReplyTo<T extends AnsweredRequest> = Packet<(typeof REPLIES)[T][number]>;

/** Hears the answer to one request: exactly one of the two calls, once. Neither may throw. */
export interface ReplyHandler<P> {
  /** The bytes in the packet are valid during the call only. */
  onReply(packet: P): void;
  /** An ERROR packet, a lost connection or a reply that came too late. */
  onReplyError(error: GearmanError): void;
}

/**
 * How the answer to a text command ends: as the {@link AnswerKind} says, or `fenced`, at the answer to an ECHO_REQ that
 * was sent right behind the command. Only a `list` comes without its last line, the full stop.
 */
export type CommandAnswer = AnswerKind | 'fenced';

/** Hears the answer to one text command: exactly one of the two calls, once. Neither may throw. */
export interface LinesHandler {
  onLines(lines: string[]): void;
  onReplyError(error: GearmanError): void;
}

interface PacketEntry {
  readonly kind: 'packet';
  readonly request: AnsweredRequest;
  readonly expects: readonly ResponseType[];
  /** Undefined once the caller stopped waiting; the entry stays, so that the answers keep their order. */
  handler: ReplyHandler<never> | undefined;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}

interface LinesEntry {
  readonly kind: 'lines';
  readonly request: string;
  readonly answer: CommandAnswer;
  readonly lines: string[];
  handler: LinesHandler | undefined;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}

type ErrorHandler = Pick<LinesHandler, 'onReplyError'>;

/** One request that waits for its answer. */
export type PendingReply = PacketEntry | LinesEntry;

/**
 * The requests of one connection that wait for their answers, oldest first.
 *
 * Answers carry no number, so order is all there is: whatever answers comes to the oldest request.
 *
 * @see gearmand `PROTOCOL`: requests of one connection are answered in their order
 */
export class ReplyQueue {
  #entries: (PendingReply | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  push(entry: PendingReply): void {
    this.#entries.push(entry);
  }

  /** Gives an answer packet to the oldest request. Returns what is wrong when it does not fit. */
  deliver(packet: Packet): ProtocolError | undefined {
    const entry = this.#peek();
    if (entry?.kind === 'lines' && entry.answer === 'fenced' && packet.type === 'ECHO_RES') {
      this.#shift();
      entry.handler?.onLines(entry.lines);
      return undefined;
    }
    if (entry?.kind !== 'packet' || !(entry.expects as readonly string[]).includes(packet.type)) {
      return unexpected(packet.type, entry);
    }
    this.#shift();
    // push() paired this handler with a request that this packet type answers.
    const handler: ReplyHandler<Packet> | undefined = entry.handler;
    handler?.onReply(packet);
    return undefined;
  }

  /** Gives a line to the oldest request, which must be a text command. */
  deliverLine(line: string): ProtocolError | undefined {
    const entry = this.#peek();
    if (entry?.kind !== 'lines') return unexpected('a text line', entry);
    const { answer, handler } = entry;
    const last = answer !== 'fenced' && endsAnswer(answer, line);
    // Nobody will read them once the caller stopped waiting.
    if (handler !== undefined && !(answer === 'list' && line === '.')) entry.lines.push(line);
    if (last) {
      this.#shift();
      handler?.onLines(entry.lines);
    }
    return undefined;
  }

  /** Fails the oldest request. False when nothing waits that an ERROR packet could answer: it is not for a command. */
  failOldest(error: GearmanError): boolean {
    const entry = this.#peek();
    if (entry?.kind !== 'packet') return false;
    this.#shift();
    entry.handler?.onReplyError(error);
    return true;
  }

  /** Fails everything that waits. */
  failAll(error: GearmanError): void {
    const entries = this.#entries.slice(this.#head);
    this.#entries = [];
    this.#head = 0;
    for (const entry of entries) settle(entry, error);
  }

  /** Fails the requests whose deadline has passed; their entries stay for the order. Returns the next deadline. */
  expire(nowMs: number, errorFor: (entry: PendingReply) => GearmanError): number {
    let next = Number.POSITIVE_INFINITY;
    const late: { readonly handler: ErrorHandler; readonly entry: PendingReply }[] = [];
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry?.handler === undefined) continue;
      if (entry.deadlineMs > nowMs) {
        next = Math.min(next, entry.deadlineMs);
        continue;
      }
      late.push({ handler: entry.handler, entry });
      // Before any handler runs: one of them may drop the connection, which fails all that still have theirs.
      entry.handler = undefined;
    }
    for (const { handler, entry } of late) handler.onReplyError(errorFor(entry));
    return this.length === 0 ? Number.POSITIVE_INFINITY : next;
  }

  #peek(): PendingReply | undefined {
    return this.#entries[this.#head];
  }

  #shift(): void {
    this.#entries[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

function settle(entry: PendingReply | undefined, error: GearmanError): void {
  const handler = entry?.handler;
  if (entry === undefined || handler === undefined) return;
  entry.handler = undefined;
  handler.onReplyError(error);
}

function unexpected(what: string, entry: PendingReply | undefined): ProtocolError {
  const waiting = entry === undefined ? 'nothing was asked' : `${entry.request} waits for its answer`;
  return new ProtocolError(`the server sent ${what} while ${waiting}`);
}
