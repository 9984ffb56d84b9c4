import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Timer, TypedEmitter } from '@gearman/events';
import { Engine } from './engine/engine.ts';
import { makeHandlePrefix } from './handle-prefix.ts';
import { connectedPair } from './net/in-process.ts';
import { listen } from './net/listen.ts';
import { ProgressWatch } from './net/progress-watch.ts';
import type { ServerContext } from './net/server-context.ts';
import { Session } from './net/session.ts';
import type { Transport } from './net/transport.ts';
import { Turn } from './net/turn.ts';
import {
  type CheckedOptions,
  type ListenOptions,
  parseListenOptions,
  parseServerOptions,
  type ServerOptions,
} from './options.ts';
import type { ServerEvent } from './server-events.ts';
import { type JobCounters, ServerObserver } from './server-observer.ts';

/** Where a server accepts connections. */
export interface ServerAddress {
  /** An IP address, or the path of a Unix socket. */
  readonly host: string;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
}

/** How {@link Server.close} ends. */
export interface CloseOptions {
  /**
   * Refuses new jobs and connections, and waits until the running jobs have ended, before it closes.
   *
   * @defaultValue false
   */
  readonly graceful?: boolean | undefined;
  /**
   * How long to wait for running jobs, in milliseconds.
   *
   * @defaultValue 30_000
   */
  readonly timeoutMs?: number | undefined;
}

/** What a server is doing, at one moment. */
export interface ServerStats {
  readonly connections: number;
  readonly functions: number;
  /** Jobs that have not ended. */
  readonly jobs: number;
  readonly runningJobs: number;
  readonly sleepingWorkers: number;
  /** Memory of all jobs, about. */
  readonly queueBytes: number;
  /** Counts since the start. */
  readonly counters: Readonly<JobCounters>;
}

const LOG_AT_MOST_EVERY_MS = 60_000;

/** A Gearman job server. Make one with {@link createServer}. */
export class Server extends TypedEmitter<ServerEvent> {
  readonly #options: CheckedOptions;
  readonly #engine: Engine;
  readonly #observer: ServerObserver;
  readonly #turn: Turn;
  readonly #watch: ProgressWatch;
  readonly #context: ServerContext;
  readonly #listeners: NetServer[] = [];
  readonly #sessions = new Set<Session>();
  #state: 'open' | 'closing' | 'closed' = 'open';
  #closing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #whenIdle: (() => void) | undefined;
  #lastRefusalLogged = Number.NEGATIVE_INFINITY;

