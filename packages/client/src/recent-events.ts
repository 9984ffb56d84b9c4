// Enough for a progress bar to catch up; a job that talks all day must not fill the memory.
const MOST = 128;

/** What somebody said lately, for those who come late. */
export class RecentEvents<E> {
  readonly #events: E[] = [];

  add(event: E): void {
    if (this.#events.length === MOST) this.#events.shift();
    this.#events.push(event);
  }

  /** The last 128, oldest first. */
  get all(): readonly E[] {
    return this.#events;
  }
}
