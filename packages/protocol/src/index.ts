// What tools and tests that speak the wire use.

export { MAX_TEXT_BYTES } from './body-reader.ts';
export {
  type FunctionName,
  type JobHandle,
  MAX_CLIENT_ID_BYTES,
  MAX_FUNCTION_NAME_BYTES,
  MAX_HANDLE_BYTES,
  MAX_UNIQUE_ID_BYTES,
  toFunctionName,
  toJobHandle,
  toUniqueId,
  type UniqueId,
} from './brands.ts';
export { decodeText, encodeText } from './byte-string.ts';
export { decodeBody } from './decode.ts';
export { encodePacket, request, response } from './encode.ts';
export { GearmanError, InvalidArgumentError, ProtocolError } from './errors.ts';
export { decodeOptions, encodeOptions } from './extension-options.ts';
export { EXTENSIONS, type Extension, isExtension } from './extensions.ts';
export { JobRef } from './job-ref.ts';
export { DEFAULT_MAX_LINE_BYTES, LineParser, type LineParserOptions } from './line-parser.ts';
export type {
  Anomaly,
  Invalid,
  Malformed,
  Oversize,
  StreamMessage,
  TextLine,
  UnknownPacket,
} from './messages.ts';
export {
  DEFAULT_MAX_PACKET_BYTES,
  type HandOver,
  HEADER_BYTES,
  type PacketHead,
  PacketParser,
  type PacketParserOptions,
} from './packet-parser.ts';
export { PacketWriter, type PacketWriterOptions } from './packet-writer.ts';
export {
  MAX_PACKET_CODE,
  type Magic,
  PACKET_TYPES,
  PACKETS,
  type Packet,
  type PacketDefinition,
  type PacketType,
  packetTypeOf,
  type RequestType,
  type ResponseType,
} from './packets.ts';
export { SERVER_ERRORS, type ServerErrorText } from './server-errors.ts';
export { StreamParser, type StreamParserOptions } from './stream-parser.ts';
export {
  type AnswerKind,
  endsAnswer,
  formatCommand,
  MAX_WORDS,
  splitWords,
  TEXT_COMMANDS,
  type TextCommand,
  type TextCommandDefinition,
} from './text-commands.ts';

// What the other packages use on their hot paths.

export { latin1Bytes, latin1Slice } from './byte-string.ts';
