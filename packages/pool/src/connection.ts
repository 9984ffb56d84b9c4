import type { Timer } from '@gearman/events';
import { type GearmanError, InvalidArgumentError, type Packet, request } from '@gearman/protocol';
import { type ServerAddress, serverName } from './address.ts';
import { backoffMs } from './backoff.ts';
import { type ConnectionState, canFollow } from './connection-state.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { ClosedError, ConnectError, ConnectionLostError, ReplyTimeoutError, TlsError } from './errors.ts';
import { Inbox } from './inbox.ts';
import type { PoolSettings } from './options.ts';
import { Outbox } from './outbox.ts';
import type { PoolEvent } from './pool-events.ts';
import {
  type AnsweredRequest,
  type CommandAnswer,
  type LinesHandler,
  type PendingReply,
  REPLIES,
  type ReplyHandler,
  type ReplyTo,
} from './reply-queue.ts';
import { tlsTimeout } from './tls-failure.ts';
import { describeFailure, type Transport } from './transport.ts';

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** The transport is open: time to send what the server must be told, before anybody else sends anything. */
  onOpen(connection: Connection): void;
  /** Requests may be sent from now on. */
  onReady(connection: Connection): void;
  /** The connection was ready and is no more. */
  onLost(connection: Connection, error: ConnectionLostError): void;
  /** NOOP and WORK_*: packets that answer nothing. Their bytes are valid during the call only. */
  onPacket(connection: Connection, packet: Packet): void;
  onEvent(event: PoolEvent): void;
  /** The connection will never be ready (again). */
  onClosed(connection: Connection): void;
  /** Keeps the process alive until as many calls of `release`. */
  hold(): void;
  release(): void;
}

// A connection that was open for so long was no failure, even if the server never had to say anything.
const PROVEN_AFTER_MS = 10_000;
// Behind a text command: its answer is a packet, so the lines before it are the whole answer to the command.
const FENCE = request('ECHO_REQ', { data: new Uint8Array([0x2e]) });

/**
 * One job server's connection, kept up for as long as the pool lives: it connects, loses, waits and connects again.
 *
 * What was said to the server before a loss is gone: {@link Connection.epoch} counts the connects, so that whoever
 * keeps something of a connection (a job assigned on it) can see that it is of an older one.
 */
export class Connection {
  readonly address: ServerAddress;
  /** The server as `host:port`. */
  readonly server: string;
  readonly #settings: PoolSettings;
  readonly #owner: ConnectionOwner;
  readonly #outbox = new Outbox();
  readonly #inbox: Inbox;
  readonly #deadlines: DeadlineTimer;
  #state: ConnectionState = { name: 'idle' };
  #epoch = 0;
  // Attempts in a row that led to nothing: refused, or closed before the server said a word.
  #failures = 0;
  #proven = false;
  #openedMs = 0;
  #lastError: GearmanError | undefined;
  #timer: Timer | undefined;

