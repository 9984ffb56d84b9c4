import { Buffer } from 'node:buffer';

/** What `undefined` is, whatever the codec: a function that takes or returns nothing says nothing. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** For messages: `an array`, `null`, `a number`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
