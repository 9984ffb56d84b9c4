import { request } from '@gearman/protocol';
import type { Connection } from './connection.ts';

const PROBE = request('ECHO_REQ', { data: new Uint8Array() });
const IGNORED = { onReply: () => {}, onReplyError: () => {} };

/** Connections that failed last time and are ready again, and have not been asked whether they answer. */
export class Suspects {
  readonly #connections = new Set<Connection>();

  /** The connection is ready. */
  onReady(connection: Connection): void {
    if (!connection.healthy) this.#connections.add(connection);
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** Asks them. Not before somebody chooses among servers does it matter which can be trusted again. */
  probe(): void {
    if (this.#connections.size === 0) return;
    for (const connection of this.#connections) connection.request(PROBE, IGNORED);
    this.#connections.clear();
  }
}
