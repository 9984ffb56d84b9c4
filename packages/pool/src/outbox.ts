import { type Packet, PacketWriter } from '@gearman/protocol';
import type { Transport } from './transport.ts';

// A turn that produces more than this is written in pieces, so that sending starts before it ends.
const FLUSH_BYTES = 256 * 1024;

/**
 * What one connection still has to send. Everything that one turn of the event loop adds leaves in one write.
 *
 * Closed, it takes nothing and holds nothing.
 */
export class Outbox {
  readonly #writer = new PacketWriter({ allocate: (sizeBytes) => Buffer.allocUnsafe(sizeBytes) });
  #transport: Transport | undefined;
  #flushScheduled = false;
  #waiters: (() => void)[] = [];

  /** Bytes taken in that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#writer.sizeBytes + (this.#transport?.bufferedBytes ?? 0);
  }

  open(transport: Transport): void {
    this.#transport = transport;
  }

  /** Forgets what was not flushed and ends all waiting. */
  close(): void {
    this.#transport = undefined;
    this.#writer.take();
    this.wake();
  }

  /** Adds a packet. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`; then nothing was added */
  write(packet: Packet): void {
    this.#writer.write(packet);
    this.#schedule();
  }

  /** Adds text, one byte per character. */
  writeText(byteString: string): void {
    this.#writer.writeText(byteString);
    this.#schedule();
  }

  /** Hands over to the transport what this turn has added so far. */
  flush(): void {
    if (this.#writer.sizeBytes === 0) return;
    this.#transport?.write(this.#writer.take());
    if (this.#waiters.length > 0 && this.bufferedBytes < FLUSH_BYTES) this.wake();
  }

  /** Resolves when what waits is down to a healthy amount, or nothing can be sent any more. */
  drained(): Promise<void> {
    if (this.#transport === undefined || this.bufferedBytes < FLUSH_BYTES) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Ends the waiting of {@link drained}. */
  wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#writer.sizeBytes >= FLUSH_BYTES) {
      this.flush();
      return;
    }
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }
}
