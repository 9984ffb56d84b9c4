import type { ListenerErrorEvent } from '@gearman/events';
import type { ModuleError } from './errors.ts';
import type { RecycleReason } from './recycle.ts';

/** Everything a supervisor tells, discriminated on `type`; `process` is the name of a process, such as `mail.1`. */
export type SupervisorEvent =
  /** A process was started. It has not loaded its module yet. */
  | { readonly type: 'process-start'; readonly process: string; readonly pid: number }
  /** A process is connected to a server and takes jobs. */
  | { readonly type: 'process-ready'; readonly process: string; readonly pid: number }
  /** A process has ended. `expected` when the supervisor had asked it to. */
  | {
      readonly type: 'process-exit';
      readonly process: string;
      readonly pid: number;
      readonly exitCode: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly expected: boolean;
    }
  /** A process that has ended will be started again after so long; `crashes` in a row came soon after their start. */
  | {
      readonly type: 'process-restart';
      readonly process: string;
      readonly delayMs: number;
      readonly crashes: number;
    }
  /** A process is replaced because it is too old, had enough jobs, or takes too much memory. */
  | { readonly type: 'process-recycle'; readonly process: string; readonly reason: RecycleReason }
  /** A process did not end in time and was killed. Servers give its jobs to others. */
  | { readonly type: 'process-killed'; readonly process: string; readonly pid: number }
  /** A new process cannot load its module. The one it was to replace goes on. */
  | { readonly type: 'module-error'; readonly process: string; readonly error: ModuleError }
  /** A process printed a line. */
  | {
      readonly type: 'output';
      readonly process: string;
      readonly pid: number;
      readonly stream: 'stdout' | 'stderr';
      readonly line: string;
    }
  /** All processes are about to be replaced, one after the other: by `reload()`, a signal, or a file that changed. */
  | { readonly type: 'reload'; readonly reason: 'call' | 'signal' | 'watch' }
  /** All processes have been replaced. */
  | { readonly type: 'reload-done' }
  /** All processes have ended; the last event. */
  | ({ readonly type: 'stop' } & SupervisorReport)
  | ListenerErrorEvent;

/** How the last process in each place ended. */
export interface ProcessEnd {
  readonly process: string;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What came of a supervisor. */
export interface SupervisorReport {
  readonly processes: readonly ProcessEnd[];
  /** Processes that had to be killed because they did not end in time. */
  readonly killed: number;
}

/** A process, or the place of one, as it is now. */
export interface ProcessState {
  /** What it is called: the name of its module and its place, from 1. */
  readonly name: string;
  /** The module it runs. */
  readonly module: string;
  /** `starting` loads its module or connects, `waiting` is about to be started again, `ended` is not. */
  readonly state: 'starting' | 'ready' | 'draining' | 'waiting' | 'ended';
  readonly pid: number | undefined;
  /** How often a process in this place was started again after it had ended by itself. */
  readonly restarts: number;
  /** Jobs that came to this process. */
  readonly jobs: number;
  /** Its jobs that run, as it told last. */
  readonly running: number;
  /** Its resident memory, as it told last, in bytes; undefined before. */
  readonly memoryBytes: number | undefined;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAtMs: number | undefined;
}
