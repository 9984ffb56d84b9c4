import type { ProcessFigures } from './messages.ts';

/** How a process ended. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that was started, as the rules about processes see it. */
export interface Child {
  readonly pid: number;
  /**
   * Resolves when the process is ready, or has loaded its module and found no server for `readyTimeoutMs`. Rejects with
   * a ModuleError when it ends before, or has not even loaded its module by then: it is killed.
   */
  readonly usable: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  /** Asks it to take no more jobs and to end when it has none; kills it when it takes longer. */
  drain(timeoutMs: number): Promise<ChildEnd>;
  kill(): void;
}

/** Who hears what a process tells. */
export interface ChildListener {
  onReady(): void;
  onFigures(figures: ProcessFigures): void;
  onOutput(stream: 'stdout' | 'stderr', line: string): void;
  onKilled(): void;
}

export type StartChild = (listener: ChildListener) => Child;
