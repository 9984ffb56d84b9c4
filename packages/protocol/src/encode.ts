import { MAX_TEXT_BYTES } from './body-reader.ts';
import { InvalidArgumentError } from './errors.ts';
import { type Layout, layoutOf } from './layout.ts';
import { HEADER_BYTES } from './packet-parser.ts';
import type { Packet, PacketType, RequestType, ResponseType } from './packets.ts';

type FieldsOf<T extends PacketType> = Omit<Packet<T>, 'type' | 'magic'>;

/**
 * Builds a packet towards the job server.
 *
 * @example `request('SUBMIT_JOB', { functionName: 'reverse', uniqueId: '', workload })`
 */
export function request<T extends RequestType>(type: T, fields: FieldsOf<T>): Packet<T> {
  // The fields of T plus its two tags are a Packet<T>; TypeScript cannot see that through the mapped type.
  return { type, magic: 'REQ', ...fields } as unknown as Packet<T>;
}

/** Builds a packet as a job server sends it. */
export function response<T extends ResponseType>(type: T, fields: FieldsOf<T>): Packet<T> {
  // As in request().
  return { type, magic: 'RES', ...fields } as unknown as Packet<T>;
}

/**
 * The bytes of one packet: header and text arguments, then, if there is one, the byte argument itself, not a copy.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a text argument over 8191 bytes, with a NUL where
 * one would end it, or with a character past U+00FF (see {@link encodeText}), and for a body of 4 GiB or more.
 */
export function encodePacket(packet: Packet): Uint8Array[] {
  const layout = layoutOf(packet.type);
  const payload = payloadOf(layout, packet);
  const head = new Uint8Array(headBytes(layout, packet));
  writeHead(layout, packet, payload?.length ?? 0, head, 0);
  return payload === undefined || payload.length === 0 ? [head] : [head, payload];
}

/** The byte argument, which takes the rest of the body, if the packet has one. */
export function payloadOf(layout: Layout, packet: Packet): Uint8Array | undefined {
  // The table says that this field is bytes.
  return layout.bytes === undefined
    ? undefined
    : (packet as unknown as Record<string, Uint8Array>)[layout.bytes];
}

/** Bytes that {@link writeHead} writes: everything but the byte argument. */
export function headBytes(layout: Layout, packet: Packet): number {
  const { texts } = layout;
  let size = HEADER_BYTES + layout.separators;
  for (let i = 0; i < texts.length; i++) size += textOf(packet, texts[i]).length;
  return size;
}

/**
 * Writes header and text arguments into `target` at `offset`. Returns the offset behind them, or -1 if they do not
 * fit; {@link headBytes} are enough. Found out on the way, because reading the fields twice costs more.
 */
export function writeHead(
  layout: Layout,
  packet: Packet,
  payloadBytes: number,
  target: Uint8Array,
  offset: number,
): number {
  const { texts, separators } = layout;
  let at = offset + HEADER_BYTES;
  if (at > target.length) return -1;
  for (let i = 0; i < texts.length; i++) {
    at = writeText(texts[i], textOf(packet, texts[i]), target, at, i === separators);
    if (at < 0) return -1;
  }
  const size = at - offset - HEADER_BYTES + payloadBytes;
  if (size > MAX_BODY_BYTES)
    throw new InvalidArgumentError(`a packet body of ${size} bytes does not fit 32 bits`);
  target[offset] = 0;
  target[offset + 1] = 0x52;
  target[offset + 2] = 0x45;
  target[offset + 3] = packet.magic === 'REQ' ? 0x51 : 0x53;
  target[offset + 4] = 0;
  target[offset + 5] = 0;
  target[offset + 6] = layout.code >>> 8;
  target[offset + 7] = layout.code;
  target[offset + 8] = size >>> 24;
  target[offset + 9] = size >>> 16;
  target[offset + 10] = size >>> 8;
  target[offset + 11] = size;
  return at;
}

const MAX_BODY_BYTES = 0xffff_ffff;

/** A field read by a name that stands in the code costs a third of one read by a name in a variable. */
function textOf(packet: Packet, name: string | undefined): string {
  // The table names only fields that packets of this type have.
  const fields = packet as unknown as Record<string, string>;
  switch (name) {
    case 'handle':
      return fields['handle'] as string;
    case 'functionName':
      return fields['functionName'] as string;
    case 'uniqueId':
      return fields['uniqueId'] as string;
    default:
      return fields[name as string] as string;
  }
}

/** Writes a text argument and, unless it is the last argument, its NUL; -1 if there is no room. */
function writeText(
  name: string | undefined,
  text: string,
  target: Uint8Array,
  offset: number,
  isLast: boolean,
): number {
  const { length } = text;
  if (length > MAX_TEXT_BYTES) throw badText(name, `is longer than ${MAX_TEXT_BYTES} bytes`);
  const end = offset + length;
  if (end + (isLast ? 0 : 1) > target.length) return -1;
  for (let i = 0; i < length; i++) {
    const byte = text.charCodeAt(i);
    if (byte > 0xff) throw badText(name, 'is not a byte string; pass it through encodeText()');
    if (byte === 0 && !isLast) throw badText(name, 'contains a NUL, which would end it early');
    target[offset + i] = byte;
  }
  if (isLast) return end;
  target[end] = 0;
  return end + 1;
}

function badText(name: string | undefined, problem: string): InvalidArgumentError {
  return new InvalidArgumentError(`packet argument "${name}" ${problem}`);
}
