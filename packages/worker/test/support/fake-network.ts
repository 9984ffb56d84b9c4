import type { Dial } from '@gearman/pool';
import { serverName } from '@gearman/pool';
import { type Packet, type PacketType, response, type StreamMessage } from '@gearman/protocol';
import { FakeTransport } from '@gearman/testing';

export { turn } from '@gearman/testing';

/** A packet as a server receives it: only requests, never text. */
const isPacket = (message: StreamMessage): message is Packet =>
  'magic' in message && !('sizeBytes' in message);

/** One connection, seen from the server that the test plays. */
export class FakePeer extends FakeTransport {
  declare readonly received: Packet[];
  #onPacket: ((packet: Packet) => void) | undefined;
  #jobs = 0;
  /** Hears text commands; without it they are errors. */
  onText: ((line: string) => void) | undefined;
  /** Requests for a job without an answer. */
  inFlight = 0;
  open = true;

  override end(): void {
    this.close();
  }

  override destroy(): void {
    super.destroy();
    this.open = false;
  }

  override close(): void {
    if (!this.open) return;
    this.open = false;
    super.close();
  }

  drain(): void {
    this.bufferedBytes = 0;
    this.handlers.onDrain();
  }

  send(...packets: readonly Packet[]): void {
    this.inFlight -= packets.filter(({ type }) => type === 'NO_JOB' || type.startsWith('JOB_ASSIGN')).length;
    this.reply(...packets);
  }

  /** Answers a text command, in a later turn. */
  sendText(text: string): void {
    setImmediate(() => this.replyBytes(text));
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
    return this.received.splice(0);
  }

  /** The next packet, which must be of this type. */
  expect<T extends PacketType>(type: T): Packet<T> {
    const packet = this.received.shift();
    if (packet?.type !== type) throw new Error(`expected ${type}, got ${packet?.type ?? 'nothing'}`);
    // The line above has just compared the tag.
    return packet as unknown as Packet<T>;
  }

  protected override hear(message: StreamMessage): void {
    if (message.type === 'TEXT' && this.onText !== undefined) {
      this.onText(message.line);
      return;
    }
    if (!isPacket(message)) throw new Error(`the worker sent ${message.type}`);
    if (message.type.startsWith('GRAB_JOB')) this.inFlight++;
    if (this.#onPacket === undefined) super.hear(message);
    else this.#onPacket(message);
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
