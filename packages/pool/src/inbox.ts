import {
  PACKETS,
  type Packet,
  type PacketType,
  ProtocolError,
  type StreamMessage,
  StreamParser,
} from '@gearman/protocol';
import { ServerError } from './errors.ts';
import type { PoolEvent } from './pool-events.ts';
import { ReplyQueue } from './reply-queue.ts';

/** What a server sends by itself. Everything else it sends is an answer. */
const UNASKED: ReadonlySet<PacketType> = new Set([
  'NOOP',
  'WORK_COMPLETE',
  'WORK_DATA',
  'WORK_STATUS',
  'WORK_WARNING',
  'WORK_FAIL',
  'WORK_EXCEPTION',
  // An answer, but one that comes when it is there.
  'RESULT_RES',
]);

/** Who hears what answers no request. */
export interface InboxOwner {
  /** NOOP and WORK_*. The bytes are valid during the call only. */
  onPacket(packet: Packet): void;
  onEvent(event: PoolEvent): void;
}

/** What comes from one server: cuts it into messages and gives each to the request it answers, or to the owner. */
export class Inbox {
  readonly replies = new ReplyQueue();
  /** Hears every packet before whoever it is for. Its bytes are valid during the call only. */
  tap: ((packet: Packet) => void) | undefined;
  readonly #server: string;
  readonly #maxPacketBytes: number;
  readonly #owner: InboxOwner;
  #parser = new StreamParser();
  /** Where the chunk that is being read lies. Kept, because asking a typed array for its buffer is slow. */
  #memory: ArrayBufferLike | undefined;

  constructor(server: string, maxPacketBytes: number, owner: InboxOwner) {
    this.#server = server;
    this.#maxPacketBytes = maxPacketBytes;
    this.#owner = owner;
  }

  /** Forgets the beginning of a message that an earlier connection may have left. */
  reset(): void {
    // A line may be as long as a packet: `workers` lists all functions of a worker in one.
    this.#parser = new StreamParser({
      maxPacketBytes: this.#maxPacketBytes,
      maxLineBytes: this.#maxPacketBytes,
    });
  }

  /**
   * Reads a chunk, as long as `isOpen` holds: whoever hears a message may end the connection.
   *
   * @returns what the server did wrong; the rest of the stream means nothing then
   */
  read(chunk: Uint8Array, isOpen: () => boolean): ProtocolError | undefined {
    this.#memory = chunk.buffer;
    let error: ProtocolError | undefined;
    for (const message of this.#parser.push(chunk)) {
      if (this.tap !== undefined && isPacket(message)) this.tap(message);
      error = this.#dispatch(message);
      if (error !== undefined || !isOpen()) break;
    }
    this.#memory = undefined;
    return error;
  }

  /** Bytes to keep: a copy if they lie in the chunk that is being read, themselves if they have memory of their own. */
  own(bytes: Uint8Array): Uint8Array {
    return bytes.buffer === this.#memory ? copyOf(bytes) : bytes;
  }

  /** The packet with bytes to keep. */
  ownPacket<P extends object>(packet: P): P {
    // Both fields are bytes in every packet that has them.
    const { data, workload } = packet as { readonly data?: Uint8Array; readonly workload?: Uint8Array };
    if (data !== undefined) return { ...packet, data: this.own(data) };
    if (workload !== undefined) return { ...packet, workload: this.own(workload) };
    return packet;
  }

  #dispatch(message: StreamMessage): ProtocolError | undefined {
    if (message.type === 'TEXT') return this.replies.deliverLine(message.line);
    if (message.type === 'UNKNOWN') {
      const { packetCode } = message;
      this.#owner.onEvent({ type: 'unknown-packet', server: this.#server, packetCode });
      return undefined;
    }
    if (message.type === 'INVALID') return violation(`bytes that are not Gearman: ${message.reason}`);
    if (message.type === 'MALFORMED') {
      return violation(`a malformed ${message.packetType}: ${message.reason}`);
    }
    if (message.type === 'OVERSIZE') {
      const { packetType, sizeBytes, maxPacketBytes } = message;
      return violation(`a ${packetType} of ${sizeBytes} bytes; maxPacketBytes is ${maxPacketBytes}`);
    }
    if (message.magic === 'REQ') return violation(`${message.type} as a request`);
    if (message.type === 'ERROR') this.#onErrorPacket(message.code, message.text);
    else if (UNASKED.has(message.type)) this.#owner.onPacket(message);
    else return this.replies.deliver(message);
    return undefined;
  }

  #onErrorPacket(serverCode: string, serverText: string): void {
    // Sent for WORK_* packets, which have no place in the queue of answers.
    const answersNothing = serverCode.toUpperCase() === 'JOB_NOT_FOUND';
    const error = new ServerError(this.#server, serverCode, serverText);
    if (answersNothing || !this.replies.failOldest(error)) {
      this.#owner.onEvent({ type: 'server-error', server: this.#server, serverCode, serverText });
    }
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const copy = Buffer.allocUnsafe(length);
  // A call to set() costs more than a few bytes by hand.
  if (length > 32) copy.set(bytes);
  else for (let i = 0; i < length; i++) copy[i] = bytes[i] ?? 0;
  return copy;
}

function isPacket(message: StreamMessage): message is Packet {
  return Object.hasOwn(PACKETS, message.type);
}

function violation(what: string): ProtocolError {
  return new ProtocolError(`the server sent ${what}`);
}
