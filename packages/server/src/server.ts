import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TypedEmitter } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { DeadLetters } from './dead-letters.ts';
import { Engine } from './engine/engine.ts';
import { Ledger } from './engine/ledger.ts';
import { EngineTimer } from './engine-timer.ts';
import { ListenError } from './errors.ts';
import { makeHandlePrefix } from './handle-prefix.ts';
import { HttpListener } from './http/http-listener.ts';
import { IN_PROCESS, printableAddress } from './net/address.ts';
import { Congestion } from './net/congestion.ts';
import { Connections } from './net/connections.ts';
import { connectedPair } from './net/in-process.ts';
import { InputBudget } from './net/input-budget.ts';
import { LimitLog, type LimitName } from './net/limit-log.ts';
import { addressOf, closeListener, listen, type ServerAddress, toServerName } from './net/listen.ts';
import { OutputPool } from './net/output-pool.ts';
import { ProgressWatch } from './net/progress-watch.ts';
import { RefusalLog } from './net/refusal-log.ts';
import type { ServerContext } from './net/server-context.ts';
import { Session } from './net/session.ts';
import { TlsAcceptor } from './net/tls-acceptor.ts';
import type { Transport } from './net/transport.ts';
import { Turn } from './net/turn.ts';
import {
  type CheckedListenOptions,
  type CheckedOptions,
  type ListenOptions,
  parseListenOptions,
  parseServerOptions,
  type ServerOptions,
} from './options.ts';
import { ResultDesk } from './result-desk.ts';
import type { ServerEvent } from './server-events.ts';
import { ServerObserver } from './server-observer.ts';
import type { ServerStats } from './server-stats.ts';
import { Spool } from './spool/spool.ts';
import { Durability } from './store/durability.ts';

/** How {@link Server.close} ends. */
export interface CloseOptions {
  /**
   * Refuses new connections before it closes, and waits: with `true` until the running jobs have ended, refusing new
   * jobs; with `'all-jobs'` until there is no job at all, taking new ones from those who are connected (as gearmand
   * does).
   *
   * @defaultValue false
   */
  readonly graceful?: boolean | 'all-jobs' | undefined;
  /**
   * How long to wait for jobs, in milliseconds; `Infinity` is possible.
   *
   * @defaultValue 30_000
   */
  readonly timeoutMs?: number | undefined;
}

/** A Gearman job server. Make one with {@link createServer}. */
export class Server extends TypedEmitter<ServerEvent> {
  readonly #options: CheckedOptions;
  readonly #engine: Engine;
  readonly #observer: ServerObserver;
  readonly #engineTimer: EngineTimer;
  readonly #context: ServerContext;
  readonly #refusals: RefusalLog;
  readonly #tls: TlsAcceptor | undefined;
  readonly #listeners: NetServer[] = [];
  #http: HttpListener | undefined;
  readonly #connections: Connections;
  readonly #durability: Durability | undefined;
  readonly #spool: Spool | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #closing: Promise<void> | undefined;
  #whenIdle: { readonly jobsLeft: () => number; readonly resolve: () => void } | undefined;

