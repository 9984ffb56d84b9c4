import { HEADER_BYTES, type StreamMessage, StreamParser } from '@gearman/protocol';
import type { PayloadFile } from '../engine/payload-file.ts';
import { SUBMIT_TYPES } from '../handlers/submit.ts';
import type { Spool } from '../spool/spool.ts';
import { BodyIntake, type BodyIntakeOwner } from './body-intake.ts';
import type { InputHolder } from './input-budget.ts';
import type { Watched } from './progress-watch.ts';
import type { ServerContext } from './server-context.ts';
import type { Transport } from './transport.ts';
import { STEPS_PER_PACKET } from './turn.ts';

/** Whose messages an inbox reads. */
export interface InboxOwner extends Watched {
  /** False while no message may be handled. */
  readonly ready: boolean;
  /** @returns false when the message has to wait; it comes again */
  handle(message: StreamMessage): boolean;
  /** Others have their turn; `inbox.goOn()` is to be called in the next. */
  goOnNextTurn(): void;
}

/** Messages that are made of bytes at a time: they take more memory than the bytes. */
const MESSAGES_AT_A_TIME = 256;
const NO_MESSAGES: readonly StreamMessage[] = [];

/** The messages of one peer, in order. While they may not be handled, the peer's bytes are not read either. */
export class Inbox implements InputHolder, BodyIntakeOwner {
  readonly #context: ServerContext;
  readonly #transport: Transport;
  readonly #owner: InboxOwner;
  readonly #parser: StreamParser;
  /** Bytes that came and no message was made of yet, from an offset on. */
  #chunk: Uint8Array | undefined;
  #chunkAt = 0;
  #hasCompleted = false;
  /** The large payload that is coming. */
  #intake: BodyIntake | undefined;
  /** The one of the message that comes next, or why it could not be kept. */
  #payload: PayloadFile | Error | undefined;
  /** Messages that wait, and how many of them are done. */
  #messages: readonly StreamMessage[] = NO_MESSAGES;
  #handled = 0;
  /** Steps that it took beyond what it was allowed, to be made up for in later turns. */
  #owedSteps = 0;
  #isCutShort = false;
  #busy = false;
  /** Why reading is paused: messages wait, or there is no memory for a larger part of one. */
  #blocked = false;
  #shortOfMemory = false;
  #paused = false;
  /** How much of an unfinished message is in memory, since when, and since when it has not come further. */
  #heldBytes = 0;
  #begunAt: number | undefined;
  #messageSince: number | undefined;
  #heard = false;

  constructor(context: ServerContext, transport: Transport, owner: InboxOwner) {
    this.#context = context;
    this.#transport = transport;
    this.#owner = owner;
    const { maxPacketBytes, maxLineBytes } = context.limits;
    const { spool } = context;
    const handOver =
      spool === undefined ? undefined : { types: SUBMIT_TYPES, fromBytes: spool.thresholdBytes };
    this.#parser = new StreamParser({ maxPacketBytes, maxLineBytes, handOver });
  }

  /** True when no message waits. */
  get empty(): boolean {
    return this.#messages.length === 0 && this.#chunk === undefined && this.#intake?.hasAll !== true;
  }

  /** The payload of the message that is being handled, or why it could not be kept; undefined if it is in the message. */
  get payload(): PayloadFile | Error | undefined {
    return this.#payload;
  }

  /** True while an unfinished message has a time limit. */
  get watched(): boolean {
    return this.#messageSince !== undefined;
  }

  /** True when something has come since the last call. */
  takeHeard(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }

  read(chunk: Uint8Array): void {
    this.#heard = true;
    // What was on its way when reading was paused.
    const rest = this.#chunk?.subarray(this.#chunkAt);
    this.#chunk = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    this.#chunkAt = 0;
    this.goOn();
  }

