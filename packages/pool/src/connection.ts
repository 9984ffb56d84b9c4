import type { Observable, Timer } from '@gearman/events';
import { type Extension, type GearmanError, InvalidArgumentError, type Packet } from '@gearman/protocol';
import { type ServerAddress, serverName } from './address.ts';
import { Agreements } from './agreements.ts';
import { closedEarly, holding, notReady, type StartAsking } from './asking.ts';
import type { ConnectionSettings } from './connection-options.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectionState, canFollow } from './connection-state.ts';
import { ConnectError, ConnectionLostError, isConnectFailure } from './errors.ts';
import type { AnsweredRequest, CommandAnswer, LinesHandler, ReplyHandler, ReplyTo } from './reply-queue.ts';
import { connectTimeout } from './tls-failure.ts';
import { type Dial, describeFailure, type Transport } from './transport.ts';
import { Wire } from './wire.ts';

// A connection that was open for so long was no failure, even if the server never had to say anything.
const PROVEN_AFTER_MS = 10_000;

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
  readonly #settings: ConnectionSettings;
  readonly #dialer: Dial;
  readonly #owner: ConnectionOwner;
  readonly #wire: Wire;
  readonly #agreements = new Agreements();
  #state: ConnectionState = { name: 'idle' };
  #epoch = 0;
  // Attempts in a row that led to nothing: refused, or closed before the server said a word.
  #failures = 0;
  #failedMs = 0;
  #proven = false;
  #openedMs = 0;
  #retired = false;
  #lastError: GearmanError | undefined;
  #timer: Timer | undefined;

  /** @internal connections are made by their pool */
  constructor(address: ServerAddress, settings: ConnectionSettings, dial: Dial, owner: ConnectionOwner) {
    this.address = address;
    this.server = serverName(address);
    this.#settings = settings;
    this.#dialer = dial;
    this.#owner = owner;
    this.#wire = new Wire(this.server, settings, owner.clock, {
      onPacket: (packet) => owner.onPacket(this, packet),
      onEvent: (event) => owner.onEvent(event),
      onDead: (error) => this.drop(error),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** True while requests can be sent. */
  get ready(): boolean {
    return this.#state.name === 'ready';
  }

  /** True while new work may be given to it: it is ready, and its server is not being removed. */
  get available(): boolean {
    return this.#state.name === 'ready' && !this.#retired;
  }

  /** True while it is available and its server has kept its word: it failed last time, and has said nothing since, if not. */
  get healthy(): boolean {
    return this.available && (this.#proven || this.#failures === 0);
  }

  /** True from the moment its server was removed from the pool. What runs on it may end. */
  get retired(): boolean {
    return this.#retired;
  }

  /** How often this connection has been opened; 0 before the first time. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#wire.pending;
  }

  /** Failures in a row: attempts that were refused, and connections that ended before the server said a word. */
  get failures(): number {
    return this.#failures;
  }

  /** Why the last attempt or connection failed; undefined after a success. */
  get lastError(): GearmanError | undefined {
    return this.#lastError;
  }

  /** @internal when something last came from the server, by the monotonic clock; for many packets one look at it */
  get heardMs(): number {
    return this.#wire.heardMs;
  }

  /** Bytes accepted by {@link send} that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#wire.bufferedBytes;
  }

  /**
   * Every packet that comes from the server, answers included, for looking on; completes when the connection is closed
   * for good. Their bytes are the subscriber's to keep: each packet is copied while somebody subscribes.
   */
  get packets$(): Observable<Packet> {
    return this.#wire.packets$;
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
    this.#wire.send(packet);
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
    timeoutMs?: number,
  ): boolean {
    if (this.#state.name !== 'ready') return false;
    this.#wire.request(packet, handler, timeoutMs);
    return true;
  }

  /**
   * Sends a packet and waits for its answer, whose bytes are the caller's to keep. Keeps the process alive meanwhile.
   *
   * @returns a promise that rejects with `ERR_GEARMAN_CONNECTION_LOST` when the connection is not ready or gets lost,
   * `ERR_GEARMAN_SERVER` for an ERROR packet, `ERR_GEARMAN_REPLY_TIMEOUT` when no answer came in time,
   * `ERR_GEARMAN_CLOSED` when it is or gets closed
   */
  ask<T extends AnsweredRequest>(
    packet: Packet<AnsweredRequest> & { readonly type: T },
    timeoutMs?: number,
  ): Promise<ReplyTo<T>> {
    return this.#hold((resolve, reject) => {
      const handler: ReplyHandler<ReplyTo<T>> = {
        onReply: (reply) => resolve(this.#wire.ownPacket(reply)),
        onReplyError: reject,
      };
      return this.request(packet, handler, timeoutMs);
    });
  }

  /**
   * Sends a text command, `line` with its line end, and hears its answer line by line. Otherwise as {@link request}.
   *
   * @param answer how the answer ends. With `fenced` an ECHO_REQ follows the command and its answer marks the end: the
   * only way to be sure where lines stop that may hold anything, and to use a command one knows nothing about
   */
  command(line: string, answer: CommandAnswer, handler: LinesHandler, timeoutMs?: number): boolean {
    if (!line.endsWith('\n') || line.indexOf('\n') < line.length - 1 || line.startsWith('\0')) {
      throw new InvalidArgumentError('a text command must be one line with a line feed at its end');
    }
    if (this.#state.name !== 'ready') return false;
    this.#wire.command(line, answer, handler, timeoutMs);
    return true;
  }

  /**
   * Sends a text command without its line end, whatever it is, and waits for the lines of its answer; the full stop that
   * ends a list is among them. Otherwise as {@link ask}.
   */
  text(command: string, timeoutMs?: number): Promise<string[]> {
    return this.#hold((onLines, onReplyError) =>
      this.command(`${command}\r\n`, 'fenced', { onLines, onReplyError }, timeoutMs),
    );
  }

  /**
   * Whether the server has an extension, whose packets may be sent then. It is asked when that is not known yet.
   *
   * @param onAnswer called once if it is not known yet: when it is, or when the connection was lost over it
   * @returns undefined when it is not known yet, or the connection is not ready
   */
  has(extension: Extension, onAnswer: () => void): boolean | undefined {
    if (this.#state.name !== 'ready') return undefined;
    return this.#agreements.has(extension, (packet, handler) => this.request(packet, handler), onAnswer);
  }

  /** Resolves when what was sent is down to a healthy amount, or the connection is gone. */
  drained(): Promise<void> {
    return this.#wire.drained();
  }

  /**
   * Stops reading from the server until the result is called, or the connection is lost: the server, and what the system
   * buffers, then hold back what comes. For whoever cannot take more now; everybody else on the connection waits, too.
   *
   * @param onYield with it, reading goes on as soon as somebody sends a request on this connection; it is called then
   * @returns undefined when the connection is not open, or, with `onYield`, while an answer is due
   */
  holdReading(onYield?: () => void): (() => void) | undefined {
    return this.#wire.hold(onYield);
  }

  /** Bytes to keep: a copy if they lie in the read buffer, themselves if they have memory of their own. */
  own(bytes: Uint8Array): Uint8Array {
    return this.#wire.own(bytes);
  }

  /** Drops the connection now; it is opened again unless it is closing. */
  drop(error: GearmanError): void {
    this.#transport?.destroy();
    this.#onClose(error);
  }

  /** @internal the server has granted what it must */
  greeted(): void {
    const state = this.#state;
    if (state.name === 'greeting') this.#becomeReady(state.transport);
  }

  /** @internal tries now instead of waiting on, unless the last attempt is younger than `minAgeMs` */
  retryNow(minAgeMs: number, startAnew: boolean): void {
    const state = this.#state;
    if (state.name !== 'waiting') return;
    if (this.#owner.clock.monotonicMs() - this.#failedMs < minAgeMs) return;
    if (startAnew) this.#failures = 0;
    this.#dial(startAnew ? 1 : state.attempt);
  }

  /** @internal no new work for this connection; once lost it is not opened again */
  retire(): void {
    this.#retired = true;
    if (!this.ready) this.destroy();
  }

  /**
   * Sends what is waiting, then closes for good. Requests without an answer fail with `error`, `ERR_GEARMAN_CLOSED`
   * unless told otherwise.
   */
  close(error: GearmanError = closedEarly(this.server)): void {
    const state = this.#state;
    if (state.name === 'closing' || state.name === 'closed') return;
    if (state.name !== 'ready') {
      this.destroy(error);
      return;
    }
    this.#wire.flush();
    this.#enter({ name: 'closing', transport: state.transport });
    state.transport.end();
    this.#wire.fail(error);
  }

  /** Closes for good, now; what is waiting to be sent is lost. */
  destroy(error: GearmanError = closedEarly(this.server)): void {
    const transport = this.#transport;
    if (this.#state.name !== 'closed') this.#enter({ name: 'closed', error: undefined });
    transport?.destroy();
    this.#wire.fail(error);
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
    const open = next.name === 'ready' || next.name === 'greeting';
    if (open && from === 'connecting') {
      this.#wire.open(next.transport);
      this.#owner.onOpen(this, this.#wire);
    }
    if (!open && (from === 'ready' || from === 'greeting')) this.#wire.close();
    this.#startTimer(next);
    this.#owner.onEvent({ type: 'state', server: this.server, from, to: next.name });
    if (next.name !== 'closed') return;
    this.#wire.end();
    this.#owner.onClosed(this);
  }

  #startTimer(state: ConnectionState): void {
    const { clock } = this.#owner;
    const { connectTimeoutMs } = this.#settings;
    if (state.name === 'waiting') {
      this.#timer = clock.setTimer(state.delayMs, () => this.#dial(state.attempt), { unref: true });
    } else if (state.name === 'connecting' || state.name === 'greeting') {
      const onTimer = (): void => this.drop(connectTimeout(this.server, state.transport, connectTimeoutMs));
      this.#timer = clock.setTimer(connectTimeoutMs, onTimer, { unref: true });
    }
  }

  #dial(attempt: number): void {
    this.#wire.reset();
    // Handlers of an attempt that was given up must not touch the next one.
    const current = (): boolean => this.#transport === transport;
    const transport = this.#dialer(this.address, {
      onConnect: () => current() && this.#onConnect(transport, attempt),
      onData: (chunk) => current() && this.#onData(chunk),
      onDrain: () => current() && this.#wire.wake(),
      onClose: (error) => current() && this.#onClose(error),
    });
    this.#enter({ name: 'connecting', transport, attempt });
  }

  #onConnect(transport: Transport, attempt: number): void {
    this.#epoch++;
    this.#agreements.reset();
    this.#proven = false;
    this.#openedMs = this.#owner.clock.monotonicMs();
    if (this.#owner.mustGreet()) this.#enter({ name: 'greeting', transport, attempt });
    else this.#becomeReady(transport);
  }

  #becomeReady(transport: Transport): void {
    this.#lastError = undefined;
    this.#enter({ name: 'ready', transport });
    if (this.ready) this.#owner.onEvent({ type: 'connect', server: this.server });
    if (this.ready) this.#owner.onReady(this);
  }

  #onData(chunk: Uint8Array): void {
    const isOpen = (): boolean => this.#state.name === 'ready' || this.#state.name === 'greeting';
    // While closing, late answers belong to requests that have failed already.
    if (!isOpen()) return;
    const error = this.#wire.read(chunk, isOpen);
    if (error === undefined) {
      this.#proven = true;
    } else {
      this.#owner.onEvent({ type: 'protocol-error', server: this.server, error });
      this.drop(error);
    }
  }

  #onClose(cause: Error | undefined): void {
    const state = this.#state;
    const { server } = this;
    const options = cause === undefined ? undefined : { cause };
    if (state.name === 'closing') {
      this.#enter({ name: 'closed', error: undefined });
    } else if (state.name === 'connecting' || state.name === 'greeting') {
      const error = isConnectFailure(cause)
        ? cause
        : new ConnectError(server, describeFailure(cause), options);
      this.#failures++;
      this.#fail(error, false, () => {
        this.#owner.onEvent({ type: 'connection-error', server, error, attempt: state.attempt });
        this.#wire.fail(new ConnectionLostError(server, error.message, { cause: error }));
      });
    } else if (state.name === 'ready') {
      const error = new ConnectionLostError(server, describeFailure(cause), options);
      const upMs = this.#owner.clock.monotonicMs() - this.#openedMs;
      this.#failures = this.#proven || upMs >= PROVEN_AFTER_MS ? 0 : this.#failures + 1;
      this.#fail(error, true, () => {
        this.#owner.onEvent({ type: 'disconnect', server, error });
        this.#owner.onLost(this, error);
        this.#wire.fail(error);
      });
    }
  }

  /** Waits for the next attempt, or gives up. `announce` tells why, before the next attempt is announced. */
  #fail(error: GearmanError, wasConnected: boolean, announce: () => void): void {
    const before = this.#state;
    const failures = this.#failures;
    this.#lastError = error;
    this.#failedMs = this.#owner.clock.monotonicMs();
    const { server } = this;
    const verdict = this.#retired
      ? 'give-up'
      : this.#owner.nextAttempt({ server, error, wasConnected, failures }, this.#settings.reconnect);
    if (this.#state !== before) {
      // Whoever was asked has closed this connection; its transport will not tell that it ended.
      this.destroy();
      return;
    }
    const attempt = failures + 1;
    const next: ConnectionState =
      typeof verdict === 'number'
        ? { name: 'waiting', attempt, delayMs: verdict, error }
        : { name: 'closed', error };
    this.#enter(next);
    announce();
    if (this.#state === next && next.name === 'waiting') {
      this.#owner.onEvent({ type: 'reconnecting', server, attempt, delayMs: next.delayMs });
    }
    if (verdict === 'remove') this.#owner.onUnwanted(this);
    this.#owner.onFailed(this);
  }

  #hold<T>(start: StartAsking<T>): Promise<T> {
    return holding(this.#owner, start, () => notReady(this.server, this.#state.name, this.#lastError));
  }
}
