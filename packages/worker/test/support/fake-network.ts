import type { Dial, Transport, TransportHandlers } from '@gearman/pool';
import { serverName } from '@gearman/pool';
import { encodePacket, type Packet, type PacketType, response, StreamParser } from '@gearman/protocol';

/** A packet as a server receives it: only requests, never text. */
const isPacket = (message: { readonly type: string }): message is Packet => 'magic' in message;

/** One connection, seen from the server that the test plays. */
export class FakePeer implements Transport {
  readonly #handlers: TransportHandlers;
  readonly #parser = new StreamParser();
  #received: Packet[] = [];
  #onPacket: ((packet: Packet) => void) | undefined;
  #jobs = 0;
  #buffer = Buffer.alloc(0);
  /** Hears text commands; without it they are errors. */
  onText: ((line: string) => void) | undefined;
  /** Requests for a job without an answer. */
  inFlight = 0;
  /** How many calls of `write` there were. */
  writes = 0;
  bufferedBytes = 0;
  open = true;

  constructor(handlers: TransportHandlers) {
    this.#handlers = handlers;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    this.writes++;
    for (const piece of pieces) {
      for (const message of this.#parser.push(Uint8Array.from(piece))) {
        if (message.type === 'TEXT' && this.onText !== undefined) {
          this.onText(message.line);
          continue;
        }
        if (!isPacket(message)) throw new Error(`the worker sent ${message.type}`);
        if (message.type.startsWith('GRAB_JOB')) this.inFlight++;
        if (this.#onPacket === undefined) this.#received.push(message);
        else this.#onPacket(message);
      }
    }
    return this.bufferedBytes === 0;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.close();
  }

  destroy(): void {
    this.open = false;
  }

  /** Accepts the connection. */
  accept(): void {
    this.#handlers.onConnect();
  }

  /** Ends the connection. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.#handlers.onClose(undefined);
  }

  drain(): void {
    this.bufferedBytes = 0;
    this.#handlers.onDrain();
  }

  send(...packets: readonly Packet[]): void {
    // The bytes are gone right after the call, as with a socket that reads into one buffer.
    const bytes = Buffer.concat(packets.flatMap((packet) => encodePacket(packet)));
    this.inFlight -= packets.filter(({ type }) => type === 'NO_JOB' || type.startsWith('JOB_ASSIGN')).length;
    if (this.#buffer.length < bytes.length) this.#buffer = Buffer.alloc(bytes.length);
    this.#buffer.set(bytes);
    this.#handlers.onData(this.#buffer.subarray(0, bytes.length));
    this.#buffer.fill(0xee);
  }

  /** Answers a text command, in a later turn. */
  sendText(text: string): void {
    setImmediate(() => this.#handlers.onData(Buffer.from(text)));
  }

  /** Assigns the next job: handles are `H:1`, `H:2` and so on. */
  assign(functionName = 'f', workload: Uint8Array | string = '', uniqueId = ''): string {
    const handle = `H:${++this.#jobs}`;
    this.send(
      response('JOB_ASSIGN_UNIQ', { handle, functionName, uniqueId, workload: Buffer.from(workload) }),
    );
    return handle;
  }

  /** From now on packets go to `listener`. */
  listen(listener: (packet: Packet) => void): void {
    this.#onPacket = listener;
    for (const packet of this.take()) listener(packet);
  }

  /** What came since the last call. */
  take(): Packet[] {
    return this.#received.splice(0);
  }

  /** The next packet, which must be of this type. */
  expect<T extends PacketType>(type: T): Packet<T> {
    const packet = this.#received.shift();
    if (packet?.type !== type) throw new Error(`expected ${type}, got ${packet?.type ?? 'nothing'}`);
    // The line above has just compared the tag.
    return packet as unknown as Packet<T>;
  }
}

/** Dials nothing: the test plays every server by hand. */
export class FakeNetwork {
  readonly #peers = new Map<string, FakePeer[]>();
  readonly dial: Dial = (address, handlers) => {
    const peer = new FakePeer(handlers);
    const name = serverName(address);
    this.#peers.set(name, [...(this.#peers.get(name) ?? []), peer]);
    return peer;
  };

  /** The newest connection to a server. */
  peer(server = 'a:1'): FakePeer {
    const peer = this.#peers.get(server)?.at(-1);
    if (peer === undefined) throw new Error(`nobody dialled ${server}`);
    return peer;
  }

  /** How often a server was dialled. */
  dials(server = 'a:1'): number {
    return this.#peers.get(server)?.length ?? 0;
  }
}

/** The end of this turn of the event loop, when what it produced has been written. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
