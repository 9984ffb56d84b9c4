import { TypedEmitter } from '@gearman/events';
import {
  decodeText,
  type GearmanError,
  InvalidArgumentError,
  type Packet,
  toFunctionName,
} from '@gearman/protocol';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { ConnectionStateName } from './connection-state.ts';
import { ClosedError, type ConnectionLostError, NoServersError } from './errors.ts';
import { KeepAlive } from './keep-alive.ts';
import { type PoolOptions, type PoolSettings, parsePoolOptions } from './options.ts';
import type { PoolEvent } from './pool-events.ts';
import { Registration } from './registration.ts';
import { createChooser } from './strategies.ts';

/** One server of a pool, as it is now. */
export interface ServerState {
  /** The server as `host:port`. */
  readonly server: string;
  readonly state: ConnectionStateName;
  /** Requests that wait for their answer. */
  readonly pending: number;
  /** Why the last attempt or connection failed; undefined while connected. */
  readonly lastError: GearmanError | undefined;
}

/** Who uses a pool's connections: hears connects, losses and the packets that answer nothing. */
export interface PoolUser {
  /** A connection may be used from now on. */
  onReady?(connection: Connection): void;
  /** It may not be used any more. Requests without an answer fail after this. */
  onLost?(connection: Connection, error: ConnectionLostError): void;
  /** NOOP or a WORK_* packet. Its bytes are valid during the call only; see {@link Connection.own}. */
  onPacket?(connection: Connection, packet: Packet): void;
}

/** How to wait for a connection. */
export interface WaitOptions {
  /** In milliseconds. @defaultValue 10_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Prefer the server that this unique id belongs to. */
  readonly uniqueId?: string;
  /** Wait for this server, `host:port`, and no other. */
  readonly server?: string;
}

const DEFAULT_WAIT_MS = 10_000;

/**
 * Connections to one or more job servers, opened in the background and kept up.
 *
 * Building it never throws for an unreachable server: calls that need one wait, and reject with
 * `ERR_GEARMAN_NO_SERVERS`, which names each server and why it failed.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function createPool(options: PoolOptions = {}): Pool {
  return new Pool(parsePoolOptions(options));
}

/** See {@link createPool}. */
export class Pool extends TypedEmitter<PoolEvent> {
  readonly settings: PoolSettings;
  readonly #connections: readonly Connection[];
  readonly #registration = new Registration();
  readonly #choose: ReturnType<typeof createChooser>;
  readonly #keepAlive = new KeepAlive();
  #users: readonly PoolUser[] = [];
  #waiters = new Set<() => void>();
  #closing: Promise<void> | undefined;

