import type { Timer } from '@gearman/events';
import { HEADER_BYTES, type Packet, type StreamMessage, StreamParser } from '@gearman/protocol';
import type { Peer, PeerPort } from '../engine/peer.ts';
import { handleMessage } from '../handlers/handle-message.ts';
import { Outbox } from './outbox.ts';
import type { ServerContext } from './server-context.ts';
import type { Transport } from './transport.ts';
import type { TurnTask } from './turn.ts';

/** Pieces of a long answer, made as the peer takes them. */
export type Listing = Iterator<string, unknown, unknown>;

const LINES_PER_SLICE = 500;
/** What one session may do in one turn while others wait: so many packets, or a few text lines, which may search. */
const WORK_PER_TURN = 4096;
const WORK_OF_A_LINE = 1024;

/**
 * One connection: bytes in, messages to their handlers, packets out.
 *
 * Messages are handled in order and as long as the peer reads its answers; while too much waits for it, neither the
 * messages that are here nor the socket are read on.
 */
export class Session implements PeerPort, TurnTask {
  readonly peer: Peer;
  readonly context: ServerContext;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #parser: StreamParser;
  /** Messages that wait for the peer to read, and how many of them are done. */
  #messages: StreamMessage[] = [];
  #handled = 0;
  #listing: Listing | undefined;
  #noMoreInput = false;
  /** Reading is paused: for the peer to read, for a listing to end, or for others to have their turn. */
  #blocked = false;
  #yielded = false;
  #inTurn = false;
  #ending = false;
  #closeReason: string | undefined;
  /** True when the engine and the server know it no more; its last bytes may still be on their way. */
  #left = false;
  #linger: Timer | undefined;
  /** When an unfinished message has to have come further. */
  #messageSince: number | undefined;
  #stalledSince: number | undefined;
  #stalledBytes = 0;

