import type { Clock, Timer } from '@gearman/events';
import { request } from '@gearman/protocol';
import type { Connection } from './connection.ts';
import { ConnectionLostError } from './errors.ts';
import type { PoolUser } from './pool-user.ts';

// How long the system may take to send what is left and close.
const CLOSE_TIMEOUT_MS = 5000;
const FENCE = request('ECHO_REQ', { data: new Uint8Array() });

/** The end of a connection whose server was removed: what runs on it ends, then it is closed. */
export class Departure {
  /** Resolves when the connection is closed. */
  readonly done: Promise<void>;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #users: () => readonly PoolUser[];
  #resolve = (): void => {};
  #timer: Timer | undefined;
  #state: 'leaving' | 'ending' | 'over' = 'leaving';

  constructor(connection: Connection, clock: Clock, users: () => readonly PoolUser[]) {
    this.#connection = connection;
    this.#clock = clock;
    this.#users = users;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get server(): string {
    return this.#connection.server;
  }

  start(): void {
    this.#connection.retire();
    void this.#quiet().then(() => this.end());
  }

  /** Sets the time after which what still runs is cut, in milliseconds from now. */
  limit(timeoutMs: number): void {
    if (this.#state !== 'leaving' || !Number.isFinite(timeoutMs)) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(timeoutMs, () => this.end(), { unref: true });
  }

  /** Closes the connection, whatever still runs on it. */
  end(): void {
    if (this.#state !== 'leaving') return;
    this.#state = 'ending';
    this.#timer?.cancel();
    const connection = this.#connection;
    const error = new ConnectionLostError(this.server, 'the server was removed from the pool');
    if (connection.ready) for (const user of this.#users()) user.onLost?.(connection, error);
    this.#timer = this.#clock.setTimer(CLOSE_TIMEOUT_MS, () => connection.destroy(error), { unref: true });
    connection.close(error);
    if (connection.state.name === 'closed') this.onClosed();
  }

  /** The connection is closed for good. */
  onClosed(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#timer?.cancel();
    // Not now: users are to hear first that the connection is lost.
    queueMicrotask(() => {
      for (const user of this.#users()) user.onRemoved?.(this.#connection);
      this.#resolve();
    });
  }

  /** Resolves when users have ended what they do on the connection and all it was asked is answered, or it is gone. */
  async #quiet(): Promise<void> {
    const connection = this.#connection;
    if (!connection.ready) return;
    await Promise.allSettled(this.#users().map(async (user) => user.onRemoving?.(connection)));
    // Answers come in order. However long it takes: a server that is gone is the heartbeat's to find.
    if (connection.ready) await connection.ask(FENCE, Number.POSITIVE_INFINITY).catch(() => {});
  }
}