  /** Handles what may be handled. */
  goOn(): void {
    // A handler that is done at once with what would have blocked the others.
    if (this.#busy) return;
    this.#busy = true;
    this.#blocked = !this.#handleAll();
    this.#busy = false;
    this.#pauseOrResume();
  }

  goOnReading(): void {
    this.#shortOfMemory = false;
    this.#pauseOrResume();
  }

  intakeProgressed(): void {
    const intake = this.#intake;
    if (intake === undefined) return;
    this.#watchIntake(intake);
    if (this.#paused || intake.hasAll) this.#owner.goOnNextTurn();
  }

  /** Forgets everything: the peer is gone. */
  drop(): void {
    this.#chunk = undefined;
    this.#messages = NO_MESSAGES;
    this.#handled = 0;
    this.#messageSince = undefined;
    this.#intake?.drop();
    this.#intake = undefined;
    this.#payload = undefined;
    if (this.#heldBytes > 0) this.#context.input.shrink(this, this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** For how long an unfinished message has not come further, in milliseconds; when memory is short, in all. */
  lateMs(now: number): number {
    const holdsUpOthers =
      this.#intake === undefined
        ? this.#context.input.short && this.#heldBytes > HEADER_BYTES
        : this.#intake.holdsUpOthers;
    if (holdsUpOthers && this.#begunAt !== undefined) return now - this.#begunAt;
    return this.#messageSince === undefined || this.#paused ? 0 : now - this.#messageSince;
  }

  /** Handles everything that is here. @returns false when something has to wait */
  #handleAll(): boolean {
    const { engine, turn } = this.#context;
    const allowance = turn.allowance(this.#isCutShort);
    const owedSteps = this.#owedSteps;
    const stepsBefore = engine.steps;
    let ownSteps = 0;
    let steps = 0;
    let message = this.#next();
    while (message !== undefined && owedSteps + steps < allowance && this.#owner.ready) {
      if (!this.#owner.handle(message)) break;
      this.#handled++;
      if (this.#payload !== undefined) this.#dropIntake();
      ownSteps += STEPS_PER_PACKET;
      steps = ownSteps + engine.steps - stepsBefore;
      message = this.#next();
    }
    this.#owedSteps = Math.max(0, owedSteps + steps - allowance);
    this.#isCutShort = message !== undefined && owedSteps + steps >= allowance;
    if (this.#isCutShort) this.#owner.goOnNextTurn();
    turn.spend(steps, this.#isCutShort);
    return message === undefined;
  }

  /** The message that comes next, made of what has come if need be. */
  #next(): StreamMessage | undefined {
    return this.#messages[this.#handled] ?? this.#parse();
  }

  #parse(): StreamMessage | undefined {
    this.#messages = NO_MESSAGES;
    this.#handled = 0;
    if (this.#intake !== undefined) return this.#takeIn(this.#intake);
    const chunk = this.#chunk;
    if (chunk === undefined) return undefined;
    const messages: StreamMessage[] = [];
    this.#chunkAt = this.#parser.pushSome(chunk, this.#chunkAt, messages, MESSAGES_AT_A_TIME);
    this.#hasCompleted ||= messages.length > 0;
    if (this.#context.spool !== undefined) this.#beginIntake(this.#context.spool);
    if (this.#chunkAt === chunk.length) {
      this.#chunk = undefined;
      if (this.#intake === undefined) this.#watchMessage(this.#hasCompleted);
      else this.#watchIntake(this.#intake);
      this.#hasCompleted = false;
    }
    this.#messages = messages;
    // With an intake there may be more to be had of the chunk.
    return messages[0] ?? (this.#intake === undefined ? undefined : this.#parse());
  }

  #beginIntake(spool: Spool): void {
    const head = this.#parser.takeOver();
    if (head !== undefined) this.#intake = new BodyIntake(head, spool, this);
  }

  /** The message of the large packet, when it is whole. */
  #takeIn(intake: BodyIntake): StreamMessage | undefined {
    const chunk = this.#chunk;
    if (chunk !== undefined && !intake.hasAll) {
      const before = this.#chunkAt;
      this.#chunkAt = intake.take(chunk, before);
      if (this.#chunkAt > before) this.#watchIntake(intake);
      if (this.#chunkAt === chunk.length) this.#chunk = undefined;
    }
    const { message } = intake;
    if (message === undefined) return undefined;
    this.#payload = intake.payload;
    if (this.#payload === undefined) this.#dropIntake();
    this.#messages = [message];
    return message;
  }

  #dropIntake(): void {
    this.#intake?.drop();
    this.#intake = undefined;
    this.#payload = undefined;
    this.#hold(0);
  }

  #pauseOrResume(): void {
    const intake = this.#intake;
    const waits = intake !== undefined && (intake.isHeldUp || intake.hasAll);
    const pause = this.#blocked || this.#shortOfMemory || waits;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) {
      this.#transport.pause();
      return;
    }
    // The time in which nothing was read does not count.
    if (this.#messageSince !== undefined) this.#messageSince = this.#context.clock.monotonicMs();
    this.#transport.resume();
  }

  /** As {@link #watchMessage}: the peer has sent some of a large packet. */
  #watchIntake(intake: BodyIntake): void {
    if (intake.hasAll) {
      this.#messageSince = undefined;
      this.#begunAt = undefined;
    } else {
      this.#messageSince = this.#context.clock.monotonicMs();
      this.#begunAt = intake.hasEntered ? (this.#begunAt ?? this.#messageSince) : undefined;
      this.#context.watch.add(this.#owner);
    }
    this.#hold(intake.heldBytes);
  }

  /** A message that comes in pieces has a time limit: its header in all, its body from piece to piece. */
  #watchMessage(completed: boolean): void {
    if (this.#parser.idle) {
      this.#messageSince = undefined;
      this.#begunAt = undefined;
      if (this.#heldBytes > 0) this.#hold(0);
      return;
    }
    const held = this.#parser.bufferedBytes;
    if (completed || this.#messageSince === undefined || held > HEADER_BYTES) {
      this.#messageSince = this.#context.clock.monotonicMs();
      this.#context.watch.add(this.#owner);
    }
    if (completed || this.#begunAt === undefined) this.#begunAt = this.#messageSince;
    // A new message must not inherit the place of the one before.
    if (completed && this.#heldBytes > 0) this.#hold(0);
    if (held !== this.#heldBytes) this.#hold(held);
  }

  #hold(bytes: number): void {
    const before = this.#heldBytes;
    if (bytes === before) return;
    this.#heldBytes = bytes;
    if (bytes < before) {
      this.#context.input.shrink(this, before - bytes);
      if (this.#shortOfMemory) this.goOnReading();
    } else if (!this.#context.input.grow(this, bytes - before, bytes)) {
      this.#context.limitLog.note('maxInputBytes');
      this.#shortOfMemory = true;
      this.#pauseOrResume();
    }
  }
}
