import type { StoredJob } from '@gearman/server';

/** A row of the table of jobs, as the client reads it. */
export interface JobRow {
  readonly id: string;
  readonly priority: number;
  readonly run_at_ms: number;
  readonly attempts: string;
  readonly payload: Buffer;
  readonly fn: string;
  readonly uniq: string;
  readonly state: string;
  readonly reducer: string | null;
  readonly extra: string;
}

export function toStoredJob(row: JobRow): StoredJob {
  return {
    number: Number(row.id),
    functionName: unescaped(row.fn, 'latin1'),
    uniqueId: unescaped(row.uniq, 'latin1'),
    payload: row.payload,
    // Nothing but what was put there.
    priority: row.priority as StoredJob['priority'],
    runAtMs: row.run_at_ms,
    attempts: Number(row.attempts),
    state: row.state as StoredJob['state'],
    reducer: row.reducer === null ? undefined : unescaped(row.reducer, 'latin1'),
    extra: unescaped(row.extra, 'utf8'),
  };
}

const BACKSLASH = 0x5c;

/** Undoes PostgreSQL's `encode(…, 'escape')`: a byte that is not ASCII is a backslash and three octal digits, a backslash two. */
function unescaped(text: string, encoding: 'latin1' | 'utf8'): string {
  if (!text.includes('\\')) return text;
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let byte = text.charCodeAt(at);
    if (byte === BACKSLASH && text.charCodeAt(at + 1) === BACKSLASH) at++;
    else if (byte === BACKSLASH) {
      byte = Number.parseInt(text.slice(at + 1, at + 4), 8);
      at += 3;
    }
    bytes[length++] = byte;
  }
  return bytes.toString(encoding, 0, length);
}