  constructor(options?: ServerOptions) {
    super();
    this.#options = parseServerOptions(options);
    const { clock, limits, logger, exceptions, logLevel, store } = this.#options;
    this.#observer = new ServerObserver(
      { wants: (type) => this.hasListeners(type), send: (event) => this.emit(event) },
      () => this.#engine,
    );
    const handlePrefix = makeHandlePrefix(this.#options.jobHandlePrefix, clock.now());
    const ledger = store === undefined ? undefined : new Ledger(() => this.#context.turn.begin());
    const observer = this.#observer;
    const { functions: rulesOf } = this.#options;
    this.#engine = new Engine({ ...this.#options, ...limits, handlePrefix, observer, ledger, rulesOf });
    this.#engineTimer = new EngineTimer(this.#engine, clock);
    this.#refusals = new RefusalLog(clock, logger);
    this.#tls = this.#createTls();
    const limitLog = new LimitLog(limits, clock, logger);
    const { spool: spoolOptions } = this.#options;
    this.#spool = spoolOptions && new Spool({ options: spoolOptions, limits, limitLog, clock, logger });
    this.#context = {
      engine: this.#engine,
      deadLetters: new DeadLetters(this.#engine, store, new RefusalLog(clock, logger)),
      results: new ResultDesk(this.#engine, clock),
      turn: new Turn(() => this.#afterTurn()),
      watch: new ProgressWatch(clock),
      congestion: new Congestion(),
      input: new InputBudget(limits.maxInputBytes),
      output: new OutputPool(),
      limits,
      limitLog,
      payloadLog: new RefusalLog(clock, logger),
      spool: this.#spool,
      exceptions,
      logLevel,
      clock,
      logger,
      readStored: (numbers) => store?.read(numbers) ?? Promise.resolve([]),
      peerError: (session, message, limit) => this.#peerError(session, message, limit),
      closed: (session, reason) => this.#sessionClosed(session, reason),
    };
    this.#connections = new Connections(this.#context);
    if (store === undefined || ledger === undefined) return;
    this.#durability = new Durability({
      ...{ store, ledger, engine: this.#engine, clock, logger, handlePrefix },
      maxQueueBytes: limits.maxQueueBytes,
      maxMemoryBytes: limits.maxMemoryBytes,
      storeTimeoutMs: limits.storeTimeoutMs,
      silent: ({ message }) => this.#context.limitLog.note('storeTimeoutMs', {}, message),
      refused: (error, jobs) => {
        if (this.hasListeners('store-refused')) this.emit({ type: 'store-refused', error, jobs });
      },
      broken: (error) => {
        if (this.hasListeners('store-broken')) this.emit({ type: 'store-broken', error });
      },
      committed: () => this.#context.turn.begin(),
    });
  }

  /**
   * Opens the store and the spool, if there are any, and restores the jobs of the store; {@link listen} does that, too.
   *
   * @throws the error of the store when it cannot be opened: it is in use, for example
   * @throws SpoolError `ERR_GEARMAN_SPOOL`
   */
  async open(): Promise<this> {
    if (this.#state !== 'open') return this;
    await this.#durability?.open();
    await this.#spool?.open();
    return this;
  }

  /**
   * Accepts connections; may be called again for further addresses. The first call also opens the port for jobs over
   * HTTP, if the server has the option `http`.
   *
   * @returns the server itself, when the port is open
   * @throws ListenError `ERR_GEARMAN_LISTEN` when it cannot, for example because the port is in use
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   * @throws the error of the store, see {@link open}
   */
  async listen(options?: ListenOptions): Promise<this> {
    const checked = parseListenOptions(options);
    const tls = this.#tlsFor(checked);
    await this.open();
    await this.#listenHttp();
    const listener = await listen(checked, (socket) => this.#accept(socket, tls));
    this.#listeners.push(listener);
    listener.on('error', (error) => this.#acceptFailed(error));
    const { host, port } = addressOf(listener);
    this.emit({ type: 'listening', protocol: 'gearman', address: host, port });
    // close() may have come in between.
    if (this.#state !== 'open') await closeListener(listener);
    return this;
  }

  /** Where the server accepts connections, in the order of the calls of {@link listen}. */
  get addresses(): ServerAddress[] {
    return this.#listeners.filter((listener) => listener.listening).map(addressOf);
  }

  /**
   * Where clients and workers on this machine reach the server, as they take it for `servers`: the first of
   * {@link addresses}, such as `127.0.0.1:4730` or `unix:/run/gearman.sock`.
   *
   * @throws ListenError `ERR_GEARMAN_LISTEN` before {@link listen} and after {@link close}
   */
  get address(): string {
    const [first] = this.addresses;
    if (first !== undefined) return toServerName(first);
    throw new ListenError('the server has no address: it does not listen; await server.listen() first');
  }

  /** Where the server takes jobs over HTTP. */
  get httpAddress(): ServerAddress | undefined {
    return this.#http?.address;
  }

  /**
   * Reads certificates and key again. New connections get the new certificate; the open ones go on.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` when they cannot be used, or the server has no option
   * `tls`; then nothing has changed
   */
  reloadTls(): void {
    if (this.#tls === undefined) throw new InvalidArgumentError('reloadTls(): the server has no option tls');
    this.#tls.reload();
  }

  /**
   * A connection to this server inside this process: a stream like a socket, without a port.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` when the server has a store or a spool that is not open
   */
  connect(): Duplex {
    const notOpen =
      this.#durability?.isOpen === false ? 'store' : this.#spool?.isOpen === false ? 'spool' : undefined;
    if (notOpen !== undefined && this.#state === 'open')
      throw new InvalidArgumentError(`connect(): the ${notOpen} is not open; await open() first`);
    const [near, far] = connectedPair();
    if (this.#state === 'open') this.#open(far, IN_PROCESS);
    else far.destroy();
    return near;
  }

  get stats(): ServerStats {
    const engine = this.#engine;
    const { input, output, limitLog } = this.#context;
    return {
      connections: this.#connections.size,
      functions: engine.functionCount,
      jobs: engine.jobCount,
      runningJobs: engine.runningCount,
      schedules: engine.schedules.size,
      sleepingWorkers: engine.sleeperCount,
      keptResults: engine.results.size,
      droppedResults: engine.results.dropped,
      deadJobs: engine.afterlife.dead?.size ?? 0,
      droppedDeadJobs: engine.afterlife.dropped,
      dedupIds: engine.dedup.size,
      queueBytes: engine.sizeBytes,
      memoryBytes: engine.memoryBytes,
      parkedJobs: engine.parking?.count ?? 0,
      inputBytes: input.usedBytes,
      outputBytes: output.waitingBytes,
      failedHandshakes: this.#tls?.failures ?? 0,
      counters: { ...this.#observer.counters },
      limits: { ...limitLog.counters },
      spoolBytes: this.#spool?.usedBytes ?? 0,
      store: this.#durability?.stats,
    };
  }

  /**
   * Stops accepting, closes every connection, and resolves when all are gone. Jobs that are left are forgotten; what a store
   * has, it keeps.
   */
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
    this.#engine.schedules.hold();
    const closed = this.#listeners.map(closeListener);
    if (this.#http !== undefined) closed.push(this.#http.close());
    this.#tls?.close();
    if (graceful !== false) await this.#jobsToEnd(graceful === 'all-jobs', timeoutMs);
    await this.#lastCommits();
    this.#connections.endAll('the server is closing');
    await Promise.all(closed);
    this.#engineTimer.stop();
    this.#context.watch.stop();
    this.#context.results.close();
    await this.#durability?.close();
    await this.#spool?.close();
    this.#state = 'closed';
    this.emit({ type: 'closed' });
  }

  /** Answers those who wait for the store; what closing the connections does to jobs is not recorded. */
  async #lastCommits(): Promise<void> {
    if (this.#durability === undefined) return;
    this.#engine.drain();
    await this.#durability.idle();
    this.#durability.seal();
  }

  #jobsToEnd(all: boolean, timeoutMs: number): Promise<void> {
    if (!all) this.#engine.drain();
    const jobsLeft = () => (all ? this.#engine.jobCount : this.#engine.runningCount);
    if (jobsLeft() === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = Number.isFinite(timeoutMs) ? this.#options.clock.setTimer(timeoutMs, resolve) : undefined;
      this.#whenIdle = {
        jobsLeft,
        resolve: () => {
          timer?.cancel();
          resolve();
        },
      };
    });
  }

  async #listenHttp(): Promise<void> {
    const { http } = this.#options;
    if (http === undefined || this.#http !== undefined) return;
    const listener = new HttpListener(this.#context, this.#connections, (error) => this.#acceptFailed(error));
    this.#http = listener;
    try {
      await listener.listen(http);
    } catch (error) {
      this.#http = undefined;
      throw error;
    }
    const { host, port } = listener.address;
    this.emit({ type: 'listening', protocol: 'http', address: host, port });
    if (this.#state !== 'open') await listener.close();
  }

  #createTls(): TlsAcceptor | undefined {
    const { tls, clock, logger, limits } = this.#options;
    if (tls === undefined) return undefined;
    return new TlsAcceptor(tls, {
      ...{ clock, logger, handshakeTimeoutMs: limits.handshakeTimeoutMs },
      onSecure: (socket, address) => this.#open(socket, address),
      onFailure: (address, reason, limit) => {
        this.#connections.leave(address);
        if (limit !== undefined) this.#context.limitLog.note(limit, { address }, `a peer ${reason}`);
        if (this.hasListeners('handshake-failed')) this.emit({ type: 'handshake-failed', address, reason });
      },
    });
  }

  /** What encrypts the connections of a listener, if anything does. */
  #tlsFor({ path, tls }: CheckedListenOptions): TlsAcceptor | undefined {
    if (tls === true && path !== undefined) {
      throw new InvalidArgumentError('listen(): tls: a Unix socket is always plain text');
    }
    if (tls === true && this.#tls === undefined) {
      throw new InvalidArgumentError('listen(): tls: give the certificates to createServer()');
    }
    return tls === false || path !== undefined ? undefined : this.#tls;
  }

  #accept(socket: Socket, tls: TlsAcceptor | undefined): void {
    const address = printableAddress(socket.remoteAddress);
    if (this.#state !== 'open' || !this.#connections.enter(address)) {
      socket.destroy();
      return;
    }
    const { keepAliveMs } = this.#options;
    if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
    if (tls !== undefined) tls.accept(socket, address);
    else this.#openPlain(socket, address);
  }

  #openPlain(socket: Socket, address: string): void {
    let session: Session | undefined;
    // Otherwise the peer would wait for the rest of its handshake, and the session for that of a line.
    socket.once('data', (chunk: Uint8Array) => {
      if (isTlsGreeting(chunk)) session?.refuse('speaks TLS on a port without');
    });
    session = this.#open(socket, address);
  }

  #open(transport: Transport, address: string): Session {
    const session = new Session(this.#context, transport, address);
    this.#connections.add(session);
    if (this.hasListeners('connect')) this.emit({ type: 'connect', connectionId: session.peer.id, address });
    return session;
  }

  #sessionClosed(session: Session, reason: string): void {
    const { id, address } = session.peer;
    this.#connections.delete(session);
    if (address !== IN_PROCESS) this.#connections.leave(address);
    if (!this.hasListeners('disconnect')) return;
    this.emit({ type: 'disconnect', connectionId: id, address, reason });
  }

  #peerError(session: Session, message: string, limit: LimitName | undefined): void {
    const { id, address } = session.peer;
    const fields = { connectionId: id, address };
    if (limit === undefined) this.#refusals.warn(fields, `a peer ${message}`);
    else this.#context.limitLog.note(limit, fields, `a peer ${message}`);
    if (this.hasListeners('peer-error')) {
      this.emit({ type: 'peer-error', connectionId: id, address, message });
    }
  }

  #acceptFailed(error: Error): void {
    this.#refusals.warn({ err: error }, 'a connection could not be accepted');
    if (this.hasListeners('accept-error')) this.emit({ type: 'accept-error', error });
  }

  #afterTurn(): void {
    if (this.#whenIdle?.jobsLeft() === 0) {
      this.#whenIdle.resolve();
      this.#whenIdle = undefined;
    }
    this.#durability?.flush();
    this.#connections.shedOutput();
    this.#engineTimer.set();
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

/** A record of the TLS handshake, of SSL 3 or newer. */
function isTlsGreeting(chunk: Uint8Array): boolean {
  return chunk[0] === 0x16 && chunk[1] === 3;
}
