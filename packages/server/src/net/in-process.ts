import { Duplex } from 'node:stream';

/** One end of a connection inside this process. */
class Pipe extends Duplex {
  other: Pipe | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.other?.receive(chunk, done);
  }

  override _final(done: () => void): void {
    this.other?.receive(null, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    this.other = undefined;
    if (other !== undefined && !other.destroyed) process.nextTick(() => other.destroy());
    done(error);
  }

  receive(chunk: Uint8Array | null, taken: () => void): void {
    if (this.destroyed || this.push(chunk) || chunk === null) taken();
    else this.#taken = taken;
  }
}

/** Two streams; what is written to one is read from the other, as over a socket. */
export function connectedPair(): [Duplex, Duplex] {
  const one = new Pipe({ allowHalfOpen: false });
  const other = new Pipe({ allowHalfOpen: false });
  one.other = other;
  other.other = one;
  return [one, other];
}
