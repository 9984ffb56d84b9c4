import type { Codec } from '../codec.ts';
import { codecFailure } from '../errors.ts';
import { NO_BYTES } from './bytes.ts';

/** What is used of a MessagePack library; the modules `@msgpack/msgpack` and `msgpackr` fit as they are. */
export interface MsgpackLibrary {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/**
 * MessagePack, by a library of the caller's choice: this package brings none. `undefined` is no bytes, and no bytes are
 * `undefined`.
 */
export function msgpack<T = unknown>(library: MsgpackLibrary): Codec<T> {
  const contentType = 'application/vnd.msgpack';
  const attempt = <R>(what: string, action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw codecFailure(contentType, `cannot ${what} the value`, cause);
    }
  };
  return Object.freeze({
    contentType,
    encode: (value: T) => (value === undefined ? NO_BYTES : attempt('write', () => library.encode(value))),
    // What the bytes hold is the sender's word; T is what the caller believes.
    decode: (bytes: Uint8Array) =>
      (bytes.length === 0 ? undefined : attempt('read', () => library.decode(bytes))) as T,
  });
}
