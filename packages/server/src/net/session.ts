import type { Timer } from '@gearman/events';
import type { Extension, Packet, StreamMessage } from '@gearman/protocol';
import type { Commit, CommitWaiter } from '../engine/ledger.ts';
import type { PayloadFile } from '../engine/payload-file.ts';
import type { Peer, PeerPort } from '../engine/peer.ts';
import { handleMessage } from '../handlers/handle-message.ts';
import type { Refusal } from '../handlers/refusals.ts';
import { IN_PROCESS } from './address.ts';
import type { Producer } from './congestion.ts';
import type { Connection } from './connections.ts';
import { FileOutput, type PiecePool } from './file-output.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import type { LimitName } from './limit-log.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { NEW_PIECES } from './output-pool.ts';
import type { Watched } from './progress-watch.ts';
import type { ServerContext } from './server-context.ts';
import type { Transport } from './transport.ts';
import type { TurnTask } from './turn.ts';

/** Pieces of a long answer, made as the peer takes them; after a promise it goes on when that resolves. */
export type Listing = Iterator<string | Promise<void>, unknown, unknown>;

/** How much of a long answer is made at a time, and what a line of it costs. */
const MOST_LINES_PER_TURN = 500;
const STEPS_PER_LINE = 16;
const LINGER_MS = 1000;
const NOOP: Packet = { type: 'NOOP', magic: 'RES' };
const NO_EXTENSIONS: ReadonlySet<Extension> = new Set();

/**
 * One connection: bytes in, messages to their handlers, packets out.
 *
 * Messages are handled in order and as long as the peer reads its answers, and those that it causes are read by whom
 * they reach; while too much waits somewhere, neither the messages that are here nor the socket are read on.
 */