  constructor(context: ServerContext, transport: Transport, address: string) {
    this.context = context;
    this.#transport = transport;
    const { maxPacketBytes, maxLineBytes, outboxHardBytes } = context.limits;
    this.#outbox = new Outbox(transport, outboxHardBytes);
    this.#parser = new StreamParser({ maxPacketBytes, maxLineBytes });
    this.peer = context.engine.connect(this, address, context.exceptions);
    transport.on('data', (chunk) => this.#read(chunk));
    transport.on('drain', () => this.#resume());
    transport.on('end', () => this.#peerEnded());
    transport.on('error', (error) => this.close(error.message));
    transport.on('close', () => this.close('the connection was closed'));
  }

  // What handlers do

  send(packet: Packet): void {
    if (this.#closeReason !== undefined) return;
    if (!this.#outbox.write(packet)) this.#giveUp();
    this.#joinTurn();
  }

  sendText(byteString: string): void {
    if (this.#closeReason !== undefined) return;
    if (!this.#outbox.writeText(byteString)) this.#giveUp();
    this.#joinTurn();
  }

  sendError(error: { readonly code: string; readonly text: string }): void {
    this.send({ type: 'ERROR', magic: 'RES', code: error.code, text: error.text });
  }

  /** Sends a long answer piece by piece; the next message waits for its end. */
  sendListing(listing: Listing): void {
    this.#listing = listing;
    this.#continueListing();
  }

  /** A rule was broken: sends what was answered so far, then closes. */
  refuse(problem: string): void {
    if (this.#closeReason === undefined) this.context.peerError(this, problem);
    this.end(problem);
  }

  /** Sends what was answered so far, then closes; nothing more is read. */
  end(reason: string): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#ending = true;
    this.#joinTurn();
  }

  /** Closes at once. */
  close(reason: string): void {
    this.#transport.destroy();
    this.#linger?.cancel();
    this.#leave(reason);
  }

  // What the engine says

  noop(): void {
    this.send(NOOP);
  }

  data(handle: string, data: Uint8Array): void {
    this.send({ type: 'WORK_DATA', magic: 'RES', handle, data });
  }

  warning(handle: string, data: Uint8Array): void {
    this.send({ type: 'WORK_WARNING', magic: 'RES', handle, data });
  }

  status(handle: string, numerator: string, denominator: string): void {
    this.send({ type: 'WORK_STATUS', magic: 'RES', handle, numerator, denominator });
  }

  complete(handle: string, data: Uint8Array): void {
    this.send({ type: 'WORK_COMPLETE', magic: 'RES', handle, data });
  }

  fail(handle: string): void {
    this.send({ type: 'WORK_FAIL', magic: 'RES', handle });
  }

  exception(handle: string, data: Uint8Array): void {
    this.send({ type: 'WORK_EXCEPTION', magic: 'RES', handle, data });
  }

  // Time

  /** True while something has to happen within a time limit. */
  get watched(): boolean {
    return this.#messageSince !== undefined || this.#stalledSince !== undefined;
  }

  /** Disconnects a peer that neither finishes its message nor reads its answers. */
  checkProgress(now: number): void {
    const { messageTimeoutMs, stallTimeoutMs } = this.context.limits;
    if (this.#messageSince !== undefined && !this.#blocked && now - this.#messageSince > messageTimeoutMs) {
      this.#expel(`sent an unfinished message and no more of it for ${messageTimeoutMs} ms`);
    } else if (this.#stalledSince !== undefined) {
      const waiting = this.#transport.writableLength;
      if (waiting < this.#stalledBytes) this.#stalledSince = now;
      this.#stalledBytes = waiting;
      if (now - this.#stalledSince > stallTimeoutMs) {
        this.#expel(`left ${waiting} bytes unread and took none for ${stallTimeoutMs} ms`);
      }
    }
  }

  /** Writes what this turn has for the peer. */
  endTurn(): void {
    this.#inTurn = false;
    if (this.#left) return;
    if (this.#outbox.overflown) {
      this.close(this.#closeReason ?? 'too much output waits for the peer');
      return;
    }
    this.#outbox.flush();
    if (this.#ending) {
      // Closing with input unread would make the kernel throw the last answers away.
      this.#transport.end();
      this.#transport.resume();
      this.#awaitLastBytes();
      this.#leave(this.#closeReason ?? 'ended');
      return;
    }
    if (this.#transport.writableLength > this.context.limits.outboxSoftBytes) this.#startStall();
    if (this.#listing !== undefined) {
      this.#continueListing();
    } else if (this.#yielded) {
      this.#yielded = false;
      this.#resume();
    }
  }

  /** Waits for the peer to take the last answers, as long as it takes some. */
  #awaitLastBytes(): void {
    const waiting = this.#transport.writableLength;
    this.#linger = this.context.clock.setTimer(LINGER_MS, () => {
      const left = this.#transport.writableLength;
      if (left === 0 || left >= waiting) this.#transport.destroy();
      else this.#awaitLastBytes();
    });
  }

  #read(chunk: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    this.context.turn.begin();
    const messages = this.#parser.push(chunk);
    this.#watchMessage(messages.length > 0);
    if (messages.length === 0) return;
    this.#messages = this.#handled < this.#messages.length ? this.#messages.concat(messages) : messages;
    this.#handleMessages();
  }

  #handleMessages(): void {
    const messages = this.#messages;
    let work = 0;
    while (this.#handled < messages.length) {
      if (this.#closeReason !== undefined) return;
      if (work >= WORK_PER_TURN) {
        this.#goOnNextTurn();
        return;
      }
      if (this.#listing !== undefined || this.#outbox.sizeBytes > this.context.limits.outboxSoftBytes) {
        this.#block();
        return;
      }
      const message = messages[this.#handled++];
      if (message === undefined) continue;
      this.#handle(message);
      work += message.type === 'TEXT' ? WORK_OF_A_LINE : 1;
    }
    this.#messages = [];
    this.#handled = 0;
    if (this.#noMoreInput) this.#peerEnded();
  }

  #goOnNextTurn(): void {
    this.#yielded = true;
    if (!this.#blocked) this.#transport.pause();
    this.#blocked = true;
    this.#joinTurn();
  }

  /** The peer sends no more. It still gets the answers to what it sent. */
  #peerEnded(): void {
    this.#noMoreInput = true;
    if (this.#listing === undefined && this.#messages.length === 0)
      this.end('the peer closed the connection');
  }

  #handle(message: StreamMessage): void {
    try {
      handleMessage(this, message);
    } catch (error) {
      this.context.logger.error({ err: error, message: message.type }, 'a request could not be handled');
      this.refuse('sent a request that could not be handled');
    }
  }

  #block(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#transport.pause();
    if (this.#listing === undefined) this.#startStall();
  }

  #startStall(): void {
    if (this.#stalledSince !== undefined) return;
    this.#stalledSince = this.context.clock.monotonicMs();
    this.#stalledBytes = Number.POSITIVE_INFINITY;
    this.context.watch.add(this);
  }

  #resume(): void {
    if (this.#left || this.#outbox.sizeBytes > this.context.limits.outboxSoftBytes) return;
    this.#stalledSince = undefined;
    if (this.#listing !== undefined) {
      this.#joinTurn();
      return;
    }
    if (!this.#blocked) return;
    this.#blocked = false;
    // The time in which nothing was read does not count.
    if (this.#messageSince !== undefined) this.#messageSince = this.context.clock.monotonicMs();
    this.#handleMessages();
    if (!this.#blocked) this.#transport.resume();
  }

  #continueListing(): void {
    const listing = this.#listing;
    if (listing === undefined) return;
    if (this.#outbox.sizeBytes > this.context.limits.outboxSoftBytes) {
      // Goes on when the peer has read.
      this.#startStall();
      return;
    }
    let text = '';
    for (let i = 0; i < LINES_PER_SLICE; i++) {
      const line = listing.next();
      if (line.done === true) {
        this.#listing = undefined;
        break;
      }
      text += line.value;
    }
    if (text !== '') this.sendText(text);
    if (this.#listing !== undefined) {
      this.#joinTurn();
    } else {
      this.#resume();
      if (this.#noMoreInput) this.#peerEnded();
    }
  }

  /** A message that comes in pieces has a time limit: its header in all, its body from piece to piece. */
  #watchMessage(completed: boolean): void {
    if (this.#parser.idle) {
      this.#messageSince = undefined;
    } else if (completed || this.#messageSince === undefined || this.#parser.bufferedBytes > HEADER_BYTES) {
      this.#messageSince = this.context.clock.monotonicMs();
      this.context.watch.add(this);
    }
  }

  #leave(reason: string): void {
    if (this.#left) return;
    this.#left = true;
    this.#closeReason ??= reason;
    this.#messages = [];
    this.#listing = undefined;
    this.context.watch.delete(this);
    this.context.engine.disconnect(this.peer);
    this.context.turn.begin();
    this.context.closed(this, this.#closeReason);
  }

  #giveUp(): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = `left ${this.#outbox.sizeBytes} bytes unread`;
    this.context.peerError(this, this.#closeReason);
  }

  #expel(problem: string): void {
    this.context.peerError(this, problem);
    this.close(problem);
  }

  #joinTurn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.context.turn.add(this);
  }
}

const LINGER_MS = 1000;
const NOOP: Packet = { type: 'NOOP', magic: 'RES' };