  constructor(options?: ServerOptions) {
    super();
    this.#options = parseServerOptions(options);
    const { clock, limits, logger, exceptions, logLevel } = this.#options;
    this.#observer = new ServerObserver(
      { wants: (type) => this.hasListeners(type), send: (event) => this.emit(event) },
      () => this.#engine,
    );
    this.#engine = new Engine({
      ...this.#options,
      ...limits,
      handlePrefix: makeHandlePrefix(this.#options.jobHandlePrefix, clock.now()),
      observer: this.#observer,
    });
    this.#turn = new Turn(() => this.#afterTurn());
    this.#watch = new ProgressWatch(clock);
    this.#context = {
      engine: this.#engine,
      turn: this.#turn,
      watch: this.#watch,
      limits,
      exceptions,
      logLevel,
      clock,
      logger,
      peerError: (session, message) => this.#peerError(session, message),
      closed: (session, reason) => this.#sessionClosed(session, reason),
    };
  }

  /**
   * Accepts connections; may be called again for further addresses.
   *
   * @returns the server itself, when the port is open
   * @throws ListenError `ERR_GEARMAN_LISTEN` when it cannot, for example because the port is in use
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  async listen(options?: ListenOptions): Promise<this> {
    const listener = await listen(parseListenOptions(options), (socket) => this.#accept(socket));
    this.#listeners.push(listener);
    listener.on('error', (error) => this.#acceptFailed(error));
    const { host, port } = addressOf(listener);
    this.emit({ type: 'listening', address: host, port });
    // close() may have come in between.
    if (this.#state !== 'open') await closeListener(listener);
    return this;
  }

  /** Where the server accepts connections, in the order of the calls of {@link listen}. */
  get addresses(): ServerAddress[] {
    return this.#listeners.filter((listener) => listener.listening).map(addressOf);
  }

  /** A connection to this server inside this process: a stream like a socket, without a port. */
  connect(): Duplex {
    const [near, far] = connectedPair();
    if (this.#state === 'open') this.#open(far, 'in-process');
    else far.destroy();
    return near;
  }

  get stats(): ServerStats {
    const engine = this.#engine;
    return {
      connections: this.#sessions.size,
      functions: engine.functionCount,
      jobs: engine.jobCount,
      runningJobs: engine.runningCount,
      sleepingWorkers: engine.sleeperCount,
      queueBytes: engine.sizeBytes,
      counters: { ...this.#observer.counters },
    };
  }

  /** Stops accepting, closes every connection, and resolves when all are gone. Jobs that are left are forgotten. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected override isLast(event: ServerEvent): boolean {
    return event.type === 'closed';
  }

  async #close({ graceful = false, timeoutMs = 30_000 }: CloseOptions): Promise<void> {
    this.#state = 'closing';
    const closed = this.#listeners.map(closeListener);
    if (graceful) await this.#jobsToEnd(timeoutMs);
    for (const session of this.#sessions) session.end('the server is closing');
    await Promise.all(closed);
    this.#timer?.cancel();
    this.#watch.stop();
    this.#state = 'closed';
    this.emit({ type: 'closed' });
  }

  #jobsToEnd(timeoutMs: number): Promise<void> {
    this.#engine.drain();
    if (this.#engine.runningCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(timeoutMs, resolve);
      this.#whenIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #accept(socket: Socket): void {
    if (this.#state !== 'open' || this.#sessions.size >= this.#options.limits.maxConnections) {
      socket.destroy();
      this.#logRefusal(
        { connections: this.#sessions.size },
        'a connection was refused: maxConnections is reached',
      );
      return;
    }
    const { keepAliveMs } = this.#options;
    if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
    this.#open(socket, printable(socket.remoteAddress));
  }

  #open(transport: Transport, address: string): void {
    const session = new Session(this.#context, transport, address);
    this.#sessions.add(session);
    if (this.hasListeners('connect')) this.emit({ type: 'connect', connectionId: session.peer.id, address });
  }

  #sessionClosed(session: Session, reason: string): void {
    this.#sessions.delete(session);
    if (!this.hasListeners('disconnect')) return;
    const { id, address } = session.peer;
    this.emit({ type: 'disconnect', connectionId: id, address, reason });
  }

  #peerError(session: Session, message: string): void {
    const { id, address } = session.peer;
    this.#logRefusal({ connectionId: id, address }, `a peer ${message}`);
    if (this.hasListeners('peer-error')) {
      this.emit({ type: 'peer-error', connectionId: id, address, message });
    }
  }

  #acceptFailed(error: Error): void {
    this.#logRefusal({ err: error }, 'a connection could not be accepted');
    if (this.hasListeners('accept-error')) this.emit({ type: 'accept-error', error });
  }

  /** A flood of bad peers must not become a flood of log lines. */
  #logRefusal(fields: object, message: string): void {
    const now = this.#options.clock.monotonicMs();
    if (now - this.#lastRefusalLogged < LOG_AT_MOST_EVERY_MS) return;
    this.#lastRefusalLogged = now;
    this.#options.logger.warn(fields, message);
  }

  #afterTurn(): void {
    if (this.#whenIdle !== undefined && this.#engine.runningCount === 0) {
      this.#whenIdle();
      this.#whenIdle = undefined;
    }
    this.#setTimer();
  }

  #setTimer(): void {
    const delayMs = this.#engine.nextDelayMs();
    if (delayMs === undefined || this.#state === 'closed') return;
    const { clock } = this.#options;
    const at = clock.monotonicMs() + delayMs;
    // A timer that comes too early looks again; that is cheaper than setting it anew for every job.
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = clock.setTimer(Math.ceil(delayMs), () => this.#advance(), { unref: true });
  }

  #advance(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#engine.advance();
    this.#setTimer();
  }
}

/**
 * Makes a job server; it does nothing until {@link Server.listen} or {@link Server.connect}.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
 */
export function createServer(options?: ServerOptions): Server {
  return new Server(options);
}

function closeListener(listener: NetServer): Promise<void> {
  return new Promise((resolve) => {
    listener.close(() => resolve());
  });
}

function addressOf(listener: NetServer): ServerAddress {
  const address: AddressInfo | string | null = listener.address();
  if (address === null || typeof address === 'string') return { host: address ?? '', port: undefined };
  return { host: address.address, port: address.port };
}

const IPV4_IN_IPV6 = '::ffff:';

function printable(address: string | undefined): string {
  if (address === undefined) return 'local';
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
}
