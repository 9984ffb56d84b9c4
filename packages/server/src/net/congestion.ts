import type { PeerPort } from '../engine/peer.ts';

/** Somebody who sends too much to slow readers. */
export interface Producer {
  /** The reader has read. */
  goOn(): void;
}

/**
 * Readers that have too much waiting for them, and the workers that wait for them to read.
 *
 * That slows a worker down to the pace of its clients. It ends when the client has read, or is disconnected because it
 * took nothing for too long.
 */
export class Congestion {
  readonly #producers = new Map<PeerPort, Producer[]>();

  /** False most of the time. */
  get any(): boolean {
    return this.#producers.size > 0;
  }

  has(reader: PeerPort): boolean {
    return this.#producers.has(reader);
  }

  begin(reader: PeerPort): void {
    if (!this.#producers.has(reader)) this.#producers.set(reader, []);
  }

  /** Calls `producer.goOn()` when the reader has read or is gone. */
  wait(producer: Producer, reader: PeerPort): void {
    this.#producers.get(reader)?.push(producer);
  }

  end(reader: PeerPort): void {
    const producers = this.#producers.get(reader);
    this.#producers.delete(reader);
    for (const producer of producers ?? []) producer.goOn();
  }
}
