import { randomInt } from 'node:crypto';
import { hostname } from 'node:os';

const BASE = 36;
// With the rest of the handle it stays within 63 bytes: 1 colon, 11 of the start, 1 hyphen, 12 digits.
const LONGEST_PREFIX = 38;

/**
 * What the handles of this server begin with, for example `H:web1:mi8z1kq27f-`.
 *
 * The part behind the host differs at every start, so that a handle names one job for ever; gearmand counts from 1
 * again and gives old handles to other jobs.
 */
export function makeHandlePrefix(prefix: string | undefined, startedAtMs: number): string {
  const name = prefix ?? `H:${hostname().replaceAll(/[^!-~]/g, '_')}`.slice(0, LONGEST_PREFIX);
  const start = Math.floor(startedAtMs).toString(BASE);
  const random = randomInt(BASE ** 2)
    .toString(BASE)
    .padStart(2, '0');
  return `${name}:${start}${random}-`;
}

/** True when two prefixes differ at most in the part that differs at every start. */
export function haveSameName(prefix: string, other: string): boolean {
  return nameOf(prefix) === nameOf(other);
}

function nameOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf(':'));
}
