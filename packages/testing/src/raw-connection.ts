import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, type Packet, type PacketType, StreamParser } from '@gearman/protocol';
import { Mailbox } from './mailbox.ts';

/** One socket to a job server that speaks packets and nothing else: what a test wants to say, it says itself. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #parser = new StreamParser();
  readonly #mailbox = new Mailbox<Packet>();
  #onPacket: ((packet: Packet) => void) | undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#mailbox.end();
    });
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(...packets: readonly Packet[]): void {
    this.sendBytes(bytesOf(...packets));
  }

  /** Anything at all: halves of packets, garbage. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** The next packet that came, in order; rejects when the connection ends before one comes. */
  async next(): Promise<Packet> {
    return theNext(await this.#mailbox.take());
  }

  /** The next packet, which must be of this type. */
  async expect<T extends PacketType>(type: T): Promise<Packet<T>> {
    return ofType(type, await this.next());
  }

  /** From now on packets go to `listener`, no longer to {@link next}. */
  listen(listener: (packet: Packet) => void): void {
    this.#onPacket = listener;
    for (const packet of this.#mailbox.takeAll()) listener(packet);
  }

  /** Closes now, and resolves when it is closed. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #read(chunk: Uint8Array): void {
    for (const message of this.#parser.push(chunk)) {
      if (!('magic' in message) || 'packetCode' in message || 'sizeBytes' in message) continue;
      if (this.#onPacket !== undefined) this.#onPacket(message);
      else this.#mailbox.put(message);
    }
  }
}

/** The bytes of packets, one behind the other. */
export function bytesOf(...packets: readonly Packet[]): Buffer {
  return Buffer.concat(packets.flatMap((packet) => encodePacket(packet)));
}

/** What came, if anything did. */
export function theNext<M>(message: M | undefined): M {
  if (message === undefined) throw new Error('the connection ended before a message came');
  return message;
}

/** The message as the packet that it must be. */
export function ofType<T extends PacketType>(type: T, message: { readonly type: string }): Packet<T> {
  if (message.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
  // The line above has just compared the tag.
  return message as unknown as Packet<T>;
}
