/** Somebody who waits for a slot. */
export interface SlotUser {
  /** A slot is this user's now. Returns true to get in line for another one. */
  onSlot(): boolean;
}

/**
 * The jobs that may run at once, over all servers and functions together.
 *
 * A slot is taken before a job is asked for and given back when there was none or when its handler has ended, so never
 * more jobs run than there are slots. Who waits gets them in turn, so no server can keep another one out.
 */
export class Slots {
  readonly size: number;
  #used = 0;
  // One entry per server at most: an array is fast enough.
  readonly #line: SlotUser[] = [];
  #serving = false;

  constructor(size: number) {
    this.size = size;
  }

  /** Slots that are taken, for a running job or for one that was asked for. */
  get used(): number {
    return this.#used;
  }

  /** Gets `user` in line, once, and hands out what is free. */
  want(user: SlotUser): void {
    if (!this.#line.includes(user)) this.#line.push(user);
    this.#serve();
  }

  /** Takes `user` out of the line. */
  forget(user: SlotUser): void {
    const at = this.#line.indexOf(user);
    if (at >= 0) this.#line.splice(at, 1);
  }

  /** Gives one slot back. */
  give(): void {
    this.#used--;
    this.#serve();
  }

  #serve(): void {
    // What a user does with a slot may free it again: the loop below sees that.
    if (this.#serving) return;
    this.#serving = true;
    while (this.#used < this.size) {
      const user = this.#line.shift();
      if (user === undefined) break;
      this.#used++;
      if (user.onSlot()) this.#line.push(user);
    }
    this.#serving = false;
  }
}
