import type { Connection } from '@gearman/pool';
import { type Packet, ProtocolError } from '@gearman/protocol';

/** The packets that tell of a job. */
export type WorkPacket = Packet<
  'WORK_DATA' | 'WORK_WARNING' | 'WORK_STATUS' | 'WORK_COMPLETE' | 'WORK_FAIL' | 'WORK_EXCEPTION'
>;

/** Who hears of a job. */
export interface WorkListener {
  /** The bytes are valid during the call only; see {@link Connection.own}. */
  onWork(packet: WorkPacket, connection: Connection): void;
  onConnectionLost(error: Error): void;
}

/** Two or more jobs of ours that the server has merged into one of its own. */
class Merged {
  readonly listeners: WorkListener[];
  last: WorkPacket | undefined;
  /** How many more copies of `last` the server is going to send. */
  copiesLeft = 0;

  constructor(...listeners: WorkListener[]) {
    this.listeners = listeners;
  }
}

/** Which jobs the handles of one connection belong to. */
export class HandleTable {
  readonly #connection: Connection;
  // Nearly always there is one job per handle: no list is built for it.
  readonly #entries = new Map<string, WorkListener | Merged>();
  // gearmand and our server send a packet once per submit, java-service once per connection.
  #serverSendsCopies = true;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Adds a job. It stays until a packet ends it: a server counts those who stopped listening, too.
   *
   * @param shares whether it may be one with another job
   * @returns false when it is not one with the job that has this handle. The server has lost count of its answers, so
   * its connection was dropped
   */
  add(handle: string, listener: WorkListener, shares: boolean): boolean {
    const entry = this.#entries.get(handle);
    if (entry === undefined) this.#entries.set(handle, listener);
    else if (!shares) {
      this.#connection.drop(new ProtocolError(`the server gave two jobs the handle ${handle}`));
      return false;
    } else if (entry instanceof Merged) entry.listeners.push(listener);
    else this.#entries.set(handle, new Merged(entry, listener));
    return true;
  }

  /** Brings a packet to every job with its handle, once. */
  deliver(packet: WorkPacket): void {
    const entry = this.#entries.get(packet.handle);
    if (entry === undefined) return;
    if (entry instanceof Merged && this.#isCopy(entry, packet)) return;
    if (endsJob(packet)) this.#entries.delete(packet.handle);
    if (entry instanceof Merged) {
      for (const listener of [...entry.listeners]) listener.onWork(packet, this.#connection);
    } else {
      entry.onWork(packet, this.#connection);
    }
  }

  /** The connection is gone: tells every job. */
  lose(error: Error): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) {
      for (const listener of entry instanceof Merged ? entry.listeners : [entry]) {
        listener.onConnectionLost(error);
      }
    }
  }

  /**
   * True for the second and further copies of a packet. A server that makes copies sends them one after the other,
   * so anything else in between tells that this one does not.
   *
   * @see gearmand `libgearman-server/server.cc`: one packet per attached client, and every submit attaches one
   */
  #isCopy(entry: Merged, packet: WorkPacket): boolean {
    if (!this.#serverSendsCopies) return false;
    if (entry.copiesLeft > 0) {
      if (entry.last !== undefined && isSame(entry.last, packet)) {
        entry.copiesLeft--;
        return true;
      }
      this.#serverSendsCopies = false;
      return false;
    }
    entry.copiesLeft = entry.listeners.length - 1;
    entry.last = 'data' in packet ? { ...packet, data: this.#connection.own(packet.data) } : packet;
    return false;
  }
}

function endsJob({ type }: WorkPacket): boolean {
  return type === 'WORK_COMPLETE' || type === 'WORK_FAIL' || type === 'WORK_EXCEPTION';
}

function isSame(a: WorkPacket, b: WorkPacket): boolean {
  if (a.type !== b.type) return false;
  if ('data' in a) return 'data' in b && Buffer.compare(a.data, b.data) === 0;
  if (a.type === 'WORK_STATUS' && b.type === 'WORK_STATUS') {
    return a.numerator === b.numerator && a.denominator === b.denominator;
  }
  return true;
}
