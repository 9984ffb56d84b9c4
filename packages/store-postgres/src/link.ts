import type { Timer } from '@gearman/events';
import { messageOf, StoreAwayError, StoreTakenOverError, StoreUnusableError } from './errors.ts';
import { type Identity, Session, type SessionOwner } from './session.ts';

type LinkState =
  | { readonly name: 'closed' }
  | { readonly name: 'joined'; readonly session: Session }
  | {
      readonly name: 'away';
      readonly sinceMs: number;
      readonly lastFence: string;
      /** Why the last attempt failed, or the session was lost. */
      readonly cause: Error;
      readonly retry: Timer | undefined;
    }
  /** Somebody else has the store. */
  | { readonly name: 'taken-over'; readonly error: StoreTakenOverError };

/** What a link tells its owner. */
export interface LinkOwner {
  /** There is a session again. */
  rejoined(): void;
  renewed(bytes: number): void;
}

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1000;

/** Sees to it that there is a session: makes a new one whenever one is lost, until somebody else has taken the store over. */
export class Link implements SessionOwner {
  readonly #identity: Identity;
  readonly #owner: LinkOwner;
  readonly #waiters = new Set<() => void>();
  #state: LinkState = { name: 'closed' };

  constructor(identity: Identity, owner: LinkOwner) {
    this.#identity = identity;
    this.#owner = owner;
  }

  /** Why there is no session; undefined while there is one. */
  get trouble(): Error | undefined {
    const state = this.#state;
    if (state.name === 'away') return this.#awayError(state.cause);
    return state.name === 'taken-over' ? state.error : undefined;
  }

  async open(): Promise<Session> {
    const session = await Session.open(this.#identity, this);
    this.#enter({ name: 'joined', session });
    return session;
  }

  /**
   * The session. While there is none, waits until one has been lost for `waitMs`, or as long as `atLeastMs` from now.
   *
   * @throws StoreAwayError, or StoreTakenOverError for good
   */
  async session(waitMs: number, atLeastMs = 0): Promise<Session> {
    const { clock } = this.#identity.settings;
    const earliestMs = clock.monotonicMs() + atLeastMs;
    for (;;) {
      const state = this.#state;
      if (state.name === 'taken-over') throw state.error;
      if (state.name === 'closed') throw new StoreUnusableError(`${this.#identity.store} is not open`);
      if (state.name === 'joined') {
        if (state.session.isTrusted) return state.session;
        state.session.end(new Error('its lease was not renewed in time'));
        continue;
      }
      const leftMs = Math.max(state.sinceMs + waitMs, earliestMs) - clock.monotonicMs();
      if (leftMs <= 0) throw this.#awayError(state.cause);
      await this.#change(leftMs);
    }
  }

  lost(session: Session, cause: Error): void {
    if (this.#state.name !== 'joined' || this.#state.session !== session) return;
    const { clock, logger } = this.#identity.settings;
    logger.warn({ store: this.#identity.store, err: cause }, 'the database was lost; it is tried again');
    const { fence: lastFence } = session;
    this.#enter({ name: 'away', sinceMs: clock.monotonicMs(), lastFence, cause, retry: undefined });
    void this.#resume(0);
  }

  renewed(bytes: number): void {
    this.#owner.renewed(bytes);
  }

  async close(): Promise<void> {
    const state = this.#state;
    this.#enter({ name: 'closed' });
    if (state.name === 'joined') await state.session.close();
  }

  async #resume(attempt: number): Promise<void> {
    const state = this.#state;
    if (state.name !== 'away') return;
    let session: Session;
    try {
      session = await Session.resume(this.#identity, this, state.lastFence);
    } catch (error) {
      this.#failed(attempt, error);
      return;
    }
    // close() may have come in between.
    if (this.#state.name !== 'away') {
      await session.close();
      return;
    }
    const { clock, logger } = this.#identity.settings;
    const awayMs = Math.round(clock.monotonicMs() - state.sinceMs);
    logger.info({ store: this.#identity.store, awayMs }, 'the database is back');
    this.#enter({ name: 'joined', session });
    this.#owner.rejoined();
  }

  #failed(attempt: number, error: unknown): void {
    const state = this.#state;
    if (state.name !== 'away') return;
    const { clock, logger } = this.#identity.settings;
    if (error instanceof StoreTakenOverError) {
      logger.error({ store: this.#identity.store, err: error }, 'the store was taken over');
      this.#enter({ name: 'taken-over', error });
      return;
    }
    const cause = error instanceof Error ? error : new Error(String(error));
    logger.debug({ store: this.#identity.store, err: cause }, 'the database cannot be reached');
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** attempt, LONGEST_RETRY_MS);
    const retry = clock.setTimer(delayMs, () => void this.#resume(attempt + 1), { unref: true });
    this.#state = { ...state, cause, retry };
  }

  #awayError(cause: Error): StoreAwayError {
    return new StoreAwayError(this.#identity.store, messageOf(cause) === '' ? 'no answer' : cause);
  }

  #enter(next: LinkState): void {
    const before = this.#state;
    if (before.name === 'away') before.retry?.cancel();
    this.#state = next;
    for (const wake of this.#waiters) wake();
  }

  /** The state has changed, or so much time has passed. */
  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = this.#identity.settings.clock.setTimer(timeoutMs, wake);
      this.#waiters.add(wake);
    });
  }
}
