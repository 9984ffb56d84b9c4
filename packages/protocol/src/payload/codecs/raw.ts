import type { Codec } from '../codec.ts';
import { CodecError } from '../errors.ts';
import { kindOf, NO_BYTES } from './bytes.ts';

const contentType = 'application/octet-stream';

/** Bytes as they are, not copied. */
export const raw: Codec<Uint8Array> = Object.freeze({
  contentType,
  encode,
  decode: (bytes: Uint8Array) => bytes,
  encodeChunk: encode,
  decodeChunks: () => (bytes: Uint8Array) => (bytes.length === 0 ? [] : [bytes]),
});

function encode(value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return NO_BYTES;
  if (value instanceof Uint8Array) return value;
  throw new CodecError(contentType, `takes a Uint8Array, not ${kindOf(value)}`);
}
