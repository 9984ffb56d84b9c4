import { type Packet, type StreamMessage, StreamParser } from '@gearman/protocol';
import { bytesOf } from './raw-connection.ts';

/** What a connection wants to hear of its transport, as `@gearman/pool` has it. */
export interface FakeTransportHandlers {
  onConnect(): void;
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  onClose(error: Error | undefined): void;
}

/** Dials nothing: the test plays the network by hand. Its `dial` is an option of pools, clients, workers and admins. */
export class FakeDial {
  /** Every attempt so far, oldest first. */
  readonly attempts: FakeTransport[] = [];
  readonly dial = (_address: unknown, handlers: FakeTransportHandlers): FakeTransport => {
    const transport = new FakeTransport(handlers);
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

/** One attempt to connect, and the connection it becomes when the test lets it. Tests extend it to play more of a server. */
export class FakeTransport {
  /** Who is told: the test may call these late, as a real socket might. */
  readonly handlers: FakeTransportHandlers;
  /** What was written, message by message. */
  readonly received: StreamMessage[] = [];
  /** How many calls of `write` there were. */
  writes = 0;
  bufferedBytes = 0;
  /** Bytes that the system has taken so far; the test may say so. */
  takenBytes = 0;
  ended = false;
  /** True while the other side reads nothing; what is sent reaches it all the same. */
  paused = false;
  destroyed = false;
  readonly #parser = new StreamParser();

  constructor(handlers: FakeTransportHandlers) {
    this.handlers = handlers;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    this.writes++;
    for (const piece of pieces) {
      // The buffer is used again: what was written must not change with it.
      for (const message of this.#parser.push(Uint8Array.from(piece))) this.hear(message);
    }
    return this.bufferedBytes === 0;
  }

  /** Keeps what was written. */
  protected hear(message: StreamMessage): void {
    this.received.push(message);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

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
    this.replyBytes(bytesOf(...packets));
  }

  /** The server sends text, or anything else. */
  replyBytes(bytes: string | Uint8Array): void {
    const chunk = Uint8Array.from(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    this.handlers.onData(chunk);
    // A real socket uses the buffer again for the next read.
    chunk.fill(0xee);
  }

  /** The connection ends, or was refused: with an error, or the system's code for one. */
  close(error?: Error | string): void {
    this.handlers.onClose(
      typeof error === 'string' ? Object.assign(new Error(error), { code: error }) : error,
    );
  }

  /** The types of what was written; text lines as they are. */
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
