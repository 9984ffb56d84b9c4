import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, request } from '@gearman/protocol';

const HEADER_BYTES = 12;
const ECHO_RES = '\0RES\0\0\0\x11';

/**
 * One connection to a server under comparison. What comes is cut into messages without our codec: a packet, or a text
 * line with its line end, as byte strings.
 */
export class Link {
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #messages: string[] = [];
  #closed = false;
  #barriers = 0;
  readonly #passed = new Map<string, () => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      for (const pass of this.#passed.values()) pass();
    });
  }

  static async open(port: number): Promise<Link> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Link(socket);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** Resolves when the server has done all that was sent on this connection, or has closed it. */
  async barrier(): Promise<void> {
    if (this.#closed) return;
    const data = `barrier ${++this.#barriers}`;
    const passed = new Promise<void>((pass) => this.#passed.set(data, pass));
    this.send(Buffer.concat(encodePacket(request('ECHO_REQ', { data: Buffer.from(data) }))));
    await passed;
    this.#passed.delete(data);
  }

  /** What has come since the last call. */
  take(): string[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (let size = this.#nextSize(); size > 0; size = this.#nextSize()) {
      const message = this.#pending.toString('latin1', 0, size);
      this.#pending = this.#pending.subarray(size);
      const pass = message.startsWith(ECHO_RES) ? this.#passed.get(message.slice(HEADER_BYTES)) : undefined;
      if (pass === undefined) this.#messages.push(message);
      else pass();
    }
  }

  /** The size of the first message that is whole, or 0. */
  #nextSize(): number {
    if (this.#pending.length === 0) return 0;
    if (this.#pending[0] !== 0) return this.#pending.indexOf('\n') + 1;
    if (this.#pending.length < HEADER_BYTES) return 0;
    const size = HEADER_BYTES + this.#pending.readUInt32BE(8);
    return size <= this.#pending.length ? size : 0;
  }
}
