import { HEADER_BYTES, type StreamMessage, StreamParser } from '@gearman/protocol';
import type { InputHolder } from './input-budget.ts';
import type { Watched } from './progress-watch.ts';
import type { ServerContext } from './server-context.ts';
import type { Transport } from './transport.ts';

/** Whose messages an inbox reads. */
export interface InboxOwner extends Watched {
  /** False while no message may be handled. */
  readonly ready: boolean;
  /** @returns false when the message has to wait; it comes again */
  handle(message: StreamMessage): boolean;
  /** Others have their turn; `inbox.goOn()` is to be called in the next. */
  goOnNextTurn(): void;
}

/** What one session may do in one turn while others wait: so many packets, or a few text lines, which may search. */
const WORK_PER_TURN = 4096;
const WORK_OF_A_LINE = 1024;

/** The messages of one peer, in order. While they may not be handled, the peer's bytes are not read either. */
export class Inbox implements InputHolder {
  readonly #context: ServerContext;
  readonly #transport: Transport;
  readonly #owner: InboxOwner;
  readonly #parser: StreamParser;
  /** Messages that wait, and how many of them are done. */
  #messages: StreamMessage[] = [];
  #handled = 0;
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
    this.#parser = new StreamParser({ maxPacketBytes, maxLineBytes });
  }

  /** True when no message waits. */
  get empty(): boolean {
    return this.#messages.length === 0;
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
    const messages = this.#parser.push(chunk);
    this.#watchMessage(messages.length > 0);
    if (messages.length > 0) {
      this.#messages = this.empty ? messages : this.#messages.concat(messages);
      this.goOn();
    }
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

  /** Forgets everything: the peer is gone. */
  drop(): void {
    this.#messages = [];
    this.#handled = 0;
    this.#messageSince = undefined;
    if (this.#heldBytes > 0) this.#context.input.shrink(this, this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** For how long an unfinished message has not come further, in milliseconds; when memory is short, in all. */
  lateMs(now: number): number {
    if (this.#context.input.short && this.#begunAt !== undefined && this.#heldBytes > HEADER_BYTES)
      return now - this.#begunAt;
    return this.#messageSince === undefined || this.#paused ? 0 : now - this.#messageSince;
  }

  #handleAll(): boolean {
    const messages = this.#messages;
    for (let work = 0; this.#handled < messages.length; this.#handled++) {
      if (!this.#owner.ready) return false;
      if (work >= WORK_PER_TURN) {
        this.#owner.goOnNextTurn();
        return false;
      }
      const message = messages[this.#handled];
      if (message === undefined) continue;
      if (!this.#owner.handle(message)) return false;
      work += message.type === 'TEXT' ? WORK_OF_A_LINE : 1;
    }
    this.#messages = [];
    this.#handled = 0;
    return true;
  }

  #pauseOrResume(): void {
    const pause = this.#blocked || this.#shortOfMemory;
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
    this.#heldBytes = bytes;
    if (bytes < before) {
      this.#context.input.shrink(this, before - bytes);
    } else if (!this.#context.input.grow(this, bytes - before, bytes)) {
      this.#context.limitLog.note('maxInputBytes');
      this.#shortOfMemory = true;
      this.#pauseOrResume();
    }
  }
}
