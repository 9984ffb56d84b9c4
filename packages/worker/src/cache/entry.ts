import { toCanonicalJson } from './json.ts';

/** A result as it is kept. */
export interface CacheEntry {
  /** When it was made, in milliseconds since 1970. */
  readonly madeAtMs: number;
  /** What the handler wrote ahead of it. */
  readonly chunks: readonly unknown[];
  readonly result: unknown;
}

/** Changes whenever older entries can no longer be read. */
const FORMAT = 1;

/** An entry as text for any store. @throws InvalidArgumentError for a result that is neither bytes, text nor JSON */
export function encodeEntry({ madeAtMs, chunks, result }: CacheEntry): string {
  const values = [...chunks, result].map(encodeValue).join(',');
  return `[${FORMAT},${madeAtMs},${values}]`;
}

/** Undefined for whatever this version has not written. */
export function decodeEntry(text: unknown): CacheEntry | undefined {
  if (typeof text !== 'string') return undefined;
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(read) || read.length < 3) return undefined;
  const [format, madeAtMs, ...values]: unknown[] = read;
  if (format !== FORMAT || typeof madeAtMs !== 'number') return undefined;
  const chunks = values.map(decodeValue);
  const result = chunks.pop();
  return { madeAtMs, chunks, result };
}

function encodeValue(value: unknown): string {
  if (value === undefined) return '{}';
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, length } = value;
    return JSON.stringify({ bytes: Buffer.from(buffer, byteOffset, length).toString('base64') });
  }
  return `{"value":${toCanonicalJson(value, 'the result of a cached handler')}}`;
}

function decodeValue(written: unknown): unknown {
  if (typeof written !== 'object' || written === null) return undefined;
  if ('bytes' in written && typeof written.bytes === 'string') return Buffer.from(written.bytes, 'base64');
  return 'value' in written ? written.value : undefined;
}

/** About how many bytes a result or a chunk takes: enough to refuse what is too large. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  return value === undefined ? 0 : (JSON.stringify(value)?.length ?? 0);
}

/** True for no value, empty text or bytes, an empty list, and an object without members. */
export function isEmptyResult(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (typeof value !== 'object') return false;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  return Object.keys(value).length === 0 && Object.getPrototypeOf(value) === Object.prototype;
}
