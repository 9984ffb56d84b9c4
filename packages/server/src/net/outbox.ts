import { type Packet, PacketWriter } from '@gearman/protocol';
import type { Transport } from './transport.ts';

/** Idle connections need no writer; a busy server needs as many as it has connections with output in one turn. */
const spareWriters: PacketWriter[] = [];
const MOST_SPARE_WRITERS = 64;
/** Most turns fit into one block, and one block leaves with one plain write. */
const SMALLEST_BLOCK_BYTES = 2048;

function newWriter(): PacketWriter {
  return new PacketWriter({ allocate: (bytes) => Buffer.allocUnsafe(Math.max(bytes, SMALLEST_BLOCK_BYTES)) });
}

/** What waits to be sent to one peer. Collects during a turn, leaves in one write. */
export class Outbox {
  readonly #transport: Transport;
  readonly #hardBytes: number;
  #writer: PacketWriter | undefined;
  #overflown = false;
  // What the transport held when this turn's first output came; asking it for every packet is not free.
  #waitingBytes = 0;

  constructor(transport: Transport, hardBytes: number) {
    this.#transport = transport;
    this.#hardBytes = hardBytes;
  }

  /** True when the peer had too much waiting already and more came: what came is dropped, disconnect it. */
  get overflown(): boolean {
    return this.#overflown;
  }

  /** True when something was added since the last {@link flush}. */
  get filled(): boolean {
    return this.#writer !== undefined;
  }

  /** Everything the peer has not taken yet. */
  get sizeBytes(): number {
    const writer = this.#writer;
    return writer === undefined ? this.#transport.writableLength : this.#waitingBytes + writer.sizeBytes;
  }

  /** @returns false when the outbox is full */
  write(packet: Packet): boolean {
    const writer = this.#open();
    if (writer === undefined) return false;
    writer.write(packet);
    return true;
  }

  /** Adds text, one byte per character. @returns false when the outbox is full */
  writeText(byteString: string): boolean {
    const writer = this.#open();
    if (writer === undefined) return false;
    writer.writeText(byteString);
    return true;
  }

  /** Hands everything over to the transport. */
  flush(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    const chunks = writer.take();
    if (spareWriters.length < MOST_SPARE_WRITERS) spareWriters.push(writer);
    const transport = this.#transport;
    if (chunks.length === 1 && chunks[0] !== undefined) {
      transport.write(chunks[0]);
      return;
    }
    transport.cork();
    for (const chunk of chunks) transport.write(chunk);
    transport.uncork();
  }

  #open(): PacketWriter | undefined {
    let writer = this.#writer;
    if (writer === undefined) {
      this.#waitingBytes = this.#transport.writableLength;
      if (this.#waitingBytes <= this.#hardBytes) writer = this.#writer = spareWriters.pop() ?? newWriter();
    } else if (this.#waitingBytes + writer.sizeBytes > this.#hardBytes) {
      writer = undefined;
    }
    if (writer === undefined) this.#overflown = true;
    return writer;
  }
}
