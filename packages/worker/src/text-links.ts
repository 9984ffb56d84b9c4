import { createPool, type Pool, type PoolSettings, type ServerAddress, toServerInput } from '@gearman/pool';
import { formatCommand, TEXT_COMMANDS, type TextCommand } from '@gearman/protocol';

/**
 * Text commands to servers, each over a short connection of its own: what jobs travel on is never held up by them, and
 * some servers do not take text and packets on one connection.
 */
export class TextLinks {
  readonly #settings: PoolSettings;
  readonly #open = new Set<Pool>();
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  /**
   * Sends one command and returns the lines of its answer. Rejects with `ERR_GEARMAN_NO_SERVERS`,
   * `ERR_GEARMAN_REPLY_TIMEOUT`, `ERR_GEARMAN_CONNECTION_LOST`, `ERR_GEARMAN_CLOSED` or
   * `ERR_GEARMAN_INVALID_ARGUMENT`.
   */
  async ask(
    address: ServerAddress,
    command: TextCommand,
    args: readonly string[] = [],
  ): Promise<readonly string[]> {
    const line = formatCommand(command, args);
    const pool = this.#openPool(address);
    try {
      const connection = await pool.acquire({ timeoutMs: this.#settings.connectTimeoutMs });
      return await new Promise((resolve, reject) => {
        const handler = { onLines: resolve, onReplyError: reject };
        connection.command(line, TEXT_COMMANDS[command].answer, handler);
      });
    } finally {
      this.#open.delete(pool);
      await pool.close();
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((pool) => pool.close()));
  }

  #openPool(address: ServerAddress): Pool {
    const { clock, dial, connectTimeoutMs, replyTimeoutMs, maxPacketBytes } = this.#settings;
    const pool = createPool({
      servers: toServerInput(address),
      clock,
      dial,
      connectTimeoutMs,
      replyTimeoutMs,
      maxPacketBytes,
      reconnect: { maxAttempts: 1 },
    });
    this.#open.add(pool);
    // Then nothing is asked any more: the pool says so to whoever waits for it.
    if (this.#closed) void pool.close();
    return pool;
  }
}
