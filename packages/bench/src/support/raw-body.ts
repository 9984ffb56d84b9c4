import { connect, type Socket } from 'node:net';

const HEADER_BYTES = 12;
const REQ = 0x00524551;

/** A packet with text arguments; its last argument is to follow. */
export function headOf(code: number, texts: readonly string[], payloadBytes: number): Buffer {
  const text = Buffer.from(texts.map((each) => `${each}\0`).join(''), 'latin1');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(REQ);
  header.writeUInt32BE(code, 4);
  header.writeUInt32BE(text.length + payloadBytes, 8);
  return Buffer.concat([header, text]);
}

/** One packet that came: its type, the first bytes of its body, and how much there was. */
export interface RawPacket {
  readonly code: number;
  readonly start: Buffer;
  readonly sizeBytes: number;
  /** Sum of the body's bytes, by position modulo two: enough to notice what was lost, doubled or moved by one. */
  readonly sums: readonly [number, number];
}

const START_BYTES = 256;

/** A connection that keeps no bodies: for measurements in which memory of this process must not matter. */
export class RawBodies {
  readonly socket: Socket;
  readonly #checks: boolean;
  #header = Buffer.alloc(0);
  #left = 0;
  #size = 0;
  #code = 0;
  #start = Buffer.alloc(0);
  #sums: [number, number] = [0, 0];
  #packets: RawPacket[] = [];
  #arrived: (() => void) | undefined;

  /** @param checks whether sums are made, which takes time */
  constructor(port: number, checks: boolean) {
    this.#checks = checks;
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => this.#read(chunk));
  }

  /** Sends bytes, and waits while the peer does not take them. */
  async send(...pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      if (!this.socket.write(piece)) await new Promise((resolve) => this.socket.once('drain', resolve));
    }
  }

  async next(): Promise<RawPacket> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || (this.#header.length === HEADER_BYTES && this.#left === 0)) {
      if (this.#header.length < HEADER_BYTES) {
        const taken = chunk.subarray(at, at + HEADER_BYTES - this.#header.length);
        this.#header = Buffer.concat([this.#header, taken]);
        at += taken.length;
        if (this.#header.length < HEADER_BYTES) return;
        this.#code = this.#header.readUInt32BE(4);
        this.#size = this.#header.readUInt32BE(8);
        this.#left = this.#size;
      }
      const body = chunk.subarray(at, at + this.#left);
      if (this.#start.length < START_BYTES)
        this.#start = Buffer.concat([this.#start, body.subarray(0, START_BYTES - this.#start.length)]);
      if (this.#checks) this.#add(body);
      at += body.length;
      this.#left -= body.length;
      if (this.#left === 0) this.#finish();
    }
  }

  #add(body: Buffer): void {
    const place = this.#size - this.#left;
    for (let i = 0; i < body.length; i++) this.#sums[(place + i) % 2 === 0 ? 0 : 1] += body[i] ?? 0;
  }

  #finish(): void {
    this.#packets.push({ code: this.#code, start: this.#start, sizeBytes: this.#size, sums: this.#sums });
    this.#header = Buffer.alloc(0);
    this.#start = Buffer.alloc(0);
    this.#sums = [0, 0];
    this.#arrived?.();
  }
}
