/**
 * Turns values into payloads and back. Both sides of a function must use the same one.
 *
 * Gearman carries bytes and does not say what they are: `contentType` is for people, error messages and gateways.
 *
 * A codec whose encoded form may be cut anywhere has {@link encodeChunk} and {@link decodeChunks}: the chunks that a worker
 * sends, joined, are then the whole. Others need a value in one piece, and their `Chunk` is the bytes as they come.
 *
 * @typeParam T what is encoded and decoded
 * @typeParam Chunk what a part of an encoded value stands for
 */
export interface Codec<T = unknown, Chunk = Uint8Array> {
  /** The media type of the encoded form. */
  readonly contentType: string;
  /** The bytes of a value. Throws what says why it has none; the caller names function and sender. */
  encode(value: T): Uint8Array;
  /** The value of these bytes, which stay the caller's. Throws as {@link encode}. */
  decode(bytes: Uint8Array): T;
  /** The bytes of one chunk of a value that is sent in several. */
  encodeChunk?(chunk: Chunk): Uint8Array;
  /** Begins to read a value that comes in parts, cut anywhere. */
  decodeChunks?(): ChunkDecoder<Chunk>;
}

/**
 * Takes the next part of a value, and returns the chunks that it completes, often one, perhaps none.
 *
 * @param last true for the last part, which may be empty; throws when something is left over
 */
export type ChunkDecoder<Chunk> = (bytes: Uint8Array, last: boolean) => Chunk[];

/** A codec of whatever. */
export type AnyCodec = Codec<unknown, unknown>;
