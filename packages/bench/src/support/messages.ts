/** What the main process asks of the others, and what they answer. */
export type Question =
  | { readonly ask: 'memory' }
  | { readonly ask: 'run'; readonly jobs: number; readonly window: number }
  | { readonly ask: 'stop' };

export type Answer =
  | { readonly type: 'ready'; readonly server?: string }
  | Memory
  | { readonly type: 'ran'; readonly elapsedMs: number; readonly wrong: number };

/** What a process uses, after a full collection. */
export interface Memory {
  readonly type: 'memory';
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** Processor time used before and after the collection, in milliseconds. */
  readonly cpuBeforeMs: number;
  readonly cpuAfterMs: number;
}

/** The process must run with `--expose-gc`. */
export function memory(): Memory {
  const cpuBeforeMs = cpuMs();
  // Twice: what finalizers let go in the first round is collected in the second.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { type: 'memory', heapBytes: heapUsed + external, rssBytes: rss, cpuBeforeMs, cpuAfterMs: cpuMs() };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Answers questions until the parent is gone. */
export function serve(answer: (question: Question) => Promise<Answer | undefined>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (question: Question) => {
    void answer(question).then((reply) => reply !== undefined && process.send?.(reply));
  });
}