  /** @internal use {@link createPool} */
  constructor(settings: PoolSettings) {
    super();
    this.settings = settings;
    this.#choose = createChooser(settings.strategy);
    for (const option of settings.options) this.#registration.addOption(option);
    if (settings.clientId !== undefined) this.#registration.setClientId(settings.clientId);
    const owner = this.#owner();
    this.#connections = settings.servers.map((address) => new Connection(address, settings, owner));
    for (const connection of this.#connections) connection.open();
  }

  /** The servers, in the order they were given, as they are now. */
  get servers(): readonly ServerState[] {
    return this.#connections.map((connection) => ({
      server: connection.server,
      state: connection.state.name,
      pending: connection.pending,
      lastError: connection.lastError,
    }));
  }

  /** The connections, in the order the servers were given. */
  get connections(): readonly Connection[] {
    return this.#connections;
  }

  /** True once {@link close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** A ready connection by the pool's strategy, or undefined when none is ready now. */
  pick(uniqueId?: string): Connection | undefined {
    const [only] = this.#connections;
    if (this.#connections.length === 1) return only?.ready === true ? only : undefined;
    return this.#choose(this.#connections, uniqueId);
  }

  /** The connection to `server` (`host:port`), ready or not. */
  connection(server: string): Connection | undefined {
    return this.#connections.find((connection) => connection.server === server);
  }

  /**
   * Waits for a ready connection. Keeps the process alive meanwhile, as {@link ready} does.
   *
   * @returns a promise that rejects with `ERR_GEARMAN_NO_SERVERS` when none is ready in time or all were given up,
   * `ERR_GEARMAN_CLOSED` when the pool closes, `ERR_GEARMAN_INVALID_ARGUMENT` for a `server` that is not one of the
   * pool's, or the signal's reason
   */
  async acquire(options: WaitOptions = {}): Promise<Connection> {
    const { server, uniqueId } = options;
    if (server === undefined) return this.#waitFor(this.#connections, 1, () => this.pick(uniqueId), options);
    const connection = this.connection(server);
    if (connection === undefined) {
      const known = this.#connections.map((each) => each.server).join(', ');
      throw new InvalidArgumentError(`"${server}" is none of the pool's servers, which are ${known}`);
    }
    return this.#waitFor([connection], 1, () => (connection.ready ? connection : undefined), options);
  }

  /**
   * Waits until `servers` of them are connected. Never required: calls wait by themselves.
   *
   * @returns a promise that rejects as {@link acquire}
   */
  async ready(options: WaitOptions & { readonly servers?: 'any' | 'all' | number } = {}): Promise<this> {
    const { servers = 'any' } = options;
    const needed = servers === 'any' ? 1 : servers === 'all' ? this.#connections.length : servers;
    const enough = (): true | undefined =>
      this.#connections.filter(({ ready }) => ready).length >= needed ? true : undefined;
    await this.#waitFor(this.#connections, needed, enough, options);
    return this;
  }

  /** Makes `user` hear what the connections bring; the result makes it stop. */
  attach(user: PoolUser): () => void {
    this.#users = [...this.#users, user];
    for (const connection of this.#connections) if (connection.ready) user.onReady?.(connection);
    return () => {
      this.#users = this.#users.filter((other) => other !== user);
    };
  }

  /** Keeps the process alive until {@link release}; calls are counted. */
  hold(): void {
    this.#keepAlive.hold();
  }

  release(): void {
    this.#keepAlive.release();
  }

  /**
   * Asks every server, now and on every later connect, for an option. A refusal is an `option-refused` event.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` unless it is 1 to 63 bytes without NUL
   */
  setOption(option: string): void {
    const packet = this.#registration.addOption(option);
    for (const connection of this.#connections) if (connection.ready) this.#askOption(connection, packet);
  }

  /**
   * Tells every server, now and on every later connect, the name to show in `workers`.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` unless it is 1 to 127 bytes without spaces
   */
  setClientId(clientId: string): void {
    const packet = this.#registration.setClientId(clientId);
    for (const connection of this.#connections) connection.send(packet);
  }

  /** Registers a function with every server, now and on every later connect. */
  addFunction(functionName: string, timeoutMs?: number): void {
    const packet = this.#registration.addFunction(toFunctionName(functionName), timeoutMs);
    for (const connection of this.#connections) connection.send(packet);
  }

  /** Takes a function back everywhere. Jobs of it that run on a connection are queued again by the server. */
  removeFunction(functionName: string): void {
    const packet = this.#registration.removeFunction(toFunctionName(functionName));
    for (const connection of this.#connections) connection.send(packet);
  }

  /**
   * No longer announces a function on later connects. The servers connected now are the caller's to tell, each once no
   * job of the function runs there any more.
   */
  forgetFunction(functionName: string): void {
    this.#registration.removeFunction(toFunctionName(functionName));
  }

  /**
   * Sends what is waiting, then closes every connection. Requests without an answer fail with `ERR_GEARMAN_CLOSED`.
   *
   * @param options `timeoutMs`: how long sending may take before the connections are cut, in milliseconds; default 5000
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#closing === undefined) {
      let done = (): void => {};
      // Assigned before anything happens: whoever hears of it, or waits for a connection, must find the pool closed.
      this.#closing = new Promise((resolve) => {
        done = resolve;
      });
      this.#close(options.timeoutMs ?? 5000, done);
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override isLast(event: PoolEvent): boolean {
    return event.type === 'close';
  }

  #close(timeoutMs: number, done: () => void): void {
    this.hold();
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy();
    };
    const timer = this.settings.clock.setTimer(timeoutMs, cut);
    const finishOnceClosed = (): void => {
      if (!this.#connections.every(({ state }) => state.name === 'closed')) return;
      this.#waiters.delete(finishOnceClosed);
      timer.cancel();
      this.#keepAlive.close();
      this.emit({ type: 'close' });
      done();
    };
    for (const connection of this.#connections) connection.close();
    this.#wake();
    this.#waiters.add(finishOnceClosed);
    finishOnceClosed();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  #owner(): ConnectionOwner {
    return {
      onOpen: (connection) => {
        for (const packet of this.#registration.options()) this.#askOption(connection, packet);
        for (const packet of this.#registration.announcements()) connection.send(packet);
      },
      onReady: (connection) => {
        for (const user of this.#users) user.onReady?.(connection);
        this.#wake();
      },
      onLost: (connection, error) => {
        for (const user of this.#users) user.onLost?.(connection, error);
      },
      onPacket: (connection, packet) => {
        for (const user of this.#users) user.onPacket?.(connection, packet);
      },
      onEvent: (event) => {
        this.#log(event);
        this.emit(event);
      },
      onClosed: () => this.#wake(),
      hold: () => this.hold(),
      release: () => this.release(),
    };
  }

  #askOption(connection: Connection, packet: Packet<'OPTION_REQ'>): void {
    connection.request(packet, {
      onReply: () => {},
      onReplyError: (error) => {
        if (!connection.ready) return;
        const { server } = connection;
        const event: PoolEvent = { type: 'option-refused', server, option: decodeText(packet.option), error };
        this.#log(event);
        this.emit(event);
      },
    });
  }

  /** Waits until `find` finds something, as long as `needed` of the servers may still come. */
  #waitFor<T>(
    from: readonly Connection[],
    needed: number,
    find: () => T | undefined,
    options: WaitOptions,
  ): Promise<T> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiters.delete(check);
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.release();
        settle();
      };
      const check = (): void => {
        const found = this.closed ? undefined : find();
        const left = from.filter(({ state }) => state.name !== 'closed').length;
        if (this.closed) finish(() => reject(new ClosedError('the pool is closed')));
        else if (found !== undefined) finish(() => resolve(found));
        else if (left < needed) {
          finish(() => reject(noServers('too many job servers were given up', from)));
        }
      };
      // The reason is whatever the caller gave to abort(), usually an Error.
      const onAbort = (): void => finish(() => reject(signal?.reason as Error));
      const onTimeout = (): void => {
        const who = needed === 1 ? 'no job server' : `fewer than ${needed} job servers`;
        finish(() => reject(noServers(`${who} accepted a connection within ${timeoutMs} ms`, from)));
      };

      this.hold();
      const timer = Number.isFinite(timeoutMs)
        ? this.settings.clock.setTimer(timeoutMs, onTimeout, { unref: true })
        : undefined;
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(check);
      check();
    });
  }

  #log(event: PoolEvent): void {
    const { logger } = this.settings;
    if (event.type === 'connect') logger.info({ server: event.server }, 'connected');
    else if (
      event.type === 'connection-error' ||
      event.type === 'disconnect' ||
      event.type === 'option-refused'
    )
      logger.warn({ server: event.server }, event.error.message);
    else if (event.type === 'protocol-error') logger.error({ server: event.server }, event.error.message);
  }
}

function noServers(fact: string, connections: readonly Connection[]): NoServersError {
  const failures = connections
    .filter(({ ready }) => !ready)
    .map(({ server, lastError }) => ({ server, error: lastError }));
  const reasons = failures.map(({ server, error }) => error?.message ?? `${server}: still connecting`);
  return new NoServersError(`${fact} (${reasons.join('; ')}); is gearmand running?`, failures);
}
