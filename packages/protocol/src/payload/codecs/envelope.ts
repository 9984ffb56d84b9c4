import { Buffer } from 'node:buffer';
import type { Codec } from '../codec.ts';
import { CodecError } from '../errors.ts';
import { kindOf } from './bytes.ts';
import { parse, stringify } from './json.ts';

/** A value with remarks about it: a trace id, a tenant, a deadline. */
export interface Enveloped<T> {
  /** Text by name. Gearman has no place for it, so it travels before the value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly value: T;
}

const LENGTH_BYTES = 4;
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Another codec, with headers before the value. Both sides must use it; servers of any make carry it.
 *
 * A payload is: length of the headers (4 bytes, big-endian), headers (a JSON object, at most 64 KiB), value.
 */
export function envelope<T>(codec: Codec<T, unknown>): Codec<Enveloped<T>> {
  const contentType = `${codec.contentType}+envelope`;
  return Object.freeze({
    contentType,
    encode({ headers, value }: Enveloped<T>) {
      const head = Buffer.from(stringify(headers, {}, contentType));
      if (head.length > MAX_HEADER_BYTES) throw tooLong(contentType, head.length);
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(head.length);
      return Buffer.concat([length, head, codec.encode(value)]);
    },
    decode(bytes: Uint8Array) {
      const { head, rest } = split(bytes, contentType);
      return { headers: toHeaders(parse(head, {}, contentType), contentType), value: codec.decode(rest) };
    },
  });
}

function split(
  bytes: Uint8Array,
  contentType: string,
): { readonly head: Uint8Array; readonly rest: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < LENGTH_BYTES ? 0 : view.getUint32(0);
  if (length > MAX_HEADER_BYTES) throw tooLong(contentType, length);
  if (length === 0 || LENGTH_BYTES + length > bytes.length) {
    throw new CodecError(contentType, "the payload has no envelope; is the sender's codec another?");
  }
  const end = LENGTH_BYTES + length;
  return { head: bytes.subarray(LENGTH_BYTES, end), rest: bytes.subarray(end) };
}

function toHeaders(value: unknown, contentType: string): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CodecError(contentType, `the headers are ${kindOf(value)}, not an object`);
  }
  const headers: Record<string, string> = Object.create(null);
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new CodecError(contentType, `the header "${name}" is ${kindOf(text)}, not text`);
    headers[name] = text;
  }
  return headers;
}

function tooLong(contentType: string, length: number): CodecError {
  return new CodecError(contentType, `headers of ${length} bytes; at most ${MAX_HEADER_BYTES} are possible`);
}
