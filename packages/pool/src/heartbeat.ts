import type { Clock, Timer } from '@gearman/events';

/** When to ask a silent server whether it is still there. */
export interface HeartbeatOptions {
  /** How long nothing may come from the server before it is asked, in milliseconds. @defaultValue 30_000 */
  readonly idleMs?: number;
  /**
   * How long it may then stay silent, in milliseconds, before the connection is cut. Counts anew whenever anything comes
   * from it, and while a backlog towards it still moves.
   *
   * @defaultValue 10_000
   */
  readonly timeoutMs?: number;
}

/** What a heartbeat needs of its connection. */
export interface HeartbeatLine {
  /** Sends an ECHO_REQ. */
  ping(onPong: () => void): void;
  /** Bytes that the system has not taken yet. */
  backlogBytes(): number;
  /** Bytes that the system has taken so far; always the same if that cannot be known. */
  takenBytes(): number;
  /** The server is silent for too long. */
  onDead(): void;
}

interface Ping {
  /** When hope began: with the ping, or with the last sign that it is still on its way. */
  sinceMs: number;
  /** True while it, or something before it, has not left. */
  backlog: boolean;
  takenBytes: number;
}

// What two systems may hold between them, and how fast a slow line, of about one megabit per second, empties that.
const LARGEST_BUFFERS_BYTES = 10 * 1024 * 1024;
const SLOW_BYTES_PER_MS = 128;

/**
 * Finds a connection whose other end is gone without a word: a pulled cable, a firewall that forgot, a hung server.
 *
 * One timer per connection. Per chunk that comes it only notes the time; it asks when nothing came for `idleMs`. A server
 * that is busy with a large packet is not dead: bytes that still arrive, or still leave, count as life.
 */
export class Heartbeat {
  readonly #options: Required<HeartbeatOptions>;
  readonly #clock: Clock;
  readonly #line: HeartbeatLine;
  #heardMs = 0;
  /** What the system had taken at the last look, which is long ago when a ping is sent. */
  #takenBytes = 0;
  #ping: Ping | undefined;
  #timer: Timer | undefined;
  #running = false;

  constructor(options: Required<HeartbeatOptions>, clock: Clock, line: HeartbeatLine) {
    this.#options = options;
    this.#clock = clock;
    this.#line = line;
  }

  start(): void {
    this.#running = true;
    this.heard();
    this.#takenBytes = this.#line.takenBytes();
    this.#wakeAt(this.#heardMs + this.#options.idleMs);
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ping = undefined;
  }

  /** Something came from the server. */
  heard(nowMs: number = this.#clock.monotonicMs()): void {
    this.#heardMs = nowMs;
  }

  #wakeAt(atMs: number): void {
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#look(), { unref: true });
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const { idleMs, timeoutMs } = this.#options;
    const ping = this.#ping;
    if (ping === undefined) {
      if (nowMs >= this.#heardMs + idleMs) this.#ask(nowMs);
      else {
        this.#takenBytes = this.#line.takenBytes();
        this.#wakeAt(this.#heardMs + idleMs);
      }
      return;
    }
    this.#notice(ping, nowMs);
    const deadlineMs = ping.sinceMs + timeoutMs + this.#graceMs(ping);
    if (nowMs < deadlineMs) {
      this.#wakeAt(deadlineMs);
      return;
    }
    // Not yet: if this process was busy for long, the answer waits to be read, and timers come before sockets.
    setImmediate(() => {
      if (!this.#running || this.#timer !== undefined) return;
      const { sinceMs } = ping;
      this.#notice(ping, this.#clock.monotonicMs());
      if (this.#ping === ping && ping.sinceMs === sinceMs) this.#line.onDead();
      else this.#look();
    });
  }

  #ask(nowMs: number): void {
    const takenBytes = this.#line.takenBytes();
    const ping = { sinceMs: nowMs, backlog: this.#line.backlogBytes() > 0, takenBytes };
    this.#ping = ping;
    this.#line.ping(() => {
      if (this.#ping !== ping) return;
      this.#ping = undefined;
      this.#timer?.cancel();
      this.#wakeAt(this.#heardMs + this.#options.idleMs);
    });
    this.#wakeAt(nowMs + this.#options.timeoutMs);
  }

  /** Notes signs of life since the last look: bytes that came, or a backlog before the ping that moved. */
  #notice(ping: Ping, nowMs: number): void {
    ping.sinceMs = Math.max(ping.sinceMs, this.#heardMs);
    // Once the backlog is gone, what the system takes proves nothing: it takes some for a dead server, too.
    if (!ping.backlog) return;
    const takenBytes = this.#line.takenBytes();
    if (takenBytes !== ping.takenBytes) ping.sinceMs = nowMs;
    ping.takenBytes = takenBytes;
    ping.backlog = this.#line.backlogBytes() > 0;
  }

  /** The time that what the system took before the ping may need to arrive: nobody tells when it has. */
  #graceMs(ping: Ping): number {
    const bytes = Math.max(0, ping.takenBytes - this.#takenBytes);
    return Math.min(bytes, LARGEST_BUFFERS_BYTES) / SLOW_BYTES_PER_MS;
  }
}
