import { toFunctionName } from '../brands.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { AnyCodec, Codec } from './codec.ts';
import { isCodec } from './codec-options.ts';
import { kindOf } from './codecs/bytes.ts';
import { json } from './codecs/json.ts';
import {
  isStandardSchema,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
} from './standard-schema.ts';

/** The types of one payload: what goes in at one end, and what comes out at the other. */
export interface Passing<Sent = unknown, Received = Sent> {
  readonly sent: Sent;
  readonly received: Received;
}

/**
 * What a client and a worker agree on about a function. Made by {@link defineFunction}.
 *
 * What travels is the value as it was given, encoded: each side checks it with the schema, and the receiving side gets
 * what the schema makes of it, defaults and transformations included.
 */
export interface FunctionContract<
  Name extends string = string,
  Input extends Passing = Passing,
  Output extends Passing = Passing,
  Chunk extends Passing = Passing,
> {
  readonly name: Name;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  readonly chunk: StandardSchema | undefined;
  readonly codec: AnyCodec;
  readonly description: string | undefined;
  readonly defaults: ContractDefaults;
  /** Types only; not there at run time. */
  readonly types?: { readonly input: Input; readonly output: Output; readonly chunk: Chunk };
}

/** What a function's author knows about its jobs. Whoever submits one may say otherwise. */
export interface ContractDefaults {
  /** Of its jobs. @defaultValue that of the client */
  readonly priority?: 'high' | 'normal' | 'low';
  /** How long a client waits for the result, in milliseconds. @defaultValue that of the client */
  readonly responseTimeoutMs?: number;
  /** How long a job may run in a worker, in milliseconds: `timeoutMs` of `register()`. @defaultValue no limit */
  readonly runTimeoutMs?: number;
}

/** The argument of {@link defineFunction}. */
export interface FunctionDefinition<Name extends string, Input, Output, Chunk, Value, Part> {
  /** What workers register, at most 512 bytes. */
  readonly name: Name;
  /** What the client sends. @defaultValue anything the codec carries */
  readonly input?: Input;
  /** What the handler returns. @defaultValue anything the codec carries */
  readonly output?: Output;
  /**
   * What the handler writes before it returns. With it, each chunk is a value of its own, and the result is what the
   * handler returns; without it, chunks are parts of the encoded result.
   */
  readonly chunk?: Chunk;
  /** How values become bytes. @defaultValue `codecs.json()` */
  readonly codec?: Codec<Value, Part>;
  /** For people, see `client.help()`. */
  readonly description?: string;
  readonly defaults?: ContractDefaults;
}

type MaybeSchema = StandardSchema | undefined;
/** A schema that takes anything leaves it to the codec. */
type SentOf<S, Fallback> = S extends StandardSchema
  ? unknown extends SchemaInput<S>
    ? Fallback
    : SchemaInput<S>
  : Fallback;
type ReceivedOf<S, Fallback> = S extends StandardSchema ? SchemaOutput<S> : Fallback;
type PassingOf<S, Fallback> = Passing<SentOf<S, Fallback>, ReceivedOf<S, Fallback>>;
/** A codec that needs a value in one piece takes each chunk for one. */
type ChunkOfCodec<Value, Part> = [Part] extends [Uint8Array] ? Value : Part;
/** A handler without a schema for its result may return nothing, which is an empty result. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement returns void.
type OutputPassing<S, Value> = S extends StandardSchema ? PassingOf<S, Value> : Passing<Value | void, Value>;
type ChunkPassing<C, Value, Part> = C extends StandardSchema
  ? PassingOf<C, ChunkOfCodec<Value, Part>>
  : Passing<Part>;

/** The contract that {@link defineFunction} makes of these: schemas, or what is none, and what the codec carries. */
export type ContractOfSchemas<Name extends string, Input, Output, Chunk, Value, Part> = FunctionContract<
  Name,
  PassingOf<Input, Value>,
  OutputPassing<Output, Value>,
  ChunkPassing<Chunk, Value, Part>
>;

/**
 * Says what a function takes and gives, for both sides to share.
 *
 * Schemas are those of any library that follows Standard Schema, such as zod; they may be asynchronous.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a wrong name, for what is no schema or codec, and for
 * unknown keys
 */
export function defineFunction<
  const Name extends string,
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Chunk extends MaybeSchema = undefined,
  Value = unknown,
  Part = Uint8Array,
>(
  definition: FunctionDefinition<Name, Input, Output, Chunk, Value, Part>,
): ContractOfSchemas<Name, Input, Output, Chunk, NoInfer<Value>, NoInfer<Part>> {
  const { name, input, output, chunk, codec = json(), description, defaults = {}, ...rest } = definition;
  toFunctionName(name);
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw wrong(name, `${extra}: unknown key`);
  for (const [key, schema] of Object.entries({ input, output, chunk })) {
    if (schema !== undefined && !isStandardSchema(schema)) {
      throw wrong(name, `${key} must be a Standard Schema, such as one of zod, not ${kindOf(schema)}`);
    }
  }
  if (!isCodec(codec)) {
    throw wrong(name, `codec must be one of codecs, or have encode() and decode(), not ${kindOf(codec)}`);
  }
  return Object.freeze({ name, input, output, chunk, codec, description, defaults });
}

/** The contract of a function of which only the codec is known. */
export function codecContract(name: string, codec: AnyCodec): FunctionContract {
  const nothing = { input: undefined, output: undefined, chunk: undefined, description: undefined };
  return { name, codec, ...nothing, defaults: {} };
}

/** True for what {@link defineFunction} makes. */
export function isContract(value: unknown): value is FunctionContract {
  if (typeof value !== 'object' || value === null || !('codec' in value) || !('name' in value)) return false;
  return isCodec(value.codec) && typeof value.name === 'string';
}

/** The contract of a function of which only the codec is known, for handlers. */
export type CodecContract<Value, Part> = FunctionContract<
  string,
  Passing<Value>,
  OutputPassing<undefined, Value>,
  Passing<Part>
>;

function wrong(name: string, problem: string): InvalidArgumentError {
  return new InvalidArgumentError(`defineFunction("${name}"): ${problem}`);
}

type TypesOf<C extends FunctionContract> = NonNullable<C['types']>;

/** What a client passes to `submit()`. */
export type InputOf<C extends FunctionContract> = TypesOf<C>['input']['sent'];
/** What a handler finds in `job.data`. */
export type JobDataOf<C extends FunctionContract> = TypesOf<C>['input']['received'];
/** What a handler returns. */
export type ReturnOf<C extends FunctionContract> = TypesOf<C>['output']['sent'];
/** What a client gets. */
export type OutputOf<C extends FunctionContract> = TypesOf<C>['output']['received'];
/** What a handler passes to `job.write()`. */
export type WrittenChunkOf<C extends FunctionContract> = TypesOf<C>['chunk']['sent'];
/** What a client gets when it iterates over the job. */
export type ChunkOf<C extends FunctionContract> = TypesOf<C>['chunk']['received'];
