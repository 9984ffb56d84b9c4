import { createHash } from 'node:crypto';
import { latin1Slice } from '@gearman/protocol';
import type { StoredJob } from '../store/store.ts';
import { PayloadFile } from './payload-file.ts';

/**
 * A payload kept in memory: small ones as byte strings, which cost 16 bytes beside their own and are moved and freed
 * by the garbage collector like anything else, large ones in memory of exactly their size.
 */
export type HeldPayload = string | Uint8Array;

/** A payload that is kept, in memory or in a file. */
export type Payload = HeldPayload | PayloadFile;

const LARGEST_STRING_BYTES = 1024;
const LARGEST_PLAIN_KEY_BYTES = 64;
/** What a {@link PayloadFile} takes in memory, about. */
const FILE_BYTES = 512;
/** What may stand in the memory of a payload beside it: the other arguments of its packet. */
const MOST_BESIDE_BYTES = 1024;
const NO_BYTES = new Uint8Array(0);

/** A payload of a packet: copied out of a buffer that will be reused or is much larger, else kept as it is. */
export function keepPayload(bytes: Uint8Array): HeldPayload {
  return bytes.length > LARGEST_STRING_BYTES && hasOwnMemory(bytes) ? bytes : copyPayload(bytes);
}

function copyPayload(bytes: Uint8Array): HeldPayload {
  if (bytes.length <= LARGEST_STRING_BYTES) return latin1Slice(bytes, 0, bytes.length);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * A packet that came in pieces was put together by the parser, in memory for itself and of its size: a plain array, where
 * what comes from a socket, and what programs hand over within a process, are Buffers.
 */
function hasOwnMemory(bytes: Uint8Array): boolean {
  return !Buffer.isBuffer(bytes) && bytes.buffer.byteLength - bytes.length <= MOST_BESIDE_BYTES;
}

/** The payload of a job that comes from a store. */
export function storedPayload({ payload, payloadFile }: StoredJob): Payload {
  return payloadFile === undefined ? copyPayload(payload) : new PayloadFile(payloadFile);
}

/** The bytes of a payload, none of one in a file. Do not change them. */
export function payloadBytes(payload: Payload): Uint8Array {
  if (typeof payload === 'string') return Buffer.from(payload, 'latin1');
  return payload instanceof PayloadFile ? NO_BYTES : payload;
}

/** What a payload takes in memory, for the accounts. */
export function payloadSizeBytes(payload: Payload): number {
  return payload instanceof PayloadFile ? FILE_BYTES : payload.length;
}

/** Whether there is any byte in it. */
export function isEmptyPayload(payload: Payload): boolean {
  return payload instanceof PayloadFile ? payload.sizeBytes === 0 : payload.length === 0;
}

/** A payload is needed from now on. */
export function retainPayload(payload: Payload): void {
  if (payload instanceof PayloadFile) payload.retain();
}

/** It is not needed any more. */
export function releasePayload(payload: Payload): void {
  if (payload instanceof PayloadFile) payload.release();
}

/** A key under which equal payloads meet; never equal to a unique id, which holds no NUL. */
export function payloadKey(payload: Payload): string {
  if (payload instanceof PayloadFile) return hashKey(payload.sizeBytes, hexToBase64(payload.sha256));
  if (payload.length <= LARGEST_PLAIN_KEY_BYTES) {
    return `\0${typeof payload === 'string' ? payload : latin1Slice(payload, 0, payload.length)}`;
  }
  const hash = createHash('sha256');
  if (typeof payload === 'string') hash.update(payload, 'latin1');
  else hash.update(payload);
  return hashKey(payload.length, hash.digest('base64'));
}

const hashKey = (sizeBytes: number, sha256: string): string => `\0\0${sizeBytes}:${sha256}`;

const hexToBase64 = (hex = ''): string => Buffer.from(hex, 'hex').toString('base64');
