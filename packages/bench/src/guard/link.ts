import type { Duplex } from 'node:stream';
import { HEADER_BYTES } from '@gearman/protocol';

/** A connection inside the process that looks at packets no more than it must. */
export class Link {
  readonly #stream: Duplex;
  readonly #onPacket: (type: number, bytes: Uint8Array, from: number, to: number) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #missing = 0;
  #resolve: (() => void) | undefined;

  /** @param onPacket is told where in the bytes a packet's body is; they are not to be kept */
  constructor(
    stream: Duplex,
    onPacket: (type: number, bytes: Uint8Array, from: number, to: number) => void = () => {},
  ) {
    this.#stream = stream;
    this.#onPacket = onPacket;
    stream.on('data', (chunk: Uint8Array) => this.#read(chunk));
  }

  /** Sends bytes and resolves when so many packets have come. */
  ask(bytes: Uint8Array, packets: number): Promise<void> {
    this.#missing += packets;
    this.#stream.write(bytes);
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#settle();
    });
  }

  send(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  close(): void {
    this.#stream.destroy();
  }

  #read(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + uint32(bytes, at + 8);
      if (end > bytes.length) break;
      this.#onPacket(uint32(bytes, at + 4), bytes, at + HEADER_BYTES, end);
      this.#missing--;
      at = end;
    }
    this.#rest = at === bytes.length ? new Uint8Array(0) : bytes.slice(at);
    this.#settle();
  }

  #settle(): void {
    if (this.#missing > 0) return;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.();
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
