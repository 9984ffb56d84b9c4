import { Socket } from 'node:net';
import { InvalidArgumentError } from '@gearman/protocol';
import { Client, type ClientConfig, type QueryConfig, type QueryResultRow } from 'pg';
import type { PostgresSettings } from './options.ts';

/** What is sent as it is: bytes, numbers, texts, or nothing. */
export type Value = Buffer | string | number | boolean | null;

/** A statement; one with a name is parsed once per connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** Longer than the database itself may take, so that its own words are heard if it has any. */
const ANSWER_GRACE_MS = 500;
const KEEP_ALIVE_MS = 5000;

/**
 * Every statement goes by an index of its table, and is planned once. Left to itself the planner would count on tables as
 * small as they were when it looked at them last, and read or sort all of them each time.
 */
const PLANNING = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};

/** One connection to the database. It is never mended: one that fails is thrown away. */
export class Connection {
  readonly #client: Client;
  readonly #socket: Socket;
  /** The statement that is under way, and those behind it. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(client: Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
  }

  /**
   * @param applicationName what the database calls it
   * @param lost called once, later, when the connection breaks by itself
   */
  static async open(
    settings: PostgresSettings,
    applicationName: string,
    lost: (error: Error) => void,
  ): Promise<Connection> {
    // One of ours, as the client has no way to let go of a network that is silent.
    const socket = new Socket();
    const client = new Client(configOf(settings, socket));
    const connection = new Connection(client, socket);
    let isOpen = false;
    client.on('error', (error) => {
      if (isOpen) lost(error);
    });
    try {
      await client.connect();
      await connection.#prepare(settings, applicationName);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    isOpen = true;
    client.once('end', () => lost(new Error('the database closed the connection')));
    return connection;
  }

  rows<R extends QueryResultRow>(statement: Statement, values: readonly Value[] = []): Promise<R[]> {
    // The client has a queue of its own, but not for much longer.
    const turn = this.#last.then(async () => {
      const config: QueryConfig<Value[]> = { ...statement, values: [...values] };
      return (await this.#client.query<R, Value[]>(config)).rows;
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Runs statements in a transaction. The connection is of no use when that fails. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.rows({ text: 'begin' });
    const result = await work();
    await this.rows({ text: 'commit' });
    return result;
  }

  /** Says goodbye. A statement that is under way is given up. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    // Resolves when the other side has closed, too, which a silent network never says.
    void this.#client.end().catch(() => {});
    this.#socket.destroySoon();
    await closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Here and not among the parameters of the start, which poolers refuse. */
  async #prepare({ statementTimeoutMs }: PostgresSettings, applicationName: string): Promise<void> {
    const parameters = {
      ...PLANNING,
      application_name: applicationName,
      statement_timeout: String(statementTimeoutMs),
    };
    const calls = Object.keys(parameters).map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, false)`);
    await this.rows({ text: `select ${calls.join(', ')}` }, Object.entries(parameters).flat());
  }
}

/** How logs and errors call the database; without its password. */
export function placeOf(settings: PostgresSettings): string {
  const client = clientFor(settings);
  if (client === undefined) {
    throw new InvalidArgumentError('createPostgresStore(): connection: no database can be meant by that');
  }
  const { host, port, database } = client;
  return `${host}${host.startsWith('/') ? '' : `:${port}`}/${database ?? ''}`;
}

function clientFor(settings: PostgresSettings): Client | undefined {
  try {
    return new Client(configOf(settings, new Socket()));
  } catch {
    // The error may have the password in it.
    return undefined;
  }
}

function configOf(settings: PostgresSettings, socket: Socket): ClientConfig {
  const { connection, connectTimeoutMs, statementTimeoutMs } = settings;
  return {
    ...addressOf(connection),
    stream: () => socket,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
  };
}

function addressOf(connection: PostgresSettings['connection']): ClientConfig {
  if (typeof connection === 'string') return { connectionString: connection };
  const { tls, ...rest } = connection;
  // Copies, as the client changes what it is given.
  return { ...rest, ssl: asSsl(tls) };
}

function asSsl(tls: Exclude<PostgresSettings['connection'], string>['tls']): ClientConfig['ssl'] {
  if (typeof tls !== 'object') return tls;
  const asBuffer = (value: string | Uint8Array | undefined): string | Buffer | undefined =>
    typeof value === 'object' ? Buffer.from(value) : value;
  const { ca, cert, key, ...rest } = tls;
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: asBuffer(ca) }),
    ...(cert === undefined ? {} : { cert: asBuffer(cert) }),
    ...(key === undefined ? {} : { key: asBuffer(key) }),
  };
}
