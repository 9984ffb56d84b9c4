import type { Socket } from 'node:net';
import { type Packet, type PacketType, type StreamMessage, StreamParser } from '@gearman/protocol';
import { Mailbox } from './mailbox.ts';
import { bytesOf, ofType, theNext } from './raw-connection.ts';

/** What a {@link FakePeer} asks of its server. */
export interface FakePeerOwner {
  /** True when somebody else has dealt with a packet that was about to be sent. */
  intercepts(peer: FakePeer, packet: Packet): boolean;
  onChunk(peer: FakePeer): void;
  onMessage(peer: FakePeer, message: StreamMessage): void;
  /** The beginning of a message has come, and not its end. */
  onPartial(peer: FakePeer, bufferedBytes: number): void;
  onClose(peer: FakePeer): void;
}

/** One connection of a {@link FakeServer}, seen from the server. */
export class FakePeer {
  /** For what this class has no words for. */
  readonly socket: Socket;
  readonly #owner: FakePeerOwner;
  readonly #parser = new StreamParser();
  readonly #mailbox = new Mailbox<StreamMessage>();
  #mute = false;
  // What waits until slower bytes are sent.
  #behind: (string | Uint8Array)[] | undefined;

  /** @internal */
  constructor(socket: Socket, owner: FakePeerOwner) {
    this.socket = socket;
    this.#owner = owner;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.#mailbox.end();
      owner.onClose(this);
    });
  }

  /** Sends packets, unless the test wanted something else instead: see {@link FakeServer.insteadOfNext}. */
  send(...packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (!this.#owner.intercepts(this, packet)) this.sendBytes(bytesOf(packet));
    }
  }

  /** Sends anything at all: halves of packets, text, garbage. */
  sendBytes(bytes: string | Uint8Array): void {
    if (!this.socket.writable || this.#mute) return;
    if (this.#behind === undefined) this.socket.write(bytes);
    else this.#behind.push(bytes);
  }

  /** Sends the bytes one by one, each in a write of its own. What is sent meanwhile waits behind them. */
  dribble(bytes: Uint8Array): void {
    if (this.#behind !== undefined) {
      this.sendBytes(bytes);
      return;
    }
    const behind: (string | Uint8Array)[] = [];
    this.#behind = behind;
    const sendFrom = (at: number): void => {
      if (at < bytes.length) this.socket.write(bytes.subarray(at, at + 1), () => sendFrom(at + 1));
      else {
        this.#behind = undefined;
        for (const later of behind) this.sendBytes(later);
      }
    };
    sendFrom(0);
  }

  /** The next message in order that no script took; rejects when the connection ends before one comes. */
  async next(): Promise<StreamMessage> {
    return theNext(await this.#mailbox.take());
  }

  /** The next message, which must be a packet of this type. */
  async expect<T extends PacketType>(type: T): Promise<Packet<T>> {
    return ofType(type, await this.next());
  }

  /** Reads no more: what the other side sends stays in the system's buffers, and then in its own. */
  stopReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Reads no more, and nothing is sent any more: the connection stays, and nobody is there. */
  halfOpen(): void {
    this.#mute = true;
    this.stopReading();
  }

  /** Closes the sending side, after sending `bytes`. */
  end(bytes: Uint8Array = new Uint8Array(0)): void {
    this.socket.end(bytes);
  }

  /** Ends the connection as a crash would, once `bytes` are on their way. */
  reset(bytes: Uint8Array = new Uint8Array(0)): void {
    if (bytes.length > 0 && this.socket.writable) this.socket.write(bytes, () => this.reset());
    // Node never closes a socket that is reset while its end is on the way.
    else if (this.socket.writable) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** @internal keeps a message for {@link next} */
  keep(message: StreamMessage): void {
    this.#mailbox.put(message);
  }

  #read(chunk: Uint8Array): void {
    this.#owner.onChunk(this);
    for (const message of this.#parser.push(chunk)) this.#owner.onMessage(this, message);
    if (!this.#parser.idle) this.#owner.onPartial(this, this.#parser.bufferedBytes);
  }
}
