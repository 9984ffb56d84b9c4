/** Where the functions of a process come from. */
export interface ModuleSource {
  /** What it is called in messages. */
  readonly name: string;
  /** Files to import, as URLs. */
  readonly urls: readonly string[];
  /** True for a folder: a file that exports one handler is the function of its name. */
  readonly isFolder: boolean;
  /** The functions to offer; undefined for all. */
  readonly functions: readonly string[] | undefined;
}

/** What a supervisor tells its processes. */
export type ToChild =
  | {
      readonly type: 'start';
      readonly source: ModuleSource;
      readonly worker: object;
      /** How long jobs may go on when the supervisor is gone. */
      readonly orphanTimeoutMs: number;
      readonly reportIntervalMs: number;
    }
  | { readonly type: 'drain'; readonly timeoutMs: number };

/** What a process tells its supervisor. */
export type ToParent =
  /** The module is loaded, and the worker started; servers may still be out of reach. */
  | { readonly type: 'loaded' }
  /** Connected to a server: jobs can come. */
  | { readonly type: 'ready' }
  /** The module cannot be loaded; the process ends. */
  | { readonly type: 'failed'; readonly message: string; readonly error: unknown }
  | ({ readonly type: 'figures' } & ProcessFigures);

/** What a process tells about itself. */
export interface ProcessFigures {
  /** Jobs that came since it started. */
  readonly jobs: number;
  /** Jobs whose handlers run. */
  readonly running: number;
  /** Resident memory, in bytes. */
  readonly memoryBytes: number;
}
