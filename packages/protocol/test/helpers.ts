import { type Packet, PacketParser, type PacketType, StreamParser } from '@gearman/protocol';

/** One character per byte. */
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The bytes of a byte string, or of text in ASCII. */
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const concat = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** A header with any values, right or wrong. */
export function header(code: number, sizeBytes: number, magic = '\0REQ'): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt32BE(code, 4);
  bytes.writeUInt32BE(sizeBytes, 8);
  return Uint8Array.from(bytes);
}

/** A packet with any body, right or wrong. */
export function frame(code: number, body: string, magic?: string): Uint8Array {
  return concat([header(code, body.length, magic), bytesOf(body)]);
}

interface Parser<M> {
  push(chunk: Uint8Array): M[];
}

/** Feeds `bytes` cut at these offsets; every chunk is a copy that is overwritten afterwards, as a reused buffer is. */
export function feed<M>(parser: Parser<M>, bytes: Uint8Array, cuts: readonly number[] = []): string[] {
  const seen: string[] = [];
  const ends = [...cuts, bytes.length];
  let start = 0;
  for (const end of ends) {
    const chunk = bytes.slice(start, end);
    for (const message of parser.push(chunk)) seen.push(show(message));
    chunk.fill(0xee);
    start = end;
  }
  return seen;
}

/** Every offset between two bytes. */
export const everyByte = (bytes: Uint8Array): number[] => Array.from({ length: bytes.length }, (_, i) => i);

/** A message as one line that can be compared fast, the fields in their order, bytes as bytes. */
export function show(message: unknown): string {
  return JSON.stringify(message, (_, value) =>
    value instanceof Uint8Array ? { bytes: latin1(value) } : value,
  );
}

/** The only packet in `bytes`. */
export function onlyPacket<T extends PacketType>(type: T, bytes: Uint8Array): Packet<T> {
  const messages = new PacketParser().push(bytes);
  const [message] = messages;
  if (messages.length !== 1 || message?.type !== type)
    throw new Error(`expected one ${type}: ${show(messages)}`);
  // Compared in the line above.
  return message as Packet<T>;
}

export const newStreamParser = (): StreamParser => new StreamParser();