export class Session
  implements PeerPort, TurnTask, InboxOwner, OutboxOwner, Producer, Watched, Connection, CommitWaiter
{
  readonly peer: Peer;
  readonly context: ServerContext;
  /** Those that the peer has asked for and this server has; few ask for any. */
  extensions: ReadonlySet<Extension> = NO_EXTENSIONS;
  readonly #transport: Transport;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  #listing: Listing | undefined;
  /** An answer is being found out. */
  #awaits = false;
  #listingWaits = false;
  #noMoreInput = false;
  /** Messages wait for the next turn. */
  #yielded = false;
  /** A message waits for somebody to read what others sent. */
  #heldUp = false;
  #inTurn = false;
  #ending = false;
  #closeReason: string | undefined;
  /** True when the engine and the server know it no more; its last bytes may still be on their way. */
  #left = false;
  #linger: Timer | undefined;
  #idleSweeps = 0;

  constructor(context: ServerContext, transport: Transport, address: string) {
    this.context = context;
    this.#transport = transport;
    this.#inbox = new Inbox(context, transport, this);
    this.#outbox = new Outbox(transport, context.output, context.limits, this);
    this.peer = context.engine.connect(this, address, context.exceptions);
    transport.on('data', (chunk) => this.#read(chunk));
    transport.on('end', () => this.#peerEnded());
    transport.on('error', (error) => this.close(error.message));
    transport.on('close', () => this.close('the connection was closed'));
  }

  /** What the peer has not taken yet and is in memory. */
  get waitingBytes(): number {
    return this.#outbox.memoryBytes;
  }

  /** The payload of the submit that is being handled, or why it could not be kept; undefined if the packet has it. */
  get payload(): PayloadFile | Error | undefined {
    return this.#inbox.payload;
  }

  // What handlers do

  send(packet: Packet): void {
    if (this.#closeReason !== undefined) return;
    if (!this.#outbox.write(packet)) this.#giveUp();
    this.#joinTurn();
  }

  /** Sends a packet, and all that comes after it, when `commit` is through; an ERROR in its place when that fails. */
  sendWhenStored(packet: Packet, commit: Commit): void {
    if (this.#closeReason !== undefined) return;
    commit.waiters.add(this);
    if (!this.#outbox.writeWhenStored(packet, commit)) this.#giveUp();
    this.#joinTurn();
  }

  /** Sends a job whose payload is in a file: `packet` has none. */
  sendJobInFile(packet: Packet & { readonly handle: string }, payload: PayloadFile): void {
    if (this.#closeReason !== undefined) return;
    const { output, watch } = this.context;
    const pool: PiecePool = this.peer.address === IN_PROCESS ? NEW_PIECES : output;
    const file = new FileOutput(payload, pool, (error) => this.#payloadLost(packet.handle, error));
    if (!this.#outbox.writeFile(packet, file)) this.#giveUp();
    watch.add(this);
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

  sendRefusal({ error, limit }: Refusal): void {
    if (limit !== undefined) this.context.limitLog.note(limit, { connectionId: this.peer.id });
    this.sendError(error);
  }

  /** Sends a long answer piece by piece; the next message waits for its end. */
  sendListing(listing: Listing): void {
    this.#listing = listing;
    this.#continueListing();
  }

  /** Sends an answer that takes its time, and does not fail; the next message waits for it. */
  sendLater(answer: Promise<string>): void {
    this.#awaits = true;
    void answer.then((text) => {
      this.#awaits = false;
      this.sendText(text);
      this.goOnNextTurn();
    });
  }

  /** The message that is being handled comes again when `reader` has read what waits for it. */
  waitFor(reader: PeerPort): void {
    this.#heldUp = true;
    this.context.congestion.wait(this, reader);
  }

  /** The message that is being handled comes again when a parked job is back. */
  recall(number: number): void {
    this.#heldUp = true;
    this.context.engine.parking?.recall(number, this);
  }

  /** A rule was broken: sends what was answered so far, then closes. */
  refuse(problem: string, limit?: LimitName): void {
    if (this.#closeReason === undefined) this.context.peerError(this, problem, limit);
    this.end(problem);
  }

  /** Sends what was answered so far, then closes; nothing more is read. */
  end(reason: string): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#ending = true;
    this.#joinTurn();
  }

  /** A limit of the server was passed, and this peer has to go. */
  expel(problem: string, limit: LimitName): void {
    this.context.peerError(this, problem, limit);
    this.close(problem);
  }

  /** Closes at once. */
  close(reason: string): void {
    this.#transport.destroy();
    this.#linger?.cancel();
    this.#leave(reason);
    this.#outbox.drop();
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

  settled(): void {
    this.goOnNextTurn();
  }

  abandoned(): void {
    this.close('the store does not answer');
  }

  decided(): void {
    this.#outbox.release();
  }

  // What inbox and outbox ask and tell

  get ready(): boolean {
    return (
      this.#closeReason === undefined &&
      this.#listing === undefined &&
      !this.#awaits &&
      !this.#heldUp &&
      !this.#yielded &&
      !this.#outbox.congested &&
      !this.peer.withdrawing
    );
  }

  handle(message: StreamMessage): boolean {
    try {
      handleMessage(this, message);
    } catch (error) {
      this.context.logger.error({ err: error, message: message.type }, 'a request could not be handled');
      this.refuse('sent a request that could not be handled');
    }
    return !this.#heldUp;
  }

  goOnNextTurn(): void {
    this.#yielded = true;
    this.#joinTurn();
  }

  congested(): void {
    this.context.congestion.begin(this);
    this.context.watch.add(this);
  }

  relieved(): void {
    this.context.congestion.end(this);
    this.goOnNextTurn();
  }

  goOn(): void {
    this.#heldUp = false;
    this.goOnNextTurn();
  }

  // Time

  get watched(): boolean {
    return !this.#left && (this.#inbox.watched || this.#outbox.congested || this.#outbox.sendsFile);
  }

  /** Disconnects a peer that neither finishes its message nor reads its answers. */
  checkProgress(now: number): void {
    const { messageTimeoutMs, stallTimeoutMs } = this.context.limits;
    if (this.#inbox.lateMs(now) > messageTimeoutMs) {
      this.expel(
        `sent an unfinished message and no more of it for ${messageTimeoutMs} ms`,
        'messageTimeoutMs',
      );
    } else if (this.#outbox.stalledMs(now) > stallTimeoutMs) {
      const waiting = this.#outbox.sizeBytes;
      this.expel(`left ${waiting} bytes unread and took none for ${stallTimeoutMs} ms`, 'stallTimeoutMs');
    }
  }

  /** For how many calls in a row nothing came and nothing was under way. */
  countIdle(): number {
    if (this.#closeReason !== undefined) return 0;
    const { running, watching, sleep } = this.peer;
    const isIdle =
      !this.#inbox.takeHeard() && running.head === undefined && watching === undefined && sleep === 'awake';
    this.#idleSweeps = isIdle ? this.#idleSweeps + 1 : 0;
    return this.#idleSweeps;
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
      this.#outbox.end();
      this.#transport.resume();
      this.#awaitLastBytes();
      this.#leave(this.#closeReason ?? 'ended');
      return;
    }
    const goOn = this.#yielded;
    this.#yielded = false;
    if (this.#listing !== undefined) this.#continueListing();
    else if (goOn) this.#goOn();
  }

  /** Waits for the peer to take the last answers, as long as it takes some. */
  #awaitLastBytes(): void {
    const waiting = this.#outbox.sizeBytes;
    this.#linger = this.context.clock.setTimer(LINGER_MS, () => {
      const left = this.#outbox.sizeBytes;
      if (left === 0 || (left >= waiting && !this.#outbox.withholds)) this.close('ended');
      else this.#awaitLastBytes();
    });
  }

  #read(chunk: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    this.context.turn.begin();
    this.#inbox.read(chunk);
    if (this.#noMoreInput) this.#peerEnded();
  }

  #goOn(): void {
    this.#inbox.goOn();
    if (this.#noMoreInput) this.#peerEnded();
  }

  /** The peer sends no more. It still gets the answers to what it sent. */
  #peerEnded(): void {
    this.#noMoreInput = true;
    if (this.#listing === undefined && !this.#awaits && this.#inbox.empty)
      this.end('the peer closed the connection');
  }

  #continueListing(): void {
    const listing = this.#listing;
    // With too much waiting it goes on when the peer has read.
    if (listing === undefined || this.#listingWaits || this.#outbox.congested) return;
    const { turn } = this.context;
    const most = Math.min(MOST_LINES_PER_TURN, Math.ceil(turn.allowance(false) / STEPS_PER_LINE));
    let text = '';
    for (let i = 0; i < most; i++) {
      const line = listing.next();
      if (line.done === true) {
        this.#listing = undefined;
        break;
      }
      if (typeof line.value !== 'string') {
        this.#awaitListing(line.value);
        break;
      }
      text += line.value;
    }
    turn.spend(most * STEPS_PER_LINE, this.#listing !== undefined);
    if (text !== '') this.sendText(text);
    if (this.#listing === undefined) this.#goOn();
    else if (!this.#listingWaits) this.#joinTurn();
  }

  #awaitListing(promise: Promise<void>): void {
    this.#listingWaits = true;
    promise.then(
      () => {
        this.#listingWaits = false;
        if (!this.#left) this.#joinTurn();
      },
      (error: unknown) => {
        this.context.logger.error({ err: error }, 'a listing broke off: its jobs could not be read');
        this.close('its answer could not be read from the store');
      },
    );
  }

  #leave(reason: string): void {
    if (this.#left) return;
    this.#left = true;
    this.#closeReason ??= reason;
    this.#listing = undefined;
    this.#inbox.drop();
    this.context.watch.delete(this);
    this.context.congestion.end(this);
    this.context.engine.disconnect(this.peer);
    this.context.turn.begin();
    this.context.closed(this, this.#closeReason);
  }

  /** The rest of a job cannot be sent, and nothing else in its place: it goes to another worker. */
  #payloadLost(handle: string, error: Error): void {
    const { engine, payloadLog } = this.context;
    const code = (error as NodeJS.ErrnoException).code;
    payloadLog.error(
      { err: error, handle },
      'the payload of a job cannot be read; its worker is disconnected',
    );
    // No other worker would get it either.
    if (code === 'ENOENT') engine.cancel(handle);
    else if (code === undefined) engine.payloadDamaged(handle);
    this.close('the payload of its job cannot be read');
  }

  #giveUp(): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = `left ${this.#outbox.sizeBytes} bytes unread`;
    this.context.peerError(this, this.#closeReason, 'outboxHardBytes');
  }

  #joinTurn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.context.turn.add(this);
  }
}
