import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { InvalidArgumentError } from '../../errors.ts';
import type { Codec } from '../codec.ts';
import { CodecError } from '../errors.ts';
import { asBuffer, kindOf, NO_BYTES } from './bytes.ts';

/**
 * Text. Characters that are cut between two parts of a result come out whole; bytes that are no characters become
 * U+FFFD.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for an encoding that Node.js does not know
 */
export function text(encoding: BufferEncoding = 'utf8'): Codec<string, string> {
  if (!Buffer.isEncoding(encoding)) {
    throw new InvalidArgumentError(
      `"${String(encoding)}" is not an encoding; use one that Buffer knows, such as "utf8"`,
    );
  }
  const contentType = `text/plain; charset=${encoding === 'utf8' ? 'utf-8' : encoding}`;
  const encode = (value: string | undefined): Uint8Array => {
    if (value === undefined) return NO_BYTES;
    if (typeof value === 'string') return Buffer.from(value, encoding);
    throw new CodecError(contentType, `takes a string, not ${kindOf(value)}`);
  };
  return Object.freeze({
    contentType,
    encode,
    decode: (bytes: Uint8Array) => asBuffer(bytes).toString(encoding),
    encodeChunk: encode,
    decodeChunks() {
      const decoder = new StringDecoder(encoding);
      return (bytes: Uint8Array, last: boolean) => {
        const piece = decoder.write(asBuffer(bytes)) + (last ? decoder.end() : '');
        return piece === '' ? [] : [piece];
      };
    },
  });
}
