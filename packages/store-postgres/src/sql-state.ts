/** Why the database said no: a code of five characters, see "PostgreSQL Error Codes". Undefined when it was not the database. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && hasSeverity(error) ? code : undefined;
}

/** Errors of the system have codes of five characters, too: EPIPE. */
function hasSeverity(error: unknown): boolean {
  return typeof (error as { readonly severity?: unknown }).severity === 'string';
}

/** Classes, or whole codes, of what ends with the connection or is better tried on another one. */
const PASSING = [
  '08', // the connection failed
  '40', // rolled back, as with a deadlock
  '57', // shutting down, crashed, starting, or took too long
  '25006', // read-only: it has become a standby
  '53300', // too many connections
];

/** True for what may be different with the next connection; everything else the next one would hear as well. */
export function isPassing(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined || PASSING.some((each) => state.startsWith(each));
}
