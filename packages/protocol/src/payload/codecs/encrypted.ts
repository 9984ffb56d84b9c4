import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { InvalidArgumentError } from '../../errors.ts';
import type { Codec } from '../codec.ts';
import { CodecError, codecFailure } from '../errors.ts';
import { kindOf } from './bytes.ts';

/** Options of `codecs.encrypted()`. */
export interface EncryptedOptions {
  /**
   * The keys that can be read with, 32 bytes each, by an id of 1 to 255 bytes that travels in the clear.
   *
   * To change keys: add the new one everywhere, then write with it, and remove the old one when no job needs it any more.
   */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** The id of the key to write with. @defaultValue the only key; required when there are several */
  readonly keyId?: string;
}

const ALGORITHM = 'aes-256-gcm';
const VERSION = 1;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Another codec, encrypted and protected against change with AES-256-GCM. Servers see sizes, function names and unique ids,
 * and no payload.
 *
 * A payload is: version (1 byte), length of the key id (1 byte), key id, IV (12 bytes), ciphertext, tag (16 bytes); all
 * before the IV is authenticated. Each has a random IV, so equal values differ on the wire, and `uniqueId: 'payload'`
 * merges nothing. Replace a key before it has written 2³² payloads.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong keys
 */
export function encrypted<T>(codec: Codec<T, unknown>, options: EncryptedOptions): Codec<T> {
  const keys = checkedKeys(options.keys);
  const own = chosenKey(keys, options.keyId);
  const contentType = `${codec.contentType}+encrypted`;
  return Object.freeze({
    contentType,
    encode(value: T) {
      const plain = codec.encode(value);
      // Not an argument, unlike other randomness here: a repeated IV gives both plain texts away.
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, own.key, iv).setAAD(own.header);
      return Buffer.concat([own.header, iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    decode: (bytes: Uint8Array) => codec.decode(decrypt(bytes, keys, contentType)),
  });
}

interface Key {
  readonly key: Uint8Array;
  /** Version and key id, as every payload begins. */
  readonly header: Buffer;
}

function checkedKeys(given: EncryptedOptions['keys']): ReadonlyMap<string, Key> {
  const keys = new Map<string, Key>();
  for (const [id, key] of Object.entries(given)) {
    const name = Buffer.from(id);
    if (name.length < 1 || name.length > 255) {
      throw new InvalidArgumentError(`the key id "${id}" has ${name.length} bytes; 1 to 255 are possible`);
    }
    if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
      const found = key instanceof Uint8Array ? `${key.length} bytes` : kindOf(key);
      throw new InvalidArgumentError(
        `the key "${id}" must be ${KEY_BYTES} bytes, for example from randomBytes(32), not ${found}`,
      );
    }
    // Copied: keys that are wiped or changed later must not change what is written.
    keys.set(id, {
      key: Uint8Array.from(key),
      header: Buffer.concat([Uint8Array.of(VERSION, name.length), name]),
    });
  }
  return keys;
}

function chosenKey(keys: ReadonlyMap<string, Key>, keyId: string | undefined): Key {
  const ids = [...keys.keys()];
  const id = keyId ?? (ids.length === 1 ? ids[0] : undefined);
  const key = id === undefined ? undefined : keys.get(id);
  if (key !== undefined) return key;
  const problem =
    id !== undefined
      ? `there is no key "${id}"`
      : ids.length === 0
        ? 'there is no key'
        : 'keyId must say which key to write with';
  throw new InvalidArgumentError(problem);
}

function decrypt(bytes: Uint8Array, keys: ReadonlyMap<string, Key>, contentType: string): Uint8Array {
  const [version, idBytes = 0] = bytes;
  const ivAt = 2 + idBytes;
  const textAt = ivAt + IV_BYTES;
  const tagAt = bytes.length - TAG_BYTES;
  if (version !== VERSION || tagAt < textAt) {
    throw new CodecError(
      contentType,
      "the payload is not encrypted, or not like this; is the sender's codec another?",
    );
  }
  const id = Buffer.from(bytes.subarray(2, ivAt)).toString('utf8');
  const found = keys.get(id);
  if (found === undefined) {
    throw new CodecError(
      contentType,
      `the payload was encrypted with key ${JSON.stringify(id)}, which is not among the keys here`,
    );
  }
  const decipher = createDecipheriv(ALGORITHM, found.key, bytes.subarray(ivAt, textAt), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bytes.subarray(0, ivAt)).setAuthTag(bytes.subarray(tagAt));
  const plain = decipher.update(bytes.subarray(textAt, tagAt));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch (cause) {
    const problem = `the payload was changed on the way, or the key ${JSON.stringify(id)} is another one here`;
    throw codecFailure(contentType, problem, cause);
  }
}
