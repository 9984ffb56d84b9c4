/** What the main process asks of the others, and what they answer. */
export type Question =
  | { readonly ask: 'heap' }
  | { readonly ask: 'run'; readonly jobs: number; readonly window: number }
  | { readonly ask: 'stop' };

export type Answer =
  | { readonly type: 'ready'; readonly server?: string }
  | { readonly type: 'heap'; readonly heapBytes: number }
  | { readonly type: 'ran'; readonly elapsedMs: number; readonly wrong: number };

/** The bytes in use after a full collection. The process must run with `--expose-gc`. */
export function heapBytes(): number {
  // Twice: what finalizers let go in the first round is collected in the second.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Answers questions until the parent is gone. */
export function serve(answer: (question: Question) => Promise<Answer | undefined>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (question: Question) => {
    void answer(question).then((reply) => reply !== undefined && process.send?.(reply));
  });
}
