import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@gearman/events';
import { type ServerAddress, serverName } from './address.ts';
import type { Connection } from './connection.ts';
import { Departure } from './departure.ts';
import type { PoolEvent } from './pool-events.ts';
import type { PoolUser } from './pool-user.ts';

/** How to take a server off the list. */
export interface RemoveOptions {
  /** Cuts what runs on it instead of waiting for its end. @defaultValue false */
  readonly force?: boolean;
  /** How long what runs on it may go on, in milliseconds; then it is cut. @defaultValue Infinity */
  readonly timeoutMs?: number;
}

/** What the list needs of its pool. */
export interface ServerListHost {
  readonly clock: Clock;
  readonly connectionsPerServer: number;
  create(address: ServerAddress): Connection;
  users(): readonly PoolUser[];
  onEvent(event: PoolEvent): void;
}

/** The servers of a pool and their connections, in order; and those that were removed and are not closed yet. */
export class ServerList {
  readonly #host: ServerListHost;
  readonly #departures = new Map<Connection, Departure>();
  #connections: readonly Connection[];

  constructor(host: ServerListHost, addresses: readonly ServerAddress[]) {
    this.#host = host;
    this.#connections = addresses.flatMap((address) => this.#create(address));
  }

  /** Those of the servers that are on the list now. */
  get connections(): readonly Connection[] {
    return this.#connections;
  }

  /** The same, and those of removed servers that are not closed yet. */
  get all(): readonly Connection[] {
    return [...this.#connections, ...this.#departures.keys()];
  }

  /** Adds a server; one of the same name is closed and made anew. */
  add(address: ServerAddress): void {
    const name = serverName(address);
    const [replaced, others] = partition(this.#connections, ({ server }) => server === name);
    const at = replaced[0] === undefined ? others.length : this.#connections.indexOf(replaced[0]);
    this.#connections = others.toSpliced(at, 0, ...this.#create(address));
    this.#host.onEvent({ type: 'server-added', server: name });
    void this.#dismiss(replaced, {});
  }

  /** Takes a server off the list; the promise resolves when its connections are closed. */
  async remove(name: string, options: RemoveOptions): Promise<void> {
    const [removed, kept] = partition(this.#connections, ({ server }) => server === name);
    this.#connections = kept;
    if (removed.length > 0) this.#host.onEvent({ type: 'server-removed', server: name });
    const leaving = [...this.#departures.keys()].filter(({ server }) => server === name);
    await this.#dismiss([...removed, ...leaving], options);
  }

  /** Makes the list this one: servers that are the same stay as they are, the others come and go. */
  async replace(addresses: readonly ServerAddress[], options: RemoveOptions): Promise<void> {
    const before = this.#connections;
    this.#connections = addresses.flatMap((address) => {
      const same = before.filter((connection) => isDeepStrictEqual(connection.address, address));
      return same.length > 0 ? same : this.#create(address);
    });
    const removed = before.filter((connection) => !this.#connections.includes(connection));
    const added = this.#connections.filter((connection) => !before.includes(connection));
    for (const server of namesOf(removed)) this.#host.onEvent({ type: 'server-removed', server });
    for (const server of namesOf(added)) this.#host.onEvent({ type: 'server-added', server });
    await this.#dismiss(removed, options);
  }

  /** A connection is closed for good. */
  onClosed(connection: Connection): void {
    const departure = this.#departures.get(connection);
    this.#departures.delete(connection);
    departure?.onClosed();
  }

  #create(address: ServerAddress): Connection[] {
    return Array.from({ length: this.#host.connectionsPerServer }, () => this.#host.create(address));
  }

  async #dismiss(connections: readonly Connection[], options: RemoveOptions): Promise<void> {
    const departures = connections.map((connection) => this.#departureOf(connection));
    for (const departure of departures) {
      if (options.force === true) departure.end();
      else if (options.timeoutMs !== undefined) departure.limit(options.timeoutMs);
    }
    await Promise.all(departures.map(({ done }) => done));
  }

  #departureOf(connection: Connection): Departure {
    const known = this.#departures.get(connection);
    if (known !== undefined) return known;
    const departure = new Departure(connection, this.#host.clock, () => this.#host.users());
    if (connection.state.name === 'closed') departure.onClosed();
    else {
      this.#departures.set(connection, departure);
      departure.start();
    }
    return departure;
  }
}

function namesOf(connections: readonly Connection[]): Set<string> {
  return new Set(connections.map(({ server }) => server));
}

function partition<T>(all: readonly T[], is: (each: T) => boolean): [T[], T[]] {
  return [all.filter(is), all.filter((each) => !is(each))];
}
