import type {
  ChunkOf,
  FunctionContract,
  InputOf,
  NameOf,
  OutputOf,
  Passing,
} from '@gearman/protocol/payload';
import type { Job } from './job.ts';
import type { JobPayload } from './streams/payload-source.ts';

// Types of the methods that submit: what they take and give, by contract, by a name in the client's registry, by a codec, or
// as bytes.

/** What calls without a contract carry. */
export interface Carried {
  readonly data: unknown;
  readonly value: unknown;
  readonly part: unknown;
}

/** Bytes, or text on the way there: what a client without `codec` and `encoding` carries. */
export interface CarriedBytes {
  readonly data: JobPayload;
  readonly value: Buffer;
  readonly part: Buffer;
}

/** What a codec carries. */
export interface CarriedBy<Value, Part> {
  readonly data: Value;
  readonly value: Value;
  readonly part: Part;
}

/** Options of a client that knows contracts. */
export interface ContractOptions<R> {
  /** The contracts of functions that are submitted by name, made with `defineRegistry()`. @defaultValue none */
  readonly contracts?: R;
}

/** What names a function with a contract: the contract, or its name in the client's registry. */
export type Target<R> = FunctionContract | NameOf<R>;

/** The contract of a target. */
export type ContractOf<R, T> = T extends FunctionContract
  ? T
  : T extends keyof R
    ? Extract<R[T], FunctionContract>
    : never;

/** The name of a function without a contract. */
export type PlainName<R, N extends string> = N extends NameOf<R> ? never : N;

/** What follows a target: its input, which may be left out when it may be undefined, and options. */
export type CallOf<C extends FunctionContract, Options> =
  undefined extends InputOf<C>
    ? [input?: InputOf<C>, options?: Options]
    : [input: InputOf<C>, options?: Options];

/** A contract whose results are of these types. */
export type ContractGiving<O> = FunctionContract<string, Passing, Passing<unknown, O>>;

/** The name of a function without a contract, where results may be bytes. */
export type BytesName<O> = [Buffer] extends [O] ? string : never;

/** The job of a contract. */
export type JobOf<C extends FunctionContract> = Job<OutputOf<C>, ChunkOf<C>>;
