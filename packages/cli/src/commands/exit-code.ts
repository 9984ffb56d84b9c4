/** What a command of ours says by its exit code; `check` has those of Nagios. */
export const EXIT = {
  ok: 0,
  /** The job failed, a server refused, or some servers gave no answer. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No server could be reached, or none answered in time. */
  unreachable: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const UNREACHABLE = new Set([
  'ERR_GEARMAN_CONNECT',
  'ERR_GEARMAN_CONNECTION_LOST',
  'ERR_GEARMAN_NO_ANSWER',
  'ERR_GEARMAN_NO_SERVERS',
  'ERR_GEARMAN_REPLY_TIMEOUT',
  'ERR_GEARMAN_RESPONSE_TIMEOUT',
  'ERR_GEARMAN_SUBMIT_TIMEOUT',
  'ERR_GEARMAN_SUBMIT_UNKNOWN',
  'ERR_GEARMAN_TLS',
]);

/** The command line asks for what does not go together. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): ExitCode {
  const code = codeOf(error);
  if (error instanceof UsageError || code === 'ERR_GEARMAN_INVALID_ARGUMENT') return EXIT.usage;
  return UNREACHABLE.has(code) ? EXIT.unreachable : EXIT.failed;
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
