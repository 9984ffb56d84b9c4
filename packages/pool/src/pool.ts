import { type Observable, TypedEmitter } from '@gearman/events';
import { encodeText, InvalidArgumentError, request, toFunctionName } from '@gearman/protocol';
import { type ServerAddress, type ServerInput, serverName } from './address.ts';
import { Announcer } from './announcer.ts';
import type { Connection } from './connection.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { connectionTo } from './connection-to.ts';
import { ClosedError } from './errors.ts';
import { KeepAlive } from './keep-alive.ts';
import { type PoolOptions, type PoolSettings, parseMoreServers, parsePoolOptions } from './options.ts';
import type { Dumped, PoolEvent } from './pool-events.ts';
import { logEvent } from './pool-log.ts';
import type { PoolUser } from './pool-user.ts';
import { type MaxQueue, Registration } from './registration.ts';
import { decide } from './retry.ts';
import { type RemoveOptions, ServerList } from './server-list.ts';
import { observeStates, type ServerState, serverStates } from './server-state.ts';
import { createChooser } from './strategies.ts';
import { Suspects } from './suspects.ts';
import type { EchoAnswer, ReadyOptions, WaitOptions } from './wait-options.ts';
import { Waiters } from './waiters.ts';

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
  readonly #list: ServerList;
  readonly #registration = new Registration();
  readonly #announcer: Announcer;
  readonly #choose: ReturnType<typeof createChooser>;
  readonly #keepAlive = new KeepAlive();
  readonly #waiters: Waiters;
  readonly #suspects = new Suspects();
  #users: readonly PoolUser[] = [];
  #opened = false;
  #finishClosing: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createPool} */
  constructor(settings: PoolSettings) {
    super();
    this.settings = settings;
    const { clock, random, connectAttempts, connectionsPerServer, maxPending } = settings;
    this.#choose = createChooser(settings.strategy, {
      random,
      onError: (error) => this.#tell({ type: 'listener-error', error, during: 'strategy' }),
    });
    this.#waiters = new Waiters({
      ...{ clock, maxPending, closed: () => this.closed },
      ...{ hold: () => this.hold(), release: () => this.release() },
      maxFailures:
        connectAttempts === undefined
          ? Number.POSITIVE_INFINITY
          : connectAttempts.fast + connectAttempts.slow,
    });
    this.#announcer = new Announcer(this.#registration, (event) => this.#tell(event));
    for (const { name, required } of settings.options) this.#registration.addOption(name, required);
    if (settings.clientId !== undefined) this.#registration.setClientId(settings.clientId);
    const owner = this.#owner();
    this.#list = new ServerList(
      {
        ...{ clock, connectionsPerServer, users: () => this.#users },
        create: (address) => connectionTo(address, settings, owner, (...dumped) => this.#onDump(...dumped)),
        onEvent: (event) => this.#tell(event),
      },
      settings.servers,
    );
    if (!settings.lazy) this.#open();
  }

  /** The servers, in the order they were given, as they are now. */
  get servers(): readonly ServerState[] {
    return serverStates(this.#list.connections);
  }

  /** {@link servers} as an Observable: the present ones first, then again after each change; completes with the pool. */
  get state$(): Observable<readonly ServerState[]> {
    return observeStates(this.events$, () => this.servers);
  }

  /** The connections, in the order the servers were given. */
  get connections(): readonly Connection[] {
    return this.#list.connections;
  }

  /** True once {@link close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * A ready connection by the pool's strategy, or undefined when none is ready now. Servers that failed, and have not
   * answered since, are passed over as long as there are others.
   *
   * @param uniqueId the unique id that the caller gave, and none that was generated; as it travels, see `encodeText()`
   * @param functionName the function it belongs to, as it travels
   */
  pick(uniqueId?: string, functionName?: string): Connection | undefined {
    const { connections } = this.#list;
    const [only] = connections;
    if (connections.length === 1) return only?.available === true ? only : undefined;
    this.#suspects.probe();
    return this.#choose(connections, uniqueId, functionName);
  }

  /** The connection to `server` (`host:port`), ready or not; with several to each server, a ready one if there is one. */
  connection(server: string): Connection | undefined {
    const all = this.#list.connections.filter((connection) => connection.server === server);
    return all.find(({ ready }) => ready) ?? all[0];
  }

  /**
   * Waits for a ready connection. Keeps the process alive meanwhile, as {@link ready} does. When every server is waiting
   * for its next attempt, all are tried at once.
   *
   * @returns a promise that rejects with `ERR_GEARMAN_NO_SERVERS` when none is ready in time or all were given up or
   * `maxPending` calls wait already, `ERR_GEARMAN_CLOSED` when the pool closes, `ERR_GEARMAN_INVALID_ARGUMENT` for a
   * `server` that is not one of the pool's, or the signal's reason
   */
  async acquire(options: WaitOptions = {}): Promise<Connection> {
    const { server, signal, timeoutMs = DEFAULT_WAIT_MS } = options;
    this.#open();
    const wait = { needed: () => 1, timeoutMs, signal };
    if (server === undefined) {
      const uniqueId = options.uniqueId && encodeText(options.uniqueId);
      const functionName = options.functionName && encodeText(options.functionName);
      const find = (): Connection | undefined => this.pick(uniqueId, functionName);
      return this.#waiters.wait({ ...wait, from: () => this.#list.connections, find });
    }
    if (this.connection(server) === undefined) {
      const known = this.servers.map((state) => state.server).join(', ');
      throw new InvalidArgumentError(`"${server}" is none of the pool's servers, which are ${known}`);
    }
    const from = (): Connection[] => this.#list.connections.filter((each) => each.server === server);
    return this.#waiters.wait({ ...wait, from, find: () => from().find(({ available }) => available) });
  }

  /**
   * Waits until servers are connected, `atLeast` so many. Never required: calls wait by themselves.
   *
   * @returns a promise that rejects as {@link acquire}
   */
  async ready(options: ReadyOptions = {}): Promise<this> {
    const { atLeast = 'any', signal, timeoutMs = DEFAULT_WAIT_MS } = options;
    this.#open();
    const from = (): readonly Connection[] => this.#list.connections;
    const needed = (): number => (atLeast === 'any' ? 1 : atLeast === 'all' ? from().length : atLeast);
    const find = (): true | undefined =>
      from().filter(({ ready }) => ready).length >= needed() ? true : undefined;
    await this.#waiters.wait({ from, needed, find, timeoutMs, signal });
    return this;
  }

  /**
   * Sends bytes to a server and back, to see whether it is there and how fast.
   *
   * @param options `server`: which one; `timeoutMs`: for the connection, and then for the answer
   * @returns a promise that rejects as {@link acquire} and `Connection.ask()`
   */
  async echo(data: Uint8Array = new Uint8Array(), options: WaitOptions = {}): Promise<EchoAnswer> {
    const connection = await this.acquire(options);
    const { clock } = this.settings;
    const startMs = clock.monotonicMs();
    const reply = await connection.ask(request('ECHO_REQ', { data }), options.timeoutMs);
    return { data: reply.data, rttMs: clock.monotonicMs() - startMs, server: connection.server };
  }

  /** Makes `user` hear what the connections bring; the result makes it stop. */
  attach(user: PoolUser): () => void {
    this.#users = [...this.#users, user];
    for (const connection of this.#list.connections) if (connection.ready) user.onReady?.(connection);
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
   * Adds servers, which are connected at once and told what the others were told. A server that is there already is
   * removed, and comes anew with these options.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
   * @throws ClosedError `ERR_GEARMAN_CLOSED`
   */
  addServer(servers: ServerInput | readonly ServerInput[]): void {
    for (const address of this.#parse(servers, 'addServer()')) this.#list.add(address);
    this.#afterChange();
  }

  /**
   * Takes servers off the list. They get nothing new from now on; their connections are closed when their requests are
   * answered and whoever uses the pool has ended what runs there, or at once with `force`. What is cut fails with
   * `ERR_GEARMAN_CONNECTION_LOST`. Servers that are not on the list are ignored.
   *
   * @returns a promise that resolves when the connections are closed, and rejects with `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  async removeServer(
    servers: ServerInput | readonly ServerInput[],
    options: RemoveOptions = {},
  ): Promise<void> {
    const addresses = parseMoreServers(servers, this.settings, 'removeServer()');
    const removals = addresses.map((address) => this.#list.remove(serverName(address), options));
    this.#afterChange();
    await Promise.all(removals);
  }

  /**
   * Makes the list of servers this one: those that are the same stay connected, the others are added or removed as by
   * {@link addServer} and {@link removeServer}.
   */
  async setServers(
    servers: ServerInput | readonly ServerInput[],
    options: RemoveOptions = {},
  ): Promise<void> {
    const done = this.#list.replace(this.#parse(servers, 'setServers()'), options);
    this.#afterChange();
    await done;
  }

  /**
   * Asks every server, now and on every later connect, for an option. A refusal is an `option-refused` event.
   *
   * @param options `required`: a server that refuses is not used, see `OptionInput`; its connection is closed
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` unless it is 1 to 63 bytes without NUL
   */
  setOption(option: string, options: { readonly required?: boolean } = {}): void {
    const wanted = this.#registration.addOption(option, options.required ?? false);
    for (const connection of this.#ready()) this.#announcer.askOption(connection, wanted);
  }

  /**
   * Tells every server, now and on every later connect, the name to show in `workers`.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` unless it is 1 to 127 bytes without spaces
   */
  setClientId(clientId: string): void {
    const packet = this.#registration.setClientId(clientId);
    for (const connection of this.#ready()) connection.send(packet);
  }

  /** Registers a function with every server, now and on every later connect. */
  addFunction(functionName: string, timeoutMs?: number): void {
    this.#open();
    const packet = this.#registration.addFunction(toFunctionName(functionName), timeoutMs);
    for (const connection of this.#ready()) connection.send(packet);
  }

  /** Takes a function back everywhere. Jobs of it that run on a connection are queued again by the server. */
  removeFunction(functionName: string): void {
    const packet = this.#registration.removeFunction(toFunctionName(functionName));
    for (const connection of this.#ready()) connection.send(packet);
  }

  /**
   * No longer announces a function on later connects. The servers connected now are the caller's to tell, each once no
   * job of the function runs there any more.
   */
  forgetFunction(functionName: string): void {
    this.#registration.removeFunction(toFunctionName(functionName));
  }

  /**
   * Limits, now and on every later connect, how many jobs of a function may wait in each server; null takes that back. A
   * server that refuses is a `max-queue-refused` event. One value for the function holds for all who use the server.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a name with spaces, or limits that are no numbers
   */
  setMaxQueue(functionName: string, limits: MaxQueue | null): void {
    const name = toFunctionName(functionName);
    const line = this.#registration.setMaxQueue(name, limits);
    for (const connection of this.#ready()) this.#announcer.askMaxQueue(connection, name, line);
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
    const connections = this.#list.all;
    const timer = this.settings.clock.setTimer(timeoutMs, () => {
      for (const connection of connections) connection.destroy();
    });
    this.#finishClosing = () => {
      if (!connections.every(({ state }) => state.name === 'closed')) return;
      this.#finishClosing = undefined;
      timer.cancel();
      this.#keepAlive.close();
      this.emit({ type: 'close' });
      done();
    };
    for (const connection of connections) connection.close();
    this.#waiters.wake();
    this.#finishClosing?.();
  }

  #open(): void {
    this.#opened = true;
    for (const connection of this.#list.connections) connection.open();
  }

  #ready(): Connection[] {
    return this.#list.connections.filter(({ ready }) => ready);
  }

  #parse(servers: ServerInput | readonly ServerInput[], where: string): ServerAddress[] {
    const addresses = parseMoreServers(servers, this.settings, where);
    if (this.closed) throw new ClosedError('the pool is closed');
    return addresses;
  }

  /** The list of servers is another one. */
  #afterChange(): void {
    if (this.#opened && !this.closed) this.#open();
    this.#waiters.wake();
  }

  #onDump(server: string, direction: 'read' | 'write', dumped: Dumped): void {
    this.emit({ type: direction, server, ...dumped });
    if (this.listenerCount(direction) > 0) return;
    this.settings.logger.info({ server, direction }, dumped.text);
  }

  #owner(): ConnectionOwner {
    const { clock, onServerLost, connectAttempts, random } = this.settings;
    return {
      clock,
      mustGreet: () => this.#registration.hasRequired,
      onOpen: (connection, wire) => this.#announcer.tell(connection, wire),
      onReady: (connection) => {
        this.#suspects.onReady(connection);
        for (const user of this.#users) user.onReady?.(connection);
        this.#waiters.wake();
      },
      onLost: (connection, error) => {
        for (const user of this.#users) user.onLost?.(connection, error);
      },
      onPacket: (connection, packet) => {
        for (const user of this.#users) user.onPacket?.(connection, packet);
      },
      onEvent: (event) => this.#tell(event),
      nextAttempt: (info, reconnect) =>
        decide(info, reconnect, {
          ...{ onServerLost, connectAttempts, random },
          onError: (error, during) => this.#tell({ type: 'listener-error', error, during }),
        }),
      onUnwanted: ({ server }) => void this.#list.remove(server, { force: true }),
      onFailed: () => this.#waiters.wake(),
      onClosed: (connection) => {
        this.#list.onClosed(connection);
        this.#suspects.delete(connection);
        this.#waiters.wake();
        this.#finishClosing?.();
      },
      hold: () => this.hold(),
      release: () => this.release(),
    };
  }

  #tell(event: PoolEvent): void {
    logEvent(this.settings.logger, event);
    this.emit(event);
  }
}
