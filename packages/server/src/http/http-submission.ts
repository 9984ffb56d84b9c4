import type { IncomingHttpHeaders } from 'node:http';
import { encodeText, MAX_FUNCTION_NAME_BYTES, MAX_UNIQUE_ID_BYTES } from '@gearman/protocol';
import { z } from 'zod';
import { HIGH, LOW, NORMAL, type Priority } from '../engine/job.ts';

/** What a request asks for, beside its body. */
export interface HttpSubmission {
  readonly functionName: string;
  readonly uniqueId: string;
  readonly background: boolean;
  readonly priority: Priority;
}

const PRIORITIES = { high: HIGH, normal: NORMAL, low: LOW } as const;
const word = z.string().trim().toLowerCase();

const schema: z.ZodType<HttpSubmission> = z.object({
  functionName: z
    .string()
    .transform(encodeText)
    .refine((name) => name.length <= MAX_FUNCTION_NAME_BYTES, `has at most ${MAX_FUNCTION_NAME_BYTES} bytes`)
    .refine((name) => !name.includes('\0'), 'must not contain a NUL'),
  // Node reads headers as one character per byte.
  uniqueId: z.string().max(MAX_UNIQUE_ID_BYTES, `has at most ${MAX_UNIQUE_ID_BYTES} bytes`).default('-'),
  background: word
    .pipe(z.enum(['true', 'false'], 'is true or false'))
    .default('false')
    .transform((value) => value === 'true'),
  priority: word
    .pipe(z.enum(['high', 'normal', 'low'], 'is high, normal or low'))
    .default('normal')
    .transform((name) => PRIORITIES[name]),
});

const NAMES: Readonly<Record<string, string>> = {
  functionName: 'the function name in the path',
  uniqueId: 'X-Gearman-Unique',
  background: 'X-Gearman-Background',
  priority: 'X-Gearman-Priority',
};

/**
 * Reads the path and the headers of a request. Without a unique id it is `-`, as in gearmand's plugin: requests with
 * equal bodies share one job.
 *
 * @returns what is wrong, if something is
 */
export function readSubmission(functionName: string, headers: IncomingHttpHeaders): HttpSubmission | string {
  const result = schema.safeParse({
    functionName,
    uniqueId: headers['x-gearman-unique'],
    background: headers['x-gearman-background'],
    priority: headers['x-gearman-priority'],
  });
  if (result.success) return result.data;
  return result.error.issues
    .map(({ path, message }) => `${NAMES[String(path[0])] ?? path.join('.')} ${message}`)
    .join('; ');
}
