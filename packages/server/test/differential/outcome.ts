import type { Ledger } from './ledger.ts';
import type { Names } from './requests.ts';
import type { Request, Script } from './script.ts';

export type Which = 'theirs' | 'ours';

/** What each connection heard from each server; messages as {@link Handles.translate} shows them. */
export type Outcome = { readonly [W in Which]: string[][] };

/** What was done before two outcomes differed. */
export interface Action {
  readonly type: 'requests' | 'disconnect' | 'offend';
  readonly slot: number;
  readonly requests: readonly Request[];
  /** For each request the job that it is about. */
  readonly jobs: readonly string[];
}

/** What is known while a script is played; of the last action the ledger knows only the jobs that were submitted. */
export interface Scene {
  readonly script: Script;
  readonly names: Names;
  readonly ledger: Ledger;
  /** The lines of a listing about this script. */
  list(which: Which, command: string): Promise<string[]>;
}

/**
 * - `no`: something else is different here
 * - `parted`: that is it, and from here on the two servers are in different states
 * - otherwise it has been taken out of the outcome; `toGrab` are connections that both servers must hear a GRAB_JOB of
 *   before they think the same of them again
 */
export type Verdict = 'no' | 'parted' | { readonly toGrab: readonly number[] };

/** One way in which ours is meant to differ from gearmand 1.1.20. */
export interface IntendedDifference {
  readonly name: string;
  /** A defect of gearmand, a rule of gearmand 2.0, or a choice, whose reason docs/migrating-from-gearmand.md gives, too. */
  readonly kind: 'defect' | 'gearmand 2.0' | 'choice';
  readonly reason: string;
  /** Takes the difference out of what was heard, if it is there. */
  readonly explain?: (scene: Scene, action: Action, outcome: Outcome) => Verdict | Promise<Verdict>;
  /** True when the two servers are now in different states, as they should be, although no answer has shown it. */
  readonly isInState?: (scene: Scene, action: Action) => Promise<boolean>;
}

export const GO_ON: Verdict = { toGrab: [] };

/** Changes messages of one server; @returns true when that made a difference */
export function rewrite(messages: string[][], change: (message: string) => string | undefined): boolean {
  let changed = false;
  messages.forEach((list, slot) => {
    const rewritten = list.map(change).filter((message) => message !== undefined);
    if (rewritten.length === list.length && rewritten.every((message, i) => message === list[i])) return;
    changed = true;
    messages[slot] = rewritten;
  });
  return changed;
}

/** The first message of a connection, beside NOOP, that is not the same from both. */
export function firstDifference({ theirs, ours }: Outcome, slot: number): { theirs: string; ours: string } {
  const [one, other] = [theirs[slot], ours[slot]].map(
    (messages) => messages?.filter((message) => message !== 'NOOP') ?? [],
  );
  const at = one?.findIndex((message, i) => message !== other?.[i]) ?? -1;
  const index = at < 0 ? (one?.length ?? 0) : at;
  return { theirs: one?.[index] ?? '', ours: other?.[index] ?? '' };
}

/** Connections that one of the servers sent a NOOP and the other did not, and nothing else that differs. */
export function differingNoops({ theirs, ours }: Outcome, more: Which): number[] {
  const noops = (messages: readonly string[]): number => messages.filter((each) => each === 'NOOP').length;
  const others = (messages: readonly string[]): string =>
    messages.filter((each) => each !== 'NOOP').join('\n');
  return theirs.flatMap((messages, slot) => {
    const mine = ours[slot] ?? [];
    const surplus = (more === 'theirs' ? 1 : -1) * (noops(messages) - noops(mine));
    return surplus > 0 && others(messages) === others(mine) ? [slot] : [];
  });
}
