import { type Awaitable, andThen } from './awaitable.ts';
import type { FunctionContract } from './contract.ts';
import { CodecError, type PayloadPart, reasonOf, ValidationError } from './errors.ts';
import type { SchemaResult, StandardSchema } from './standard-schema.ts';

// Every function here throws, or rejects with, a ValidationError and nothing else. What comes back is a promise only if
// the schema is asynchronous. What travels does not depend on what a schema makes of it.

/** What a client is to send. */
export interface EncodedInput {
  readonly bytes: Uint8Array;
  /** Nothing may be sent before it resolves; undefined when all is well already. */
  readonly checked: Promise<unknown> | undefined;
}

/** Client: what is passed to `submit()`. */
export function encodeInput(contract: FunctionContract, value: unknown): EncodedInput {
  const checked = check(contract, 'input', value);
  if (!(checked instanceof Promise)) return { bytes: encode(contract, 'input', value), checked: undefined };
  // What the codec says first is enough.
  checked.catch(() => {});
  return { bytes: encode(contract, 'input', value), checked };
}

/** Worker: what the client sent. */
export function decodeInput(contract: FunctionContract, bytes: Uint8Array): Awaitable<unknown> {
  return check(contract, 'input', decode(contract, 'input', bytes));
}

/** Worker: the bytes of what the handler returned. */
export function encodeOutput(contract: FunctionContract, value: unknown): Awaitable<Uint8Array> {
  return andThen(check(contract, 'output', value), () => encode(contract, 'output', value));
}

/** Client: the result. */
export function decodeOutput(contract: FunctionContract, bytes: Uint8Array): Awaitable<unknown> {
  return check(contract, 'output', decode(contract, 'output', bytes));
}

/** Worker: the bytes of what the handler wrote. */
export function encodeChunk(contract: FunctionContract, value: unknown): Awaitable<Uint8Array> {
  return andThen(check(contract, 'chunk', value), () => {
    const { codec, chunk } = contract;
    const own = codec.encodeChunk?.bind(codec);
    if (own !== undefined) return attempt(contract, 'chunk', () => own(value));
    if (chunk !== undefined) return encode(contract, 'chunk', value);
    if (value instanceof Uint8Array) return value;
    throw new ValidationError(
      contract.name,
      'chunk',
      'must be bytes: its contract does not say what a chunk is',
    );
  });
}

/** Reads the chunks of one job; each may have to be waited for. */
export type ChunkReading = (bytes: Uint8Array, last: boolean) => readonly Awaitable<unknown>[];

/** Client: begins to read the chunks of a job. Undefined when they are bytes that mean nothing by themselves. */
export function readChunks(contract: FunctionContract): ChunkReading | undefined {
  const { codec, chunk } = contract;
  const decoder = codec.decodeChunks?.();
  if (decoder === undefined && chunk === undefined) return undefined;
  const split = decoder ?? ((bytes, last) => (last && bytes.length === 0 ? [] : [codec.decode(bytes)]));
  return (bytes, last) => {
    const values = attempt(contract, 'chunk', () => split(bytes, last), bytes);
    return chunk === undefined ? values : values.map((value) => check(contract, 'chunk', value));
  };
}

function encode(contract: FunctionContract, part: PayloadPart, value: unknown): Uint8Array {
  return attempt(contract, part, () => contract.codec.encode(value));
}

function decode(contract: FunctionContract, part: PayloadPart, bytes: Uint8Array): unknown {
  return attempt(contract, part, () => contract.codec.decode(bytes), bytes);
}

/** @param received what is decoded; undefined when something is encoded */
function attempt<T>(
  { name, codec }: FunctionContract,
  part: PayloadPart,
  action: () => T,
  received?: Uint8Array,
): T {
  try {
    return action();
  } catch (cause) {
    const what =
      received === undefined ? 'cannot be encoded' : `(${received.length} bytes) cannot be decoded`;
    // Our own codecs name themselves.
    const how = cause instanceof CodecError ? '' : `${codec.contentType}: `;
    throw broken(name, part, `${what}: ${how}`, cause);
  }
}

function check(contract: FunctionContract, part: PayloadPart, value: unknown): Awaitable<unknown> {
  const schema = contract[part];
  return schema === undefined ? value : validate(contract.name, part, schema, value);
}

function validate(
  name: string,
  part: PayloadPart,
  schema: StandardSchema,
  value: unknown,
): Awaitable<unknown> {
  const settle = (result: SchemaResult<unknown>): unknown => {
    if (result.issues !== undefined) throw new ValidationError(name, part, result.issues);
    return result.value;
  };
  const onThrow = (cause: unknown): never => {
    throw broken(name, part, 'could not be checked: ', cause);
  };
  let result: Awaitable<SchemaResult<unknown>>;
  try {
    result = schema['~standard'].validate(value);
  } catch (cause) {
    return onThrow(cause);
  }
  return result instanceof Promise ? result.then(settle, onThrow) : settle(result);
}

function broken(name: string, part: PayloadPart, problem: string, cause: unknown): ValidationError {
  return new ValidationError(name, part, problem + reasonOf(cause), { cause });
}
