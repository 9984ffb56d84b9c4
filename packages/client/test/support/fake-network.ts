import type { Dial, ServerAddress, Transport, TransportHandlers } from '@gearman/pool';
import { encodePacket, type Packet, type PacketType, response, StreamParser } from '@gearman/protocol';

/** Connects nothing: the test plays the job servers by hand. */
export class FakeNetwork {
  /** Every attempt to connect so far, oldest first. */
  readonly attempts: FakeServer[] = [];

  readonly dial: Dial = (address, handlers) => {
    const server = new FakeServer(address, handlers);
    this.attempts.push(server);
    return server;
  };

  /** The newest attempt. */
  get last(): FakeServer {
    const last = this.attempts.at(-1);
    if (last === undefined) throw new Error('nothing was dialled');
    return last;
  }
}

/** The other end of one connection. */
export class FakeServer implements Transport {
  readonly address: ServerAddress;
  readonly bufferedBytes = 0;
  /** What the client sent and the test has not taken yet. */
  readonly received: Packet[] = [];
  /** The text commands it was sent. */
  readonly lines: string[] = [];
  /** The options it was asked for; it grants them all. */
  readonly options: string[] = [];
  ended = false;
  destroyed = false;
  /** True while the client reads nothing; what is sent reaches it all the same. */
  paused = false;
  readonly #handlers: TransportHandlers;
  readonly #parser = new StreamParser();

  constructor(address: ServerAddress, handlers: TransportHandlers) {
    this.address = address;
    this.#handlers = handlers;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) {
      for (const message of this.#parser.push(piece)) {
        if (message.type === 'TEXT') {
          this.lines.push(message.line);
          continue;
        }
        if (!('magic' in message) || 'sizeBytes' in message) throw new Error('the client sent garbage');
        if (message.type === 'OPTION_REQ') this.#grant(message.option);
        else this.received.push(message);
      }
    }
    return true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    this.#handlers.onClose(undefined);
  }

  destroy(): void {
    this.destroyed = true;
  }

  accept(): this {
    this.#handlers.onConnect();
    return this;
  }

  /** Refuses or ends the connection. */
  close(code?: string): void {
    this.#handlers.onClose(code === undefined ? undefined : Object.assign(new Error(code), { code }));
  }

  /** Sends packets in one chunk. */
  send(...packets: readonly Packet[]): void {
    this.sendBytes(Buffer.concat(packets.flatMap((packet) => encodePacket(packet))));
  }

  sendBytes(bytes: Uint8Array): void {
    const chunk = Uint8Array.from(bytes);
    this.#handlers.onData(chunk);
    // The real buffer is used again for the next read.
    chunk.fill(0xee);
  }

  /** Answers the oldest submits, in order. */
  create(...handles: readonly string[]): void {
    this.send(...handles.map((handle) => response('JOB_CREATED', { handle })));
  }

  complete(handle: string, result = ''): void {
    this.send(response('WORK_COMPLETE', { handle, data: Buffer.from(result) }));
  }

  #grant(option: string): void {
    this.options.push(option);
    queueMicrotask(() => this.send(response('OPTION_RES', { option })));
  }

  /** Takes the packets of one type out of what came. */
  take<T extends PacketType>(type: T): Packet<T>[] {
    const taken = this.received.filter((packet) => packet.type === type);
    for (const packet of taken) this.received.splice(this.received.indexOf(packet), 1);
    // The filter has compared the tags.
    return taken as unknown as Packet<T>[];
  }

  /** Types of what came and was not taken. */
  get types(): PacketType[] {
    return this.received.map(({ type }) => type);
  }
}

/** The end of this turn of the event loop, when everything it produced has been written. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
