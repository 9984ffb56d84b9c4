import type { StoredJob } from '@gearman/server';
import type { Entry, ForeignJob } from './job-source.ts';
import { endLine, headLine, jobLine, settingLine } from './line-schemas.ts';

/**
 * Jobs as JSON Lines: first a line that says what this is, then a line for each setting and each job, last a line that says
 * that nothing is missing. Names and payloads stand as text where their bytes are printable UTF-8, else in base64, under a
 * name that says so.
 */
export const LINES_FORMAT = 'gearman-jobs';
export const LINES_VERSION = 1;

/** What the first line says. */
export interface LinesHead {
  /** Where the jobs were: `journal /var/lib/gearman`. */
  readonly from: string;
  readonly exportedAt: string;
  readonly lastNumber: number;
}

const PRIORITIES = ['high', 'normal', 'low'] as const;
/** The end of what a Date can say. */
const LAST_DATE_MS = 8.64e15;

export function writeHead(head: LinesHead): string {
  return line({ format: LINES_FORMAT, version: LINES_VERSION, ...head });
}

export function writeSetting(setting: string, value: string): string {
  return line({ setting, value });
}

export function writeJob(job: StoredJob): string {
  const { number, priority, runAtMs, attempts, state, extra, reducer } = job;
  return line({
    number,
    ...bytesField('function', Buffer.from(job.functionName, 'latin1')),
    ...bytesField('unique', Buffer.from(job.uniqueId, 'latin1')),
    priority: PRIORITIES[priority],
    runAt: runAtMs === 0 ? null : runAtMs > LAST_DATE_MS ? runAtMs : new Date(runAtMs).toISOString(),
    attempts,
    state,
    ...(reducer === undefined ? { reducer: null } : bytesField('reducer', Buffer.from(reducer, 'latin1'))),
    extra,
    ...bytesField('payload', job.payload),
  });
}

export function writeEnd(): string {
  return line({ end: true });
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** Anything that a terminal or an editor might not show as it is. */
const UNPRINTABLE = /(?![\t\n\r])\p{Cc}/u;

function bytesField(name: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!UNPRINTABLE.test(text)) return { [name]: text };
  } catch {
    // Not text.
  }
  return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') };
}

/** What a line says that is not the first one. */
export type Line = Extract<Entry, { readonly is: 'job' | 'setting' }> | { readonly is: 'end' };

/** Reads the first line. @throws Error that says what is wrong with it */
export function readHead(text: string): LinesHead {
  const { format: _format, version, ...head } = checked(headLine, parseJson(text));
  if (version > LINES_VERSION) {
    throw new Error(`is of version ${version}, and this version reads up to ${LINES_VERSION}`);
  }
  return head;
}

/** Reads another line. @throws Error that says what is wrong with it */
export function readLine(text: string): Line {
  const value = parseJson(text);
  if ('setting' in value) {
    const { setting: key, value: content } = checked(settingLine, value);
    return { is: 'setting', key, value: content };
  }
  if ('end' in value) {
    checked(endLine, value);
    return { is: 'end' };
  }
  return { is: 'job', job: toJob(checked(jobLine, value)) };
}

function parseJson(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error('is not JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new Error('is not a JSON object');
  return value;
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function checked<T>(schema: Schema<T>, value: object): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => [...path.map(String), message].join(': '));
  throw new Error(problems.join('; '));
}

type JobLine = ReturnType<(typeof jobLine)['parse']>;

function toJob(found: JobLine): ForeignJob {
  return {
    number: found.number,
    functionName: byteString(found.function, found.functionBase64) ?? '',
    uniqueId: byteString(found.unique, found.uniqueBase64) ?? '',
    payload: bytesOf(found.payload, found.payloadBase64) ?? Buffer.alloc(0),
    // The schema knows no others.
    priority: PRIORITIES.indexOf(found.priority) as 0 | 1 | 2,
    runAtMs: found.runAt === null ? 0 : new Date(found.runAt).getTime() || Number(found.runAt),
    attempts: found.attempts,
    state: found.state,
    reducer: byteString(found.reducer ?? undefined, found.reducerBase64),
    extra: found.extra,
  };
}

function bytesOf(text: string | undefined, base64: string | undefined): Buffer | undefined {
  if (text !== undefined) return Buffer.from(text);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

const byteString = (text: string | undefined, base64: string | undefined): string | undefined =>
  bytesOf(text, base64)?.toString('latin1');
