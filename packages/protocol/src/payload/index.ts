// What applications use.

export type { AnyCodec, ChunkDecoder, Codec } from './codec.ts';
export type { CodecOptions } from './codec-options.ts';
export type { CompressedOptions, CompressionAlgorithm } from './codecs/compressed.ts';
export type { EncryptedOptions } from './codecs/encrypted.ts';
export type { Enveloped } from './codecs/envelope.ts';
export type { JsonOptions } from './codecs/json.ts';
export type { MsgpackLibrary } from './codecs/msgpack.ts';
export type { NdjsonOptions } from './codecs/ndjson.ts';
export { codecs } from './codecs.ts';
export {
  type ChunkOf,
  type CodecContract,
  type ContractDefaults,
  type ContractOfSchemas,
  defineFunction,
  type FunctionContract,
  type FunctionDefinition,
  type InputOf,
  type JobDataOf,
  type OutputOf,
  type Passing,
  type ReturnOf,
  type WrittenChunkOf,
} from './contract.ts';
export { CodecError, type PayloadIssue, type PayloadPart, ValidationError } from './errors.ts';
export {
  type ArgumentHelp,
  describeTasks,
  type HelpDocument,
  helpFunctionName,
  type JsonSchema,
  type TaskHelp,
} from './help.ts';
export { defineRegistry, type NameOf, type NoContracts, type Registry } from './registry.ts';
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from './standard-schema.ts';

// What client and worker use.

export { type Awaitable, andThen } from './awaitable.ts';
export { codecOf, type GivenCodec, withoutCodec } from './codec-options.ts';
export { codecContract, isContract } from './contract.ts';
export {
  type ChunkReading,
  decodeInput,
  decodeOutput,
  type EncodedInput,
  encodeChunk,
  encodeInput,
  encodeOutput,
  readChunks,
} from './payloads.ts';
