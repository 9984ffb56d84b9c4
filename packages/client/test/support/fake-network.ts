import type { Dial, ServerAddress, TransportHandlers } from '@gearman/pool';
import { type Packet, type PacketType, response, type StreamMessage } from '@gearman/protocol';
import { FakeTransport } from '@gearman/testing';

export { turn } from '@gearman/testing';

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
export class FakeServer extends FakeTransport {
  readonly address: ServerAddress;
  /** What the client sent and the test has not taken yet. */
  declare readonly received: Packet[];
  /** The text commands it was sent. */
  readonly lines: string[] = [];
  /** The options it was asked for; it grants them all. */
  readonly options: string[] = [];

  constructor(address: ServerAddress, handlers: TransportHandlers) {
    super(handlers);
    this.address = address;
  }

  override end(): void {
    super.end();
    this.close();
  }

  /** Sends packets in one chunk. */
  send(...packets: readonly Packet[]): void {
    this.reply(...packets);
  }

  /** Answers the oldest submits, in order. */
  create(...handles: readonly string[]): void {
    this.send(...handles.map((handle) => response('JOB_CREATED', { handle })));
  }

  complete(handle: string, result = ''): void {
    this.send(response('WORK_COMPLETE', { handle, data: Buffer.from(result) }));
  }

  /** False for a server that knows none. */
  grantsOptions = true;

  /** Takes the packets of one type out of what came. */
  take<T extends PacketType>(type: T): Packet<T>[] {
    const taken = this.received.filter((packet) => packet.type === type);
    for (const packet of taken) this.received.splice(this.received.indexOf(packet), 1);
    // The filter has compared the tags.
    return taken as unknown as Packet<T>[];
  }

  protected override hear(message: StreamMessage): void {
    if (message.type === 'TEXT') this.lines.push(message.line);
    else if (!('magic' in message) || 'sizeBytes' in message) throw new Error('the client sent garbage');
    else if (message.type === 'OPTION_REQ') this.#grant(message.option);
    else super.hear(message);
  }

  #grant(option: string): void {
    this.options.push(option);
    const refusal = { code: 'UNKNOWN_OPTION', text: 'Server does not recognize given option' };
    const answer = this.grantsOptions ? response('OPTION_RES', { option }) : response('ERROR', refusal);
    queueMicrotask(() => this.send(answer));
  }
}
