import {
  createPool,
  type Pool,
  type ServerAddress,
  type ServerInput,
  serverName,
  UnsupportedError,
} from '@gearman/pool';
import { formatCommand, type JobRef } from '@gearman/protocol';
import type { CancelOutcome } from './job-host.ts';
import { acquire, type QueryOptions, queryStatus } from './status.ts';
import { abortable } from './wait-for.ts';

interface Line {
  readonly pool: Pool;
  users: number;
}

/**
 * Asks servers to end jobs, with the text command `cancel job`, on a connection of its own per server.
 *
 * Some servers take text on the connection of a client badly. The connection is closed when nothing is left to ask.
 */
export class Canceller {
  readonly #pool: Pool;
  readonly #lines = new Map<string, Line>();

  /** @param pool whose servers, time-outs and way to connect are used */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async cancel(ref: JobRef, options: QueryOptions): Promise<CancelOutcome> {
    const address = this.#pool.connection(ref.server)?.address;
    // Also tells that the server is none of ours. Whether a worker has the job, only the state before the cancel tells.
    const { known, running } = await queryStatus(this.#pool, ref, options);
    if (!known || address === undefined) return 'unknown';
    const found = await this.#withLine(address, (pool) => askToCancel(pool, ref.handle, options));
    if (!found) return 'unknown';
    return running ? 'signalled' : 'removed';
  }

  async #withLine<T>(address: ServerAddress, use: (pool: Pool) => Promise<T>): Promise<T> {
    const name = serverName(address);
    let line = this.#lines.get(name);
    if (line === undefined) {
      const { kind: _, options, ...server } = address;
      line = { pool: this.#open({ ...options, ...server }), users: 0 };
      this.#lines.set(name, line);
    }
    line.users++;
    // A text command by itself does not keep the process until its answer comes.
    line.pool.hold();
    try {
      return await use(line.pool);
    } finally {
      line.pool.release();
      line.users--;
      if (line.users === 0) {
        this.#lines.delete(name);
        await line.pool.close();
      }
    }
  }

  #open(servers: ServerInput): Pool {
    const { dial, clock, random, connectTimeoutMs, replyTimeoutMs } = this.#pool.settings;
    return createPool({
      servers,
      dial,
      clock,
      random,
      connectTimeoutMs,
      replyTimeoutMs,
      // Whoever asks hears why it failed, and may ask again.
      reconnect: { maxAttempts: 1 },
    });
  }
}

/** False when the server has no such job. */
async function askToCancel(pool: Pool, handle: string, options: QueryOptions): Promise<boolean> {
  const connection = await acquire(pool, undefined, options);
  const answer = new Promise<string>((resolve, reject) => {
    const handler = { onLines: ([line = '']: readonly string[]) => resolve(line), onReplyError: reject };
    // It has just been found ready.
    connection.command(formatCommand('cancel job', [handle]), 'done', handler, options.timeoutMs);
  });
  const line = await abortable(answer, options.signal);
  if (!line.startsWith('ERR ')) return true;
  if (line.startsWith('ERR UNKNOWN_JOB')) return false;
  throw new UnsupportedError(connection.server, 'cancel job');
}
