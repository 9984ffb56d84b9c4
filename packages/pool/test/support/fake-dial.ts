import { encodePacket, type Packet, type StreamMessage, StreamParser } from '@gearman/protocol';
import type { Dial, ServerAddress, Transport, TransportHandlers } from '../../src/index.ts';

/** Dials nothing: the test plays the network by hand. */
export class FakeDial {
  /** Every attempt so far, oldest first. */
  readonly attempts: FakeTransport[] = [];
  readonly dial: Dial = (address, handlers) => {
    const transport = new FakeTransport(address, handlers);
    this.attempts.push(transport);
    return transport;
  };

  /** The newest attempt. */
  get last(): FakeTransport {
    const last = this.attempts.at(-1);
    if (last === undefined) throw new Error('nothing was dialled');
    return last;
  }
}

export class FakeTransport implements Transport {
  readonly address: ServerAddress;
  /** Who is told: the test may call these late, as a real socket might. */
  readonly handlers: TransportHandlers;
  /** What was written, message by message. */
  readonly received: StreamMessage[] = [];
  /** How many calls of `write` there were. */
  writes = 0;
  bufferedBytes = 0;
  ended = false;
  destroyed = false;
  readonly #parser = new StreamParser();

  constructor(address: ServerAddress, handlers: TransportHandlers) {
    this.address = address;
    this.handlers = handlers;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    this.writes++;
    for (const piece of pieces) this.received.push(...this.#parser.push(piece));
    return this.bufferedBytes === 0;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** The server accepts. */
  accept(): this {
    this.handlers.onConnect();
    return this;
  }

  /** The server sends packets. */
  reply(...packets: readonly Packet[]): void {
    this.replyBytes(Buffer.concat(packets.flatMap((packet) => encodePacket(packet))));
  }

  /** The server sends text, or anything else. */
  replyBytes(bytes: string | Uint8Array): void {
    this.handlers.onData(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The connection ends. */
  close(error?: Error): void {
    this.handlers.onClose(error);
  }

  /** The types of what was written. */
  get types(): string[] {
    return this.received.map((message) => (message.type === 'TEXT' ? message.line : message.type));
  }
}

/** The end of this turn of the event loop, when what it produced has been written. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
