import type { Timer } from '@gearman/events';
import {
  ClosedError,
  type CommandAnswer,
  type Connection,
  ConnectionLostError,
  createPool,
  NoServersError,
  type Pool,
  type PoolSettings,
  type ServerAddress,
  serverName,
  toServerInput,
} from '@gearman/pool';
import { GearmanError } from '@gearman/protocol';
import type { AdminEvent } from './admin-events.ts';
import type { ServerCallOptions } from './options.ts';

/**
 * Commands to one server.
 *
 * The connection is its own, opened for the first command of a burst and closed when nothing was asked for a while:
 * so every burst learns anew whether the server is there, nothing is dialled while nobody asks, and lines never stand
 * in a queue behind large packets.
 */
export class ServerLink {
  /** The server as `host:port`. */
  readonly server: string;
  readonly #settings: PoolSettings;
  readonly #address: ServerAddress;
  readonly #idleMs: number;
  readonly #onEvent: (event: AdminEvent) => void;
  // The one in use, and those that are still closing.
  #pool: Pool | undefined;
  readonly #pools = new Set<Pool>();
  #busy = 0;
  #idleTimer: Timer | undefined;
  #closed = false;

  /** @param idleMs how long to keep the connection for the next command; Infinity: until {@link close} */
  constructor(
    address: ServerAddress,
    settings: PoolSettings,
    idleMs: number,
    onEvent: (event: AdminEvent) => void,
  ) {
    this.server = serverName(address);
    this.#settings = settings;
    this.#address = address;
    this.#idleMs = idleMs;
    this.#onEvent = onEvent;
  }

  /**
   * Sends a command, `line` with its line end, and resolves with the lines of its answer. Keeps the process alive
   * meanwhile.
   */
  async ask(line: string, answer: CommandAnswer, options: ServerCallOptions = {}): Promise<string[]> {
    if (this.#closed) throw new ClosedError('the admin is closed');
    const { clock } = this.#settings;
    const startMs = clock.monotonicMs();
    let error: GearmanError | undefined;
    this.#busy++;
    this.#idleTimer?.cancel();
    try {
      return await this.#exchange(line, answer, options);
    } catch (reason) {
      if (reason instanceof GearmanError) error = reason;
      throw reason;
    } finally {
      this.#busy--;
      if (this.#busy === 0) this.#startIdling();
      const durationMs = clock.monotonicMs() - startMs;
      this.#onEvent({ type: 'command', server: this.server, command: line.trimEnd(), durationMs, error });
    }
  }

  /** Closes for good. Commands without an answer fail with `ERR_GEARMAN_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#hangUp();
    await Promise.all([...this.#pools].map((pool) => pool.close()));
  }

  async #exchange(
    line: string,
    answer: CommandAnswer,
    { timeoutMs, signal }: ServerCallOptions,
  ): Promise<string[]> {
    const { pool, connection } = await this.#connect(signal);
    pool.hold();
    try {
      return await new Promise<string[]>((resolve, reject) => {
        // The reason is whatever the caller gave to abort(), usually an Error.
        const onAbort = (): void => reject(signal?.reason as Error);
        const settle = (): void => signal?.removeEventListener('abort', onAbort);
        const handler = {
          onLines: (lines: string[]) => {
            settle();
            resolve(lines);
          },
          onReplyError: (error: GearmanError) => {
            settle();
            reject(error);
          },
        };
        if (signal?.aborted === true) onAbort();
        else if (connection.command(line, answer, handler, timeoutMs)) {
          signal?.addEventListener('abort', onAbort, { once: true });
        } else reject(new ConnectionLostError(this.server, 'closed by the server'));
      });
    } finally {
      pool.release();
    }
  }

  async #connect(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly pool: Pool; readonly connection: Connection }> {
    const pool = this.#pool ?? this.#open();
    try {
      // Its only attempt has a time limit of its own.
      const wait = { timeoutMs: Number.POSITIVE_INFINITY, ...(signal && { signal }) };
      return { pool, connection: await pool.acquire(wait) };
    } catch (error) {
      if (error instanceof NoServersError) throw pool.servers[0]?.lastError ?? error;
      throw error;
    }
  }

  #open(): Pool {
    const { connectTimeoutMs, replyTimeoutMs, maxPacketBytes, logger, clock, dial } = this.#settings;
    const pool = createPool({
      servers: toServerInput(this.#address),
      reconnect: { maxAttempts: 1 },
      ...{ connectTimeoutMs, replyTimeoutMs, maxPacketBytes, logger, clock, dial },
    });
    this.#pool = pool;
    this.#pools.add(pool);
    pool.on('close', () => this.#pools.delete(pool));
    pool.on('connect', ({ server }) => this.#onEvent({ type: 'connect', server }));
    pool.on('disconnect', ({ server, error }) => this.#onEvent({ type: 'disconnect', server, error }));
    // One attempt, one connection: whatever ends it, the next command starts anew.
    pool.on('state', ({ from, to }) => {
      if (to !== 'waiting' && to !== 'closed') return;
      if (this.#pool === pool) this.#pool = undefined;
      if (from === 'closing') this.#onEvent({ type: 'disconnect', server: this.server, error: undefined });
      // Not now: whoever waits for it is to hear why, not that it was closed.
      queueMicrotask(() => void pool.close());
    });
    return pool;
  }

  #startIdling(): void {
    if (this.#pool === undefined || this.#idleMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#settings;
    this.#idleTimer = clock.setTimer(this.#idleMs, () => this.#hangUp(), { unref: true });
  }

  #hangUp(): void {
    const pool = this.#pool;
    this.#pool = undefined;
    this.#idleTimer?.cancel();
    void pool?.close();
  }
}
