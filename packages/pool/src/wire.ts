import type { Clock } from '@gearman/events';
import { Observable } from '@gearman/events';
import { type GearmanError, type Packet, type ProtocolError, request } from '@gearman/protocol';
import type { ConnectionSettings } from './connection-options.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { ReplyTimeoutError } from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import { Outbox } from './outbox.ts';
import {
  type AnsweredRequest,
  type CommandAnswer,
  type LinesHandler,
  type PendingReply,
  REPLIES,
  type ReplyHandler,
  type ReplyTo,
} from './reply-queue.ts';
import type { Transport } from './transport.ts';

/** Who hears what comes, and what becomes of the wire. */
export interface WireOwner extends InboxOwner {
  /** The server did not answer a heartbeat. */
  onDead(error: ReplyTimeoutError): void;
}

// Behind a text command: its answer is a packet, so the lines before it are the whole answer to the command.
const FENCE = request('ECHO_REQ', { data: new Uint8Array([0x2e]) });
const PING = request('ECHO_REQ', { data: new Uint8Array() });

/** What is said on a connection while its transport is open: requests, commands, and the answers to them. */
export class Wire {
  readonly #server: string;
  readonly #settings: ConnectionSettings;
  readonly #clock: Clock;
  readonly #outbox = new Outbox();
  readonly #inbox: Inbox;
  readonly #deadlines: DeadlineTimer;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #taps = new Set<(packet: Packet | undefined) => void>();
  #transport: Transport | undefined;
  /** How many want nothing more to be read. */
  #holds = 0;
  #heardMs = 0;
  readonly #yielding = new Set<() => void>();

  constructor(server: string, settings: ConnectionSettings, clock: Clock, owner: WireOwner) {
    this.#server = server;
    this.#settings = settings;
    this.#clock = clock;
    this.#inbox = new Inbox(server, settings.maxPacketBytes, owner);
    this.#deadlines = new DeadlineTimer(clock, (nowMs) =>
      this.#inbox.replies.expire(
        nowMs,
        (entry) => new ReplyTimeoutError(server, entry.request, entry.timeoutMs),
      ),
    );
    const { heartbeat } = settings;
    if (heartbeat !== false) this.#heartbeat = this.#createHeartbeat(heartbeat, owner);
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#inbox.replies.length;
  }

  /** When the last chunk came, by the monotonic clock. */
  get heardMs(): number {
    return this.#heardMs;
  }

  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  /** Forgets the beginning of a message that an earlier transport may have left. */
  reset(): void {
    this.#inbox.reset();
  }

  open(transport: Transport): void {
    this.#transport = transport;
    this.#holds = 0;
    this.#yielding.clear();
    this.#outbox.open(transport);
    this.#heartbeat?.start();
  }

  /** Nothing can be sent any more. What waits for answers goes on waiting, for {@link fail}. */
  close(): void {
    this.#heartbeat?.stop();
    this.#deadlines.stop();
    this.#outbox.close();
    this.#transport = undefined;
  }

  /** Fails all that waits for an answer. */
  fail(error: GearmanError): void {
    this.#inbox.replies.failAll(error);
  }

  flush(): void {
    this.#outbox.flush();
  }

  /** The transport takes more. */
  wake(): void {
    this.#outbox.wake();
  }

  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  /**
   * Reads nothing more from this transport until the result is called, and as often as others hold it.
   *
   * @param onYield makes it end, too, when somebody asks the server something, and is called then
   * @returns undefined when there is nothing to hold, or when it would have to yield: an answer is due
   */
  hold(onYield: (() => void) | undefined): (() => void) | undefined {
    const transport = this.#transport;
    if (transport === undefined || (onYield !== undefined && this.pending > 0)) return undefined;
    if (this.#holds++ === 0) {
      transport.pause();
      // Whoever does not read cannot hear that the server is there.
      this.#heartbeat?.stop();
    }
    const release = (): void => {
      if (this.#transport !== transport || !held) return;
      held = false;
      this.#yielding.delete(giveWay);
      if (--this.#holds > 0) return;
      transport.resume();
      this.#heartbeat?.start();
    };
    const giveWay = (): void => {
      release();
      onYield?.();
    };
    let held = true;
    if (onYield !== undefined) this.#yielding.add(giveWay);
    return release;
  }

  /** Reads a chunk as {@link Inbox.read} does. */
  read(chunk: Uint8Array, isOpen: () => boolean): ProtocolError | undefined {
    this.#heardMs = this.#clock.monotonicMs();
    this.#heartbeat?.heard(this.#heardMs);
    return this.#inbox.read(chunk, isOpen);
  }

  own(bytes: Uint8Array): Uint8Array {
    return this.#inbox.own(bytes);
  }

  ownPacket<P extends object>(packet: P): P {
    return this.#inbox.ownPacket(packet);
  }

  send(packet: Packet): void {
    this.#outbox.write(packet);
  }

  request<T extends AnsweredRequest>(
    packet: Packet<AnsweredRequest> & { readonly type: T },
    handler: ReplyHandler<ReplyTo<T>>,
    timeoutMs: number = this.#settings.replyTimeoutMs,
  ): void {
    this.#outbox.write(packet);
    const request: AnsweredRequest = packet.type;
    this.#expect({
      kind: 'packet',
      request,
      expects: REPLIES[request],
      handler,
      timeoutMs,
      deadlineMs: this.#clock.monotonicMs() + timeoutMs,
    });
  }

  command(
    line: string,
    answer: CommandAnswer,
    handler: LinesHandler,
    timeoutMs: number = this.#settings.replyTimeoutMs,
  ): void {
    this.#outbox.writeText(line);
    if (answer === 'fenced') this.#outbox.write(FENCE);
    this.#expect({
      kind: 'lines',
      request: `"${line.trimEnd()}"`,
      answer,
      lines: [],
      handler,
      timeoutMs,
      deadlineMs: this.#clock.monotonicMs() + timeoutMs,
    });
  }

  /** Every packet that comes, with bytes of its own. Costs a copy of each while somebody subscribes. */
  get packets$(): Observable<Packet> {
    return new Observable((subscriber) => {
      const tap = (packet: Packet | undefined): void => {
        if (packet === undefined) subscriber.complete();
        else subscriber.next(packet);
      };
      this.#taps.add(tap);
      this.#updateTap();
      return () => {
        this.#taps.delete(tap);
        this.#updateTap();
      };
    });
  }

  /** There will never be a packet again. */
  end(): void {
    for (const tap of [...this.#taps]) tap(undefined);
  }

  #updateTap(): void {
    this.#inbox.tap =
      this.#taps.size === 0
        ? undefined
        : (packet) => {
            for (const tap of [...this.#taps]) tap(this.ownPacket(packet));
          };
  }

  #expect(entry: PendingReply): void {
    if (this.#holds > 0) for (const giveWay of [...this.#yielding]) giveWay();
    this.#inbox.replies.push(entry);
    this.#deadlines.watch(entry.deadlineMs);
  }

  #createHeartbeat(options: Exclude<ConnectionSettings['heartbeat'], false>, owner: WireOwner): Heartbeat {
    return new Heartbeat(options, this.#clock, {
      ping: (onPong) => {
        // An ERROR in its place is an answer, too.
        this.request(PING, { onReply: onPong, onReplyError: onPong }, Number.POSITIVE_INFINITY);
      },
      backlogBytes: () => this.#transport?.bufferedBytes ?? 0,
      takenBytes: () => this.#transport?.takenBytes ?? 0,
      onDead: () => owner.onDead(new ReplyTimeoutError(this.#server, 'a heartbeat', options.timeoutMs)),
    });
  }
}
