import type { Magic, Packet, PacketType } from './packets.ts';

/** A text line: one administrative command, or one line of its answer, without its line end. */
export interface TextLine {
  readonly type: 'TEXT';
  /** A byte string: one character per byte. */
  readonly line: string;
}

/** A type number this protocol does not have. Its body is skipped. A job server should close; a client may go on. */
export interface UnknownPacket {
  readonly type: 'UNKNOWN';
  /** The unsigned type number. */
  readonly packetCode: number;
  readonly magic: Magic;
  readonly sizeBytes: number;
}

/** A packet larger than `maxPacketBytes`. Reported at its header; its body is skipped byte for byte. */
export interface Oversize {
  readonly type: 'OVERSIZE';
  readonly packetType: PacketType;
  readonly magic: Magic;
  readonly sizeBytes: number;
  readonly maxPacketBytes: number;
}

/** A packet whose body has too few NULs for its type. Only this packet is lost. */
export interface Malformed {
  readonly type: 'MALFORMED';
  readonly packetType: PacketType;
  readonly magic: Magic;
  readonly sizeBytes: number;
  readonly reason: string;
}

/** The stream is not Gearman from here on. Final: the parser ignores whatever follows; close the connection. */
export interface Invalid {
  readonly type: 'INVALID';
  /** Where in the stream the bad bytes start, in bytes. */
  readonly offsetBytes: number;
  readonly reason: string;
}

/** What a parser found besides packets. None of it is thrown: bad input is a value like any other. */
export type Anomaly = UnknownPacket | Oversize | Malformed | Invalid;

/** Everything a {@link StreamParser} can yield, discriminated on `type`. */
export type StreamMessage = Packet | TextLine | Anomaly;
