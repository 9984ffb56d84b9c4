import type { Clock, Timer } from '@gearman/events';
import type { CheckedLimits } from '../limits.ts';
import { UNIX_SOCKET } from './address.ts';
import type { LimitLog, LimitName } from './limit-log.ts';
import type { OutputPool } from './output-pool.ts';
import type { ServerContext } from './server-context.ts';

/** A connection with output that can be given up. */
export interface Connection {
  /** What the peer has not taken yet. */
  readonly waitingBytes: number;
  /** For how many calls in a row nothing came and nothing was under way. */
  countIdle(): number;
  /** Sends what was answered so far, then closes. */
  end(reason: string): void;
  /** Closes at once because a limit of the server was passed. */
  expel(problem: string, limit: LimitName): void;
}

const SWEEPS_PER_IDLE_TIME = 4;

/** All connections of a server, and the limits that concern them together. */
export class Connections {
  readonly #limits: CheckedLimits;
  readonly #limitLog: LimitLog;
  readonly #output: OutputPool;
  readonly #clock: Clock;
  readonly #all = new Set<Connection>();
  /** Connections from outside, those included whose TLS handshake is not over. */
  #entered = 0;
  readonly #perAddress = new Map<string, number>();
  #sweep: Timer | undefined;

  constructor({ limits, limitLog, output, clock }: ServerContext) {
    this.#limits = limits;
    this.#limitLog = limitLog;
    this.#output = output;
    this.#clock = clock;
  }

  get size(): number {
    return this.#all.size;
  }

  /**
   * A peer wants in; {@link leave} when it is gone.
   *
   * @returns false when there are enough
   */
  enter(address: string): boolean {
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#entered >= this.#limits.maxConnections) {
      this.#limitLog.note('maxConnections');
      return false;
    }
    if (address !== UNIX_SOCKET && ofAddress >= this.#limits.maxConnectionsPerAddress) {
      this.#limitLog.note('maxConnectionsPerAddress', { address });
      return false;
    }
    this.#entered++;
    this.#perAddress.set(address, ofAddress + 1);
    return true;
  }

  leave(address: string): void {
    this.#entered--;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  add(connection: Connection): void {
    this.#all.add(connection);
    const { idleTimeoutMs } = this.#limits;
    if (idleTimeoutMs > 0) {
      this.#sweep ??= this.#clock.setTimer(idleTimeoutMs / SWEEPS_PER_IDLE_TIME, () => this.#expelIdle(), {
        unref: true,
      });
    }
  }

  delete(connection: Connection): void {
    this.#all.delete(connection);
  }

  endAll(reason: string): void {
    for (const connection of this.#all) connection.end(reason);
    this.#sweep?.cancel();
  }

  /** Gives up those who let the most wait, if all together let too much wait. */
  shedOutput(): void {
    const { maxOutputBytes } = this.#limits;
    if (this.#output.waitingBytes <= maxOutputBytes) return;
    const largestFirst = [...this.#all].sort((a, b) => b.waitingBytes - a.waitingBytes);
    for (const connection of largestFirst) {
      if (this.#output.waitingBytes <= maxOutputBytes) return;
      const problem = `left ${connection.waitingBytes} bytes unread when the memory for output was used up`;
      connection.expel(problem, 'maxOutputBytes');
    }
  }

  #expelIdle(): void {
    this.#sweep = undefined;
    const { idleTimeoutMs } = this.#limits;
    for (const connection of this.#all) {
      if (connection.countIdle() <= SWEEPS_PER_IDLE_TIME) continue;
      this.#limitLog.note('idleTimeoutMs');
      connection.end(`was idle for ${idleTimeoutMs} ms`);
    }
    if (this.#all.size === 0) return;
    this.#sweep = this.#clock.setTimer(idleTimeoutMs / SWEEPS_PER_IDLE_TIME, () => this.#expelIdle(), {
      unref: true,
    });
  }
}
