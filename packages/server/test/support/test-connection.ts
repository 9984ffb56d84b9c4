import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { encodePacket, HEADER_BYTES, type Packet, request } from '@gearman/protocol';

const NOTHING = Buffer.alloc(0);

/**
 * A socket to the server under test. Nothing here waits for time to pass: {@link arrived} sends an ECHO_REQ and
 * returns whatever came before its answer.
 */
export class TestConnection {
  readonly stream: Duplex;
  readonly closed: Promise<unknown>;
  #received: Buffer = NOTHING;
  #ended = false;
  #echoes = 0;
  #notify: (() => void) | undefined;

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#notify?.();
    });
    this.closed = new Promise<void>((resolve) => {
      const end = (): void => {
        this.#ended = true;
        this.#notify?.();
        resolve();
      };
      stream.on('end', end);
      stream.on('close', end);
    });
  }

  static async open(port: number): Promise<TestConnection> {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new TestConnection(socket);
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(...packets: readonly Packet[]): void {
    for (const packet of packets) for (const bytes of encodePacket(packet)) this.stream.write(bytes);
  }

  sendBytes(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  sendText(text: string): void {
    this.stream.write(Buffer.from(text, 'latin1'));
  }

  /** Everything that has come, once the server has done all that was sent before. */
  async arrived(): Promise<string[]> {
    const marker = `\0barrier ${++this.#echoes}`;
    if (!this.#ended) this.send(request('ECHO_REQ', { data: Buffer.from(marker, 'latin1') }));
    const end = Buffer.from(marker, 'latin1');
    await this.#until(() => this.#ended || this.#received.includes(end));
    const at = this.#received.indexOf(end);
    const before = at < 0 ? this.#received : this.#received.subarray(0, at - HEADER_BYTES);
    this.#received = at < 0 ? NOTHING : this.#received.subarray(at + end.length);
    return splitMessages(before);
  }

  /** Sends, and returns everything that has come when it has been done. */
  ask(...packets: readonly Packet[]): Promise<string[]> {
    this.send(...packets);
    return this.arrived();
  }

  /** Sends a text line, and returns the answer. */
  async askText(line: string): Promise<string> {
    this.sendText(line);
    return (await this.arrived()).join('');
  }

  /** Waits until this many bytes have come, and forgets them. */
  async skip(bytes: number): Promise<void> {
    await this.#until(() => this.#ended || this.#received.length >= bytes);
    this.#received = this.#received.subarray(bytes);
  }

  async close(): Promise<void> {
    if (this.stream.destroyed) return;
    const closed = once(this.stream, 'close');
    this.stream.destroy();
    await closed;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#notify = resolve;
      });
    }
  }
}

/** Whole packets, and runs of text between them, one character per byte. */
export function splitMessages(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf(0, at);
    if (end === at) end = at + HEADER_BYTES + bytes.readUInt32BE(at + 8);
    else if (end < 0) end = bytes.length;
    messages.push(bytes.toString('latin1', at, end));
    at = end;
  }
  return messages;
}
