import { createHash } from 'node:crypto';
import { latin1Slice } from '@gearman/protocol';

/**
 * A payload kept in memory: small ones as byte strings, which cost 16 bytes beside their own and are moved and freed
 * by the garbage collector like anything else, large ones in memory of exactly their size.
 */
export type Payload = string | Uint8Array;

const LARGEST_STRING_BYTES = 1024;
const LARGEST_PLAIN_KEY_BYTES = 64;

/** Copies bytes out of a buffer that will be reused. */
export function keepPayload(bytes: Uint8Array): Payload {
  if (bytes.length <= LARGEST_STRING_BYTES) return latin1Slice(bytes, 0, bytes.length);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The bytes of a payload. Do not change them. */
export function payloadBytes(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
}

/** What a payload takes, for the accounts. */
export function payloadSizeBytes(payload: Payload): number {
  return payload.length;
}

/** A key under which equal payloads meet; never equal to a unique id, which holds no NUL. */
export function payloadKey(payload: Payload | Uint8Array): string {
  if (payload.length <= LARGEST_PLAIN_KEY_BYTES) {
    return `\0${typeof payload === 'string' ? payload : latin1Slice(payload, 0, payload.length)}`;
  }
  const hash = createHash('sha256');
  if (typeof payload === 'string') hash.update(payload, 'latin1');
  else hash.update(payload);
  return `\0\0${payload.length}:${hash.digest('base64')}`;
}
