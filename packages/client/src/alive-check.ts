import type { Clock, Timer } from '@gearman/events';
import type { Connection } from '@gearman/pool';
import type { Packet } from '@gearman/protocol';

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;

/**
 * Asks a server now and then whether it still knows a job.
 *
 * For foreground jobs that were sent again after a lost connection: gearmand merges such a submit into the first copy,
 * which it has marked as abandoned, and silently deletes that once a worker would get it. All packets of one connection
 * come in order, so a server that no longer knows a job, and has not said how it ended, never will.
 *
 * @see gearmand 1.1.20 `libgearman-server/job.cc`, `ignore_job`
 */
export class AliveCheck {
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #handle: string;
  readonly #onGone: () => void;
  #delayMs = FIRST_MS;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, connection: Connection, handle: string, onGone: () => void) {
    this.#clock = clock;
    this.#connection = connection;
    this.#handle = handle;
    this.#onGone = onGone;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  onReply({ known }: Packet<'STATUS_RES'>): void {
    if (this.#stopped) return;
    if (known === '1') this.#wait();
    else this.#onGone();
  }

  /** A lost connection ends the job anyway; a late answer is asked for again. */
  onReplyError(): void {
    if (!this.#stopped) this.#wait();
  }

  #wait(): void {
    this.#timer = this.#clock.setTimer(this.#delayMs, () => this.#ask(), { unref: true });
    this.#delayMs = Math.min(LONGEST_MS, this.#delayMs * 2);
  }

  #ask(): void {
    this.#connection.request({ type: 'GET_STATUS', magic: 'REQ', handle: this.#handle }, this);
  }
}
