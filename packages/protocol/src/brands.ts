import { encodeText, isByteString } from './byte-string.ts';
import { InvalidArgumentError } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A byte string that names a function: 1 to 512 bytes, no NUL. */
export type FunctionName = Branded<'FunctionName'>;
/** A byte string that identifies a job within its function: up to 64 bytes, no NUL; empty means "none". */
export type UniqueId = Branded<'UniqueId'>;
/** A byte string that a job server gave a job: 1 to 63 bytes, no NUL. Opaque; keep it with the server it came from. */
export type JobHandle = Branded<'JobHandle'>;

/** Longest function name, in bytes. libgearman refuses longer ones. */
export const MAX_FUNCTION_NAME_BYTES = 512;
/**
 * Longest unique id, in bytes.
 *
 * gearmand accepts 64, but merges no jobs by such an id and hands workers a stray NUL in front of the payload: for
 * gearmand 63 is the limit.
 */
export const MAX_UNIQUE_ID_BYTES = 64;
/** Longest job handle, in bytes. */
export const MAX_HANDLE_BYTES = 63;
/** Longest client id, in bytes; gearmand cuts longer ones. */
export const MAX_CLIENT_ID_BYTES = 127;

/** Checks and encodes a function name. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function toFunctionName(name: string): FunctionName {
  return checked<'FunctionName'>('function name', name, 1, MAX_FUNCTION_NAME_BYTES);
}

/** Checks and encodes a unique id. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function toUniqueId(id: string): UniqueId {
  return checked<'UniqueId'>('unique id', id, 0, MAX_UNIQUE_ID_BYTES);
}

/** Checks and encodes a job handle. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function toJobHandle(handle: string): JobHandle {
  return checked<'JobHandle'>('job handle', handle, 1, MAX_HANDLE_BYTES);
}

/** A job handle that is a byte string already. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function checkJobHandle(bytes: string): JobHandle {
  return checkedBytes<'JobHandle'>('job handle', bytes, 1, MAX_HANDLE_BYTES);
}

function checked<Name extends string>(what: string, text: string, min: number, max: number): Branded<Name> {
  if (typeof text !== 'string')
    throw new InvalidArgumentError(`the ${what} must be a string, not ${typeof text}`);
  return checkedBytes(what, encodeText(text), min, max);
}

function checkedBytes<Name extends string>(
  what: string,
  bytes: string,
  min: number,
  max: number,
): Branded<Name> {
  if (bytes.length < min) throw new InvalidArgumentError(`the ${what} must not be empty`);
  if (bytes.length > max) {
    throw new InvalidArgumentError(`the ${what} is ${bytes.length} bytes long; at most ${max} are allowed`);
  }
  if (bytes.includes('\0')) throw new InvalidArgumentError(`the ${what} must not contain a NUL`);
  if (!isByteString(bytes)) throw new InvalidArgumentError(`the ${what} is no byte string; see encodeText()`);
  // It has just been checked.
  return bytes as Branded<Name>;
}
