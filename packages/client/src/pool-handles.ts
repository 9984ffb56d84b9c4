import type { Connection, ConnectionLostError, Pool, PoolUser } from '@gearman/pool';
import type { Packet } from '@gearman/protocol';
import { HandleTable, type WorkListener } from './handle-table.ts';

/**
 * Which jobs the handles of a pool's connections belong to, for all clients that share the pool.
 *
 * One for all: a server counts the submits of a connection, whoever made them, and a client that knew only its own would
 * take the copies meant for the others for news.
 */
export class PoolHandles implements PoolUser {
  readonly #tables = new Map<Connection, HandleTable>();
  readonly #detach: () => void;
  readonly #onUnused: () => void;
  #users = 0;

  constructor(pool: Pool, onUnused: () => void) {
    this.#onUnused = onUnused;
    this.#detach = pool.attach(this);
  }

  retain(): this {
    this.#users++;
    return this;
  }

  /** One client is closed. */
  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#tables.clear();
    this.#detach();
    this.#onUnused();
  }

  /** From now on a job hears what comes for its handle. See {@link HandleTable.add}. */
  listen(connection: Connection, handle: string, listener: WorkListener, shares: boolean): boolean {
    let table = this.#tables.get(connection);
    if (table === undefined) {
      table = new HandleTable(connection);
      this.#tables.set(connection, table);
    }
    return table.add(handle, listener, shares);
  }

  onPacket(connection: Connection, packet: Packet): void {
    switch (packet.type) {
      case 'WORK_COMPLETE':
      case 'WORK_DATA':
      case 'WORK_STATUS':
      case 'WORK_WARNING':
      case 'WORK_FAIL':
      case 'WORK_EXCEPTION':
        this.#tables.get(connection)?.deliver(packet);
        break;
      default:
    }
  }

  onLost(connection: Connection, error: ConnectionLostError): void {
    const table = this.#tables.get(connection);
    this.#tables.delete(connection);
    table?.lose(error);
  }
}

const handlesOfPools = new WeakMap<Pool, PoolHandles>();

/** The handles of a pool, to be given back with `release()`. */
export function poolHandles(pool: Pool): PoolHandles {
  let handles = handlesOfPools.get(pool);
  if (handles === undefined) {
    handles = new PoolHandles(pool, () => handlesOfPools.delete(pool));
    handlesOfPools.set(pool, handles);
  }
  return handles.retain();
}
