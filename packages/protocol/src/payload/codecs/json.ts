import { Buffer, isUtf8 } from 'node:buffer';
import type { Codec } from '../codec.ts';
import { CodecError, codecFailure } from '../errors.ts';
import { asBuffer, kindOf, NO_BYTES } from './bytes.ts';

/** How JSON treats single values, as `JSON.stringify()` and `JSON.parse()` take them. */
export interface JsonOptions {
  readonly replacer?: (this: unknown, key: string, value: unknown) => unknown;
  readonly reviver?: (this: unknown, key: string, value: unknown) => unknown;
}

/**
 * JSON in UTF-8. `undefined` is no bytes, and no bytes are `undefined`.
 *
 * @typeParam T what the caller vouches for; a schema in the contract checks it
 */
export function json<T = unknown>(options: JsonOptions = {}): Codec<T> {
  const contentType = 'application/json';
  return Object.freeze({
    contentType,
    encode: (value: T) =>
      value === undefined ? NO_BYTES : Buffer.from(stringify(value, options, contentType)),
    // What the bytes hold is the sender's word; T is what the caller believes.
    decode: (bytes: Uint8Array) => (bytes.length === 0 ? undefined : parse(bytes, options, contentType)) as T,
  });
}

/** The text of a value. @throws CodecError `ERR_GEARMAN_CODEC` */
export function stringify(value: unknown, { replacer }: JsonOptions, contentType: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, replacer);
  } catch (cause) {
    throw codecFailure(contentType, 'cannot write the value', cause);
  }
  if (text === undefined) throw new CodecError(contentType, `there is no JSON for ${kindOf(value)}`);
  return text;
}

/** The value of a text. @throws CodecError `ERR_GEARMAN_CODEC` */
export function parse(bytes: Uint8Array, { reviver }: JsonOptions, contentType: string): unknown {
  if (!isUtf8(bytes)) throw new CodecError(contentType, 'the bytes are not UTF-8');
  try {
    return JSON.parse(asBuffer(bytes).toString('utf8'), reviver);
  } catch (cause) {
    throw codecFailure(contentType, 'cannot read the value', cause);
  }
}