  constructor(address: ServerAddress, settings: PoolSettings, owner: ConnectionOwner) {
    this.address = address;
    this.server = serverName(address);
    this.#settings = settings;
    this.#owner = owner;
    this.#inbox = new Inbox(this.server, settings.maxPacketBytes, {
      onPacket: (packet) => owner.onPacket(this, packet),
      onEvent: (event) => owner.onEvent(event),
    });
    this.#deadlines = new DeadlineTimer(settings.clock, (nowMs) =>
      this.#inbox.replies.expire(
        nowMs,
        (entry) => new ReplyTimeoutError(this.server, entry.request, entry.timeoutMs),
      ),
    );
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** True while requests can be sent. */
  get ready(): boolean {
    return this.#state.name === 'ready';
  }

  /** How often this connection has been opened; 0 before the first time. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#inbox.replies.length;
  }

  /** Why the last attempt or connection failed; undefined after a success. */
  get lastError(): GearmanError | undefined {
    return this.#lastError;
  }

  /** Bytes accepted by {@link send} that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  /** Starts connecting; does nothing when it has been started. */
  open(): void {
    if (this.#state.name === 'idle') this.#dial(1);
  }

  /**
   * Sends a packet that is not answered. All packets of one turn of the event loop leave in one write.
   *
   * @returns false when the connection is not ready: nothing was sent
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for text that cannot be an argument
   */
  send(packet: Packet): boolean {
    if (this.#state.name !== 'ready') return false;
    this.#outbox.write(packet);
    return true;
  }

  /**
   * Sends a packet that is answered; `handler` hears the answer, also when it is a failure.
   *
   * @param timeoutMs how long to wait, in milliseconds; the pool's `replyTimeoutMs` when left out
   * @returns false when the connection is not ready: nothing was sent and the handler hears nothing
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for text that cannot be an argument
   */
  request<T extends AnsweredRequest>(
    packet: Packet<AnsweredRequest> & { readonly type: T },
    handler: ReplyHandler<ReplyTo<T>>,
    timeoutMs: number = this.#settings.replyTimeoutMs,
  ): boolean {
    if (!this.send(packet)) return false;
    const request: AnsweredRequest = packet.type;
    this.#expect({
      kind: 'packet',
      request,
      expects: REPLIES[request],
      handler,
      timeoutMs,
      deadlineMs: this.#settings.clock.monotonicMs() + timeoutMs,
    });
    return true;
  }

  /**
   * Sends a packet and waits for its answer, whose bytes are the caller's to keep. Keeps the process alive meanwhile.
   *
   * @returns a promise that rejects with `ERR_GEARMAN_CONNECTION_LOST` when the connection is not ready or gets lost,
   * `ERR_GEARMAN_SERVER` for an ERROR packet, `ERR_GEARMAN_REPLY_TIMEOUT` when no answer came in time,
   * `ERR_GEARMAN_CLOSED` when it is or gets closed
   */
  async ask<T extends AnsweredRequest>(
    packet: Packet<AnsweredRequest> & { readonly type: T },
    timeoutMs?: number,
  ): Promise<ReplyTo<T>> {
    this.#owner.hold();
    try {
      return await new Promise<ReplyTo<T>>((resolve, reject) => {
        const handler: ReplyHandler<ReplyTo<T>> = {
          onReply: (reply) => resolve(this.#inbox.ownPacket(reply)),
          onReplyError: reject,
        };
        if (!this.request(packet, handler, timeoutMs)) reject(this.#notReady());
      });
    } finally {
      this.#owner.release();
    }
  }

  /**
   * Sends a text command, `line` with its line end, and hears its answer line by line. Otherwise as {@link request}.
   *
   * @param answer how the answer ends. With `fenced` an ECHO_REQ follows the command and its answer marks the end: the
   * only way to be sure where lines stop that may hold anything, and to use a command one knows nothing about
   */
  command(
    line: string,
    answer: CommandAnswer,
    handler: LinesHandler,
    timeoutMs: number = this.#settings.replyTimeoutMs,
  ): boolean {
    if (!line.endsWith('\n') || line.indexOf('\n') < line.length - 1 || line.startsWith('\0')) {
      throw new InvalidArgumentError('a text command must be one line with a line feed at its end');
    }
    if (this.#state.name !== 'ready') return false;
    this.#outbox.writeText(line);
    if (answer === 'fenced') this.#outbox.write(FENCE);
    this.#expect({
      kind: 'lines',
      request: `"${line.trimEnd()}"`,
      answer,
      lines: [],
      handler,
      timeoutMs,
      deadlineMs: this.#settings.clock.monotonicMs() + timeoutMs,
    });
    return true;
  }

  /** Resolves when what was sent is down to a healthy amount, or the connection is gone. */
  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  /** Bytes to keep: a copy if they lie in the read buffer, themselves if they have memory of their own. */
  own(bytes: Uint8Array): Uint8Array {
    return this.#inbox.own(bytes);
  }

  /** Drops the connection now; it is opened again unless it is closing. */
  drop(error: GearmanError): void {
    this.#transport?.destroy();
    this.#onClose(error);
  }

  /** Sends what is waiting, then closes for good. Requests without an answer fail with `ERR_GEARMAN_CLOSED`. */
  close(): void {
    const state = this.#state;
    if (state.name === 'closing' || state.name === 'closed') return;
    if (state.name !== 'ready') {
      this.destroy();
      return;
    }
    this.#outbox.flush();
    this.#enter({ name: 'closing', transport: state.transport });
    state.transport.end();
    this.#inbox.replies.failAll(this.#closedError());
  }

  /** Closes for good, now; what is waiting to be sent is lost. */
  destroy(): void {
    const transport = this.#transport;
    if (this.#state.name !== 'closed') this.#enter({ name: 'closed', error: undefined });
    transport?.destroy();
    this.#inbox.replies.failAll(this.#closedError());
  }

  get #transport(): Transport | undefined {
    return 'transport' in this.#state ? this.#state.transport : undefined;
  }

  /**
   * The only place that changes the state: leaves the old one, enters the new one, tells the pool.
   *
   * Whoever hears of it may close this connection, so callers look at the state again before they go on.
   */
  #enter(next: ConnectionState): void {
    const from = this.#state.name;
    if (!canFollow(from, next.name)) throw new Error(`connection state ${next.name} cannot follow ${from}`);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = next;
    if (from === 'ready') {
      this.#deadlines.stop();
      this.#outbox.close();
    }
    this.#begin(next);
    this.#owner.onEvent({ type: 'state', server: this.server, from, to: next.name });
    if (next.name === 'closed') this.#owner.onClosed(this);
  }

  /** What a state does by itself, before anybody hears of it. */
  #begin(state: ConnectionState): void {
    const { clock, connectTimeoutMs } = this.#settings;
    if (state.name === 'connecting') {
      const onTimer = (): void =>
        this.drop(
          state.transport.handshaking === true
            ? tlsTimeout(this.server, connectTimeoutMs)
            : new ConnectError(this.server, `no connection within ${connectTimeoutMs} ms`),
        );
      this.#timer = clock.setTimer(connectTimeoutMs, onTimer, { unref: true });
    } else if (state.name === 'waiting') {
      this.#timer = clock.setTimer(state.delayMs, () => this.#dial(state.attempt), { unref: true });
    } else if (state.name === 'ready') {
      this.#outbox.open(state.transport);
      this.#owner.onOpen(this);
    }
  }

  #dial(attempt: number): void {
    this.#inbox.reset();
    // Handlers of an attempt that was given up must not touch the next one.
    const current = (): boolean => this.#transport === transport;
    const transport = this.#settings.dial(this.address, {
      onConnect: () => current() && this.#onConnect(transport),
      onData: (chunk) => current() && this.#onData(chunk),
      onDrain: () => current() && this.#outbox.wake(),
      onClose: (error) => current() && this.#onClose(error),
    });
    this.#enter({ name: 'connecting', transport, attempt });
  }

  #onConnect(transport: Transport): void {
    this.#epoch++;
    this.#proven = false;
    this.#openedMs = this.#settings.clock.monotonicMs();
    this.#lastError = undefined;
    this.#enter({ name: 'ready', transport });
    if (this.ready) this.#owner.onEvent({ type: 'connect', server: this.server });
    if (this.ready) this.#owner.onReady(this);
  }

  #onData(chunk: Uint8Array): void {
    // While closing, late answers belong to requests that have failed already.
    if (!this.ready) return;
    const error = this.#inbox.read(chunk, () => this.ready);
    if (error === undefined) {
      this.#proven = true;
    } else {
      this.#owner.onEvent({ type: 'protocol-error', server: this.server, error });
      this.drop(error);
    }
  }

  #onClose(cause: Error | undefined): void {
    const state = this.#state;
    const options = cause === undefined ? undefined : { cause };
    if (state.name === 'closing') {
      this.#enter({ name: 'closed', error: undefined });
    } else if (state.name === 'connecting') {
      const { server } = this;
      const error =
        cause instanceof ConnectError || cause instanceof TlsError
          ? cause
          : new ConnectError(server, describeFailure(cause), options);
      this.#failures++;
      this.#retry(error, () =>
        this.#owner.onEvent({ type: 'connection-error', server, error, attempt: state.attempt }),
      );
    } else if (state.name === 'ready') {
      const error = new ConnectionLostError(this.server, describeFailure(cause), options);
      const upMs = this.#settings.clock.monotonicMs() - this.#openedMs;
      this.#failures = this.#proven || upMs >= PROVEN_AFTER_MS ? 0 : this.#failures + 1;
      this.#retry(error, () => {
        this.#owner.onEvent({ type: 'disconnect', server: this.server, error });
        this.#owner.onLost(this, error);
        this.#inbox.replies.failAll(error);
      });
    }
  }

  /** Waits for the next attempt, or gives up. `announce` tells why, before the next attempt is announced. */
  #retry(error: GearmanError, announce: () => void): void {
    const { reconnect, random } = this.#settings;
    this.#lastError = error;
    const attempt = this.#failures + 1;
    const delayMs = backoffMs(Math.max(1, this.#failures), reconnect, random());
    const next: ConnectionState =
      this.#failures >= reconnect.maxAttempts
        ? { name: 'closed', error }
        : { name: 'waiting', attempt, delayMs, error };
    this.#enter(next);
    announce();
    if (this.#state === next && next.name === 'waiting') {
      this.#owner.onEvent({ type: 'reconnecting', server: this.server, attempt, delayMs });
    }
  }

  #expect(entry: PendingReply): void {
    this.#inbox.replies.push(entry);
    this.#deadlines.watch(entry.deadlineMs);
  }

  #closedError(): ClosedError {
    return new ClosedError(`the connection to ${this.server} was closed before the answer came`);
  }

  #notReady(): GearmanError {
    const { name } = this.#state;
    if (name === 'closing' || name === 'closed') {
      return new ClosedError(`the connection to ${this.server} is closed`, { cause: this.#lastError });
    }
    return new ConnectionLostError(this.server, 'not connected now', { cause: this.#lastError });
  }
}
