import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, type Packet, type PacketType, StreamParser } from '@gearman/protocol';

/** One socket to a job server that speaks packets and nothing else: what a test wants to say, it says itself. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #parser = new StreamParser();
  readonly #received: Packet[] = [];
  readonly #waiting: ((packet: Packet | undefined) => void)[] = [];
  #onPacket: ((packet: Packet) => void) | undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    });
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(...packets: readonly Packet[]): void {
    this.sendBytes(Buffer.concat(packets.flatMap((packet) => encodePacket(packet))));
  }

  /** Anything at all: halves of packets, garbage. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** The next packet that came, in order; rejects when the connection ends before one comes. */
  async next(): Promise<Packet> {
    const packet = this.#received.shift() ?? (await this.#arrival());
    if (packet === undefined) throw new Error('the connection ended before a packet came');
    return packet;
  }

  /** The next packet, which must be of this type. */
  async expect<T extends PacketType>(type: T): Promise<Packet<T>> {
    const packet = await this.next();
    if (packet.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(packet)}`);
    // The line above has just compared the tag.
    return packet as unknown as Packet<T>;
  }

  /** From now on packets go to `listener`, no longer to {@link next}. */
  listen(listener: (packet: Packet) => void): void {
    this.#onPacket = listener;
    for (const packet of this.#received.splice(0)) listener(packet);
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
      else {
        const reader = this.#waiting.shift();
        if (reader === undefined) this.#received.push(message);
        else reader(message);
      }
    }
  }

  #arrival(): Promise<Packet | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
