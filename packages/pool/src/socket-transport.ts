import type { Socket } from 'node:net';
import type { Transport } from './transport.ts';

/** How long a TCP connection may be silent before the system asks whether the other side still lives. */
export const TCP_KEEPALIVE_MS = 60_000;

/** A TCP, Unix or TLS socket. */
export class SocketTransport implements Transport {
  /** True between the connect and the end of the TLS handshake. */
  handshaking = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  get takenBytes(): number {
    // Undocumented, but what Node's own socket.setTimeout() looks at to tell a slow write from a dead one: without it a
    // large piece seems to stand still until its last byte is gone.
    const { _handle: handle } = this.#socket as {
      readonly _handle?: { readonly writeQueueSize?: number } | null;
    };
    return this.#socket.bytesWritten - this.#socket.writableLength - (handle?.writeQueueSize ?? 0);
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return this.#socket.write(only);
    this.#socket.cork();
    let more = true;
    for (const piece of pieces) more = this.#socket.write(piece);
    this.#socket.uncork();
    return more;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
