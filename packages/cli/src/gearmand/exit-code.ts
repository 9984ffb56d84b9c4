/** What the process says by its exit code. */
export const EXIT = {
  ok: 0,
  /** It failed while it started or ran. */
  runtime: 1,
  /** The arguments, a configuration file or the environment cannot be understood, or ask for what is not here. */
  usage: 2,
  /** An address cannot be listened on. */
  bind: 3,
  /** A persistent queue cannot be used. */
  store: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the process: `message` goes to standard error. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
  readonly exitCode: ExitCode;

  constructor(message: string, { exitCode, ...options }: ErrorOptions & { readonly exitCode: ExitCode }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
