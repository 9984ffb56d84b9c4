import type { Allowance } from './allowance.ts';

/** Somebody who waits for a slot. */
export interface SlotUser {
  /** A slot is this user's now. Returns true to get in line for another one. */
  onSlot(): boolean;
}

/** What {@link Slots} may be part of, or bounded by. */
export interface SlotsOptions {
  /** Each slot of these takes one of those as well. */
  readonly parent?: Slots | undefined;
  /** How many more slots may be handed out. */
  readonly allowance?: Allowance | undefined;
}

/**
 * The jobs that may run at once.
 *
 * A slot is taken before a job is asked for and given back when there was none or when its handler has ended, so never
 * more jobs run than there are slots. Who waits gets them in turn, so no server can keep another one out.
 */
export class Slots implements SlotUser {
  readonly size: number;
  readonly #parent: Slots | undefined;
  readonly #allowance: Allowance | undefined;
  #used = 0;
  // One entry per server at most: an array is fast enough.
  readonly #line: SlotUser[] = [];
  #serving = false;

  constructor(size: number, { parent, allowance }: SlotsOptions = {}) {
    this.size = size;
    this.#parent = parent;
    this.#allowance = allowance;
  }

  /** Slots that are taken, for a running job or for one that was asked for. */
  get used(): number {
    return this.#used;
  }

  /** Gets `user` in line, once, and hands out what is free. */
  want(user: SlotUser): void {
    if (!this.#line.includes(user)) this.#line.push(user);
    this.serve();
  }

  /** Takes `user` out of the line. */
  forget(user: SlotUser): void {
    const at = this.#line.indexOf(user);
    if (at < 0) return;
    this.#line.splice(at, 1);
    if (this.#line.length === 0) this.#parent?.forget(this);
  }

  /** Gives the slot of a job back. */
  give(): void {
    this.#used--;
    this.#parent?.give();
    this.serve();
  }

  /** Gives back a slot that brought no job. */
  refund(): void {
    this.#used--;
    this.#allowance?.refund();
    this.#parent?.refund();
    this.serve();
  }

  /** A job has come for a slot. */
  spend(): void {
    this.#allowance?.spend();
    this.#parent?.spend();
  }

  /** Hands out what is free: to be called when the allowance has grown. */
  serve(): void {
    if (this.#parent !== undefined) {
      if (this.#mayHandOut()) this.#parent.want(this);
      return;
    }
    // What a user does with a slot may free it again: the loop below sees that.
    if (this.#serving) return;
    this.#serving = true;
    while (this.#mayHandOut()) this.#handOut();
    this.#serving = false;
  }

  /** @internal a slot of the parent is ours */
  onSlot(): boolean {
    if (!this.#mayHandOut()) {
      this.#parent?.refund();
      return false;
    }
    this.#handOut();
    return this.#mayHandOut();
  }

  #mayHandOut(): boolean {
    if (this.#used >= this.size || this.#line.length === 0) return false;
    return this.#allowance === undefined || this.#allowance.left > 0;
  }

  #handOut(): void {
    const user = this.#line.shift();
    if (user === undefined) return;
    this.#used++;
    this.#allowance?.take();
    if (user.onSlot() && !this.#line.includes(user)) this.#line.push(user);
  }
}
