import { ConnectError, ConnectionLostError } from '@gearman/pool';

/** Where the command line said the server is. */
export interface Target {
  readonly host: string;
  readonly port: string;
}

/** Why a server gave no answer, in the sentences of the C tool where it has one. */
export function explain(error: unknown, target: Target | string): string {
  const reason = error instanceof Error ? error.message : String(error);
  // Of several servers the name tells which; the C tool knows only one.
  if (typeof target === 'string') return reason;
  const { host, port } = target;
  if (error instanceof ConnectionLostError) return `Socket was shutdown while reading from ${host}`;
  if (!(error instanceof ConnectError)) return reason;
  if (codeOf(error.cause) === 'ENOTFOUND') {
    return `Failed to connect on ${host}:${port} with Name or service not known`;
  }
  // The C tool ends this line twice.
  return `Error connecting to ${host}.\n`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
