import type { Submission } from './submission.ts';

interface Group {
  readonly signal: AbortSignal;
  readonly members: Set<Submission>;
  readonly onAbort: () => void;
}

/** Tells submissions that their signals were aborted. One listener a signal, however many jobs share it. */
export class AbortWatch {
  readonly #groups = new Map<AbortSignal, Group>();
  readonly #groupOf = new Map<Submission, Group>();

  add(signal: AbortSignal, submission: Submission): void {
    const group = this.#groups.get(signal) ?? this.#open(signal);
    group.members.add(submission);
    this.#groupOf.set(submission, group);
  }

  /** The submission is over. */
  delete(submission: Submission): void {
    if (this.#groupOf.size === 0) return;
    const group = this.#groupOf.get(submission);
    if (group === undefined) return;
    this.#groupOf.delete(submission);
    group.members.delete(submission);
    if (group.members.size === 0) this.#close(group);
  }

  #open(signal: AbortSignal): Group {
    const members = new Set<Submission>();
    const onAbort = (): void => {
      for (const submission of [...members]) submission.onAbort(signal.reason);
    };
    const group = { signal, members, onAbort };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#groups.set(signal, group);
    return group;
  }

  #close({ signal, onAbort }: Group): void {
    signal.removeEventListener('abort', onAbort);
    this.#groups.delete(signal);
  }
}
