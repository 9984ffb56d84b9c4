import { InvalidArgumentError } from '@gearman/protocol';

/** One part of a result, or all of it. */
export type ResultPart = Uint8Array | string;

/** What is used of an Observable. */
export interface ObservableLike<T> {
  subscribe(observer: { next(value: T): void; error(error: unknown): void; complete(): void }): {
    unsubscribe(): void;
  };
}

/** A result that comes in parts: Node's and web streams, async generators and Observables. */
export type ResultParts = AsyncIterable<ResultPart> | ReadableStream<ResultPart> | ObservableLike<ResultPart>;

/** What a handler may return, or promise. Nothing means an empty result. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement returns void.
export type HandlerResult = ResultPart | ResultParts | undefined | void;

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * The bytes of a result.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for anything a handler may not return, and for a result
 * of more than `maxBytes`
 */
export function toBytes(value: unknown, functionName: string, maxBytes: number): Uint8Array {
  const bytes = value === undefined ? NOTHING : encode(value, functionName);
  if (bytes.length > maxBytes) {
    throw new InvalidArgumentError(
      `"${functionName}" produced ${bytes.length} bytes at once; maxPacketBytes is ${maxBytes}: raise it, or send the ` +
        'result in pieces with job.write()',
    );
  }
  return bytes;
}

function encode(value: unknown, functionName: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  const kind =
    value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  throw new InvalidArgumentError(
    `the handler of "${functionName}" produced ${kind}; return a Uint8Array, a string or nothing, for example by ` +
      'JSON.stringify()',
  );
}

/** True for promises and everything like them. May throw what a getter of the value throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** True for an Observable of RxJS and everything like it. */
export function isObservable(value: object): value is ObservableLike<unknown> {
  return 'subscribe' in value && typeof value.subscribe === 'function';
}

/** True for what Ruby takes for false: no value, and false itself. */
export function isNoValue(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}
