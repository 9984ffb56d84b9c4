import { createHash } from 'node:crypto';
import type { PeerEvent } from './peer-process.ts';

/** Every byte there is, NUL and line ends included. */
export const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

/** `size` bytes that count 0, 1, … up to `alphabet` − 1, again and again. */
export function counting(size: number, alphabet: number): Uint8Array {
  return Buffer.alloc(size, ALL_BYTES.subarray(0, alphabet));
}

/** How a script describes these bytes. */
export function described(bytes: Uint8Array): { size: number; sha1: string } {
  return { size: bytes.length, sha1: createHash('sha1').update(bytes).digest('hex') };
}

/** The bytes that come with an event, as text. */
export const textOf = ({ base64 }: PeerEvent): string => Buffer.from(base64 ?? '', 'base64').toString();
