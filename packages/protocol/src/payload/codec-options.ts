import { InvalidArgumentError } from '../errors.ts';
import type { AnyCodec, Codec } from './codec.ts';
import { codecs } from './codecs.ts';

/** How values become payloads, for functions without a contract: by a codec, or as text. */
export type CodecOptions<Value, Part> =
  | {
      /** Encodes what is sent and decodes what comes; see {@link codecs}. */
      readonly codec: Codec<Value, Part>;
      readonly encoding?: undefined;
    }
  | {
      /** Short for `codec: codecs.text(encoding)`. */
      readonly encoding: BufferEncoding;
      readonly codec?: undefined;
    };

/** {@link CodecOptions} that may be missing and are not checked yet. */
export interface GivenCodec {
  readonly codec?: AnyCodec | undefined;
  readonly encoding?: BufferEncoding | undefined;
}

/** The codec that options ask for; undefined for none. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function codecOf({ codec, encoding }: GivenCodec): AnyCodec | undefined {
  if (encoding === undefined) {
    if (codec === undefined || isCodec(codec)) return codec;
    throw new InvalidArgumentError('codec: must be one of codecs, or have encode() and decode()');
  }
  if (codec !== undefined) throw new InvalidArgumentError('encoding and codec exclude each other');
  return codecs.text(encoding);
}

/** The same options without those that choose a codec. */
export function withoutCodec<O extends GivenCodec>(options: O): Omit<O, keyof GivenCodec> {
  const { codec: _codec, encoding: _encoding, ...rest } = options;
  return rest;
}

/** True for what can be used as a codec. */
export function isCodec(value: unknown): value is AnyCodec {
  if (typeof value !== 'object' || value === null || !('encode' in value) || !('decode' in value))
    return false;
  return typeof value.encode === 'function' && typeof value.decode === 'function';
}
